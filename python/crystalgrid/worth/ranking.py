"""The order in which crystals are worth looking at, and how many are stable, unique and new, as papers count it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from .check import Checked
from .relax import Relaxed
from .shares import Share

ON_HULL, NEAR_HULL = 1e-5, 0.1
"""eV/atom; a crystal up to the first is stable (what single precision does not tell from 0), up to the second
metastable."""
LEFT_OUT = "left out: "
"""The beginning of the reason why a crystal was not to be relaxed."""
REASONS = 3
"""The most reasons of failure that the summary prints."""


def is_new(row: Checked) -> bool:
    """Return whether a crystal stands for its kind among all, and is not known."""
    return not row.same_as and not row.known_as


def ranks(checked: Sequence[Checked], relaxed: Sequence[Relaxed]) -> list[int]:
    """Return the rank of each of B crystals, the best 1: valid, new, not doubtful, lowest above the hull, least moved.

    Where two potentials were asked, the higher of the energies above their hulls counts. Crystals without such an
    energy come after those that have one, and those that could not be relaxed after doubtful ones.
    """

    def key(i: int) -> tuple[object, ...]:
        row, result = checked[i], relaxed[i]
        moved = float("inf") if result.rms_moved is None else result.rms_moved
        failed, doubtful = bool(result.relax_error), bool(result.doubtful)
        return not row.lemat_valid, not is_new(row), failed, doubtful, result.worse, moved

    order = sorted(range(len(checked)), key=key)
    rank_of = {index: rank for rank, index in enumerate(order, start=1)}
    return [rank_of[i] for i in range(len(order))]


def stability_summary(
    checked: Sequence[Checked], relaxed: Sequence[Relaxed], unreadable: int, protocol: str
) -> dict[str, Any]:
    """Return how many crystals are stable or metastable, unique, new and valid, of all draws and of the valid ones.

    unreadable: the number of draws that could not be read, which count among all. There are no shares if no crystal
    has an energy above the hull: nobody knows then which are stable.
    """
    valid = sum(row.lemat_valid for row in checked)
    pairs = [
        (row, result)
        for row, result in zip(checked, relaxed, strict=True)
        if not result.relax_error and not result.doubtful
    ]
    result: dict[str, Any] = {"protocol": protocol, "n": len(checked) + unreadable, "valid": valid}
    result |= {
        "relaxed": sum(not row.relax_error for row in relaxed),
        "converged": sum(bool(row.converged) for row in relaxed),
        "doubtful": sum(bool(row.doubtful) for row in relaxed),
        "without_reference": sum(row.energy_above_hull is None and not row.relax_error for row in relaxed),
    }
    reasons = Counter(
        row.relax_error for row in relaxed if row.relax_error and not row.relax_error.startswith(LEFT_OUT)
    )
    result["failed"] = dict(reasons.most_common())
    unknown = all(row.energy_above_hull is None for row in relaxed)
    for name, limit in () if unknown else (("sun", ON_HULL), ("msun", NEAR_HULL)):
        number = sum(row.lemat_valid and is_new(row) and relaxed_row.worse <= limit for row, relaxed_row in pairs)
        result[name] = Share(number, len(checked) + unreadable).as_json()
        result[f"{name}_of_valid"] = Share(number, valid).as_json()
    return result


def stability_lines(found: dict[str, Any]) -> list[str]:
    """Return the summary as lines to print."""
    names = {"sun": "S.U.N. (≤ 0 eV/atom)", "msun": f"M.S.U.N. (≤ {NEAR_HULL} eV/atom)"}
    lines = [
        f"{found['relaxed']} crystals relaxed, {found['converged']} of them converged; {found['doubtful']} doubtful, "
        f"{found['without_reference']} of elements without a reference: these do not count as stable"
    ]
    if failed := found.get("failed"):
        commonest = list(failed.items())[:REASONS]
        others = sum(failed.values()) - sum(n for _, n in commonest)
        reasons = [f"{reason} ({n})" for reason, n in commonest] + ([f"other reasons ({others})"] if others else [])
        lines.append(f"{sum(failed.values())} could not be relaxed: {'; '.join(reasons)}")
    if "sun" not in found:
        return [*lines, f"S.U.N. and M.S.U.N. are not counted: no energy above the hull; {found['protocol']}"]
    for key, name in names.items():
        of_all, of_valid = (Share(found[k]["number"], found[k]["n"]) for k in (key, f"{key}_of_valid"))
        lines.append(f"{name}: {of_all} of all draws; {of_valid} of valid ones; {found['protocol']}")
    return lines
