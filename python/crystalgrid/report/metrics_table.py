"""The table of metrics: with their intervals, what they could be at most, and what the paper reports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .seen_formulas import SEEN, UNSEEN

PAPER: dict[str, dict[str, Any]] = {
    "single": {
        "recall_0p5A": 0.99, "count_exact": 0.90, "count_within_1": 0.97,
        "species_exact": 0.66, "species_within_2": 0.98,
    },
    "repeated": {
        "pred_to_true_A": {"p50": 0.2, "p75": 1.0, "p90": 2.0}, "true_to_pred_A": {"p75": 1.0},
        "species_exact": 0.654, "z_pearson": 0.98,
    },
}  # fmt: skip
"""Metrics that Hoffmann et al. 2019 report (sections 4.1 and 4.2.2), on a random split of other crystals."""
BOUNDED = ("count_exact", "count_within_1")
"""Metrics of the model that are marked as bounded by those of `extraction_only`."""
BOUND_NOTE = "≤: the most there could be, as atoms found in the true labels (extraction only) give it"
NAME, WIDE, NARROW, LAST = 19, 33, 12, 9
"""Characters of the columns: names, values with an interval, values alone, the paper's; 118 in all."""


def all_tables(metrics: dict[str, Any]) -> str:
    """Return the table of metrics, and that of crystals of seen and of unseen formulas if there are both."""
    return metrics_table(metrics) + ("\n\n" + halves_table(metrics) if SEEN in metrics else "")


def metrics_table(metrics: dict[str, Any]) -> str:
    """Return the metrics as a text table with a column of the paper's."""
    interior, extraction = metrics["interior"], metrics["extraction_only"]
    counted = f"{metrics['n_cubes']} cubes of {metrics['n_crystals']} crystals, {metrics['mode']} mode"
    heads = f"{'model':>{WIDE}}{'interior':>{WIDE}}{'extraction':>{NARROW}}{'interior':>{NARROW}}{'paper':>{LAST}}"
    lines = [
        f"{counted}: {_atoms(metrics)}",
        f"interior: {_atoms(interior)}",
        metrics["interval_method"],
        " " * NAME + heads,
    ]
    for names in _rows(metrics):
        line = _name(names) + "".join(_with_interval(part, names, metrics) for part in (metrics, interior))
        for part in (extraction, extraction["interior"]):
            bound = "≤ " if names[0] in BOUNDED else ""
            line += f"{bound + _number(_at(part, names), metrics):>{NARROW}}"
        lines.append(line + f"{_number(_at(PAPER[metrics['mode']], names)):>{LAST}}")
    return "\n".join(line.rstrip() for line in [*lines, BOUND_NOTE])


def halves_table(metrics: dict[str, Any]) -> str:
    """Return the metrics of crystals whose formula the model was trained on, and of the others, as a text table."""
    halves = metrics[SEEN], metrics[UNSEEN]
    heads = (f"{key.replace('_', ' ')}: {metrics[key]['n_crystals']} crystals" for key in (SEEN, UNSEEN))
    lines = [" " * NAME + "".join(f"{head:>{WIDE}}" for head in heads)]
    for names in _rows(metrics):
        lines.append(_name(names) + "".join(_with_interval(half, names, metrics) for half in halves))
    return "\n".join(lines)


def _atoms(region: dict[str, Any]) -> str:
    return f"{region['n_true']} true atoms, {region['n_found']} found, {region['n_matched']} of these within 0.5 Å"


def _rows(metrics: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield the key of each metric, and of each percentile."""
    for key in (key for key in metrics if key in metrics["intervals"]):
        yield from ((key, part) for part in metrics[key]) if isinstance(metrics[key], dict) else [(key,)]


def _name(names: tuple[str, ...]) -> str:
    return " ".join(names).ljust(NAME)


def _at(content: dict[str, Any], names: tuple[str, ...]) -> Any:
    """Return what is at a path of keys, None where it ends early."""
    value: Any = content
    for name in names:
        value = (value or {}).get(name)
    return value


def _with_interval(part: dict[str, Any], names: tuple[str, ...], metrics: dict[str, Any]) -> str:
    ends = _at(part["intervals"], names)
    interval = "" if ends is None else f" [{', '.join(_number(end, metrics, '∞') for end in ends)}]"
    return f"{_number(_at(part, names), metrics) + interval:>{WIDE}}"


def _number(value: float | None, metrics: dict[str, Any] | None = None, none_found: str = "none found") -> str:
    """Return a value as text; a distance that stands for no atom at all is told so."""
    if value is None:
        return "–"
    return none_found if metrics and abs(value - metrics["none_found_A"]) < 1e-9 else f"{value:.4g}"
