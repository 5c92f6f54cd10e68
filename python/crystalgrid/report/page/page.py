"""The page of crystals, one file of HTML that needs no network: what `crystalgrid report` writes."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from ... import __version__
from ...crystal import Crystal
from ...data.crystalset import CrystalSet
from ...errors import InputError
from ...files import check_output, written_whole
from ...pool import Workers, in_processes
from ...progress import progress
from ...worth.check import read_set
from ...worth.hull import Hull
from ...worth.references import load_hull
from ...worth.steps import Step
from ...worth.validity import SYMPREC
from .as_shown import Columns
from .columns import COLUMNS, IN_TABLE, column
from .drawing import drawing, elements
from .known import distributions
from .notices import counts_of, notices, summary_of
from .parts import MARKS, filters, steps_list
from .phases import phase_diagrams
from .source import Reported, reported

HERE = Path(__file__).parent
SCRIPTS = ("crystal.js", "table.js", "charts.js", "phases.js", "page.js")
"""The scripts of the page in the order in which they need each other."""
MOST_BYTES = 14_000_000
"""The most bytes of crystals in a page, which leaves a megabyte for all else."""
CHUNK_SIZE = 32
"""The number of crystals that a process draws at a time; no process is started for fewer."""
ENDINGS = (".html", ".htm")


def write_report(source: Path, out: Path, against: Path | None, hull: str | None, workers: Workers) -> None:
    """Write the page of the best crystals of a file or folder, and print what it holds.

    against: known crystals, beside whose distributions those of the page are drawn. hull: the name or file of reference
    energies by the method that the crystals' energies are from; by default the one that relaxing took.
    """
    if out.suffix.lower() not in ENDINGS:
        raise InputError(f"{out}: wanted a name that ends in one of {', '.join(ENDINGS)}")
    check_output(out)
    references = None if hull is None else load_hull(hull)
    known = None if against is None else read_set(against)
    found = reported(source, known, workers)
    drawings, cifs = _drawn(found.crystals, workers)
    kept = len(drawings)
    if kept < len(found.crystals):
        columns = {name: values[:kept] for name, values in found.columns.items()}
        found = found._replace(crystals=found.crystals[:kept], columns=columns)
    above = np.array(found.columns.get("energy_above_hull", [None] * kept), dtype=float)
    data = {
        "columns": _described(found.columns),
        "drawings": drawings,
        "cifs": cifs,
        "elements": elements(found.crystals.numbers),
        "known": None if known is None or against is None else distributions(known, against),
        "phases": phase_diagrams(found.crystals, np.isfinite(above), references or _hull_of(found.steps)),
    }
    text = page(source, found, data)
    with written_whole(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(f"{out}: {kept:,} of {found.total:,} crystals, {out.stat().st_size / 1e6:.1f} MB")


def _hull_of(steps: Sequence[Step]) -> Hull | None:
    """Return the hull that the last relaxation took, or None if nothing tells or its file is gone."""
    names = [step["settings"]["hull"] for step in steps if step.get("settings", {}).get("hull")]
    try:
        return load_hull(names[-1]) if names else None
    except InputError:
        return None


def _drawn(crystals: CrystalSet, workers: Workers) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the drawings and the CIF files of the first crystals, as many as a page has room for."""
    drawings, cifs, size = list[dict[str, Any]](), list[str](), 0
    parts = in_processes(_drawing_and_cif, ((crystal,) for crystal in crystals), workers, CHUNK_SIZE)
    with closing(parts):
        for picture, cif in progress(parts, "drawing", len(crystals)):
            size += len(json.dumps(picture, separators=(",", ":"))) + len(json.dumps(cif))
            if size > MOST_BYTES and drawings:
                break
            drawings.append(picture)
            cifs.append(cif)
    return drawings, cifs


def _drawing_and_cif(crystal: Crystal) -> tuple[dict[str, Any], str]:
    return drawing(crystal), crystal.to_cif(SYMPREC)


def _described(columns: Columns) -> dict[str, dict[str, Any]]:
    """Return columns with all that a page needs to show them, the explained ones first."""
    names = [name for name in COLUMNS if name in columns] + [name for name in columns if name not in COLUMNS]
    return {name: {**column(name)._asdict(), "values": list(map(_short, columns[name]))} for name in names}


def _short(value: Any) -> Any:
    """Return a value as JSON has it: numbers of six digits, null for what is not finite."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value


def page(source: Path, found: Reported, data: dict[str, Any]) -> str:
    """Return the text of the page of a source's crystals. data: what its scripts show."""
    columns = data["columns"]
    table = [name for name in IN_TABLE if name in columns]
    text = json.dumps({**data, "table": table}, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Template((HERE / "page.html").read_text("utf-8")).substitute(
        title=html.escape(source.absolute().name),
        summary=html.escape(summary_of(found)),
        notices="\n".join(f'<p class="notice">{html.escape(notice)}</p>' for notice in notices(found, source)),
        filters=filters(columns),
        marks=MARKS if "energy_above_hull" in columns else "",
        distributions=html.escape(_distributions(data["known"])),
        counts="\n".join(f"<p>{html.escape(line)}</p>" for line in counts_of(found)),
        steps=steps_list(found.steps),
        version=html.escape(__version__),
        style=(HERE / "page.css").read_text("utf-8"),
        script="\n".join((HERE / name).read_text("utf-8") for name in SCRIPTS),
        data=text.replace("<", "\\u003c"),  # so that no text of a crystal can end the script it stands in
    )


def _distributions(known: dict[str, Any] | None) -> str:
    text = "Of the crystals that the table shows. The triangle is at the chosen one."
    if known is None:
        return f"{text} With --against FILE, those of known crystals are drawn beside them."
    chosen = "" if known["count"] == known["total"] else f" ({known['count']:,} of them, chosen at random)"
    return (
        f"Bars: the crystals that the table shows. Black lines and diamonds: the {known['total']:,} crystals of "
        f"{known['name']}{chosen}. The triangle is at the chosen crystal."
    )
