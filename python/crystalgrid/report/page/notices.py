"""The notices at the head of a page: how many crystals there are, and what their figures cannot say."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from ...worth.ranking import NEAR_HULL, stability_lines
from .source import Reported

FEW = 30
"""The number of crystals below which the interval of a share is wider than 35 percentage points."""


def summary_of(reported: Reported) -> str:
    """Return the counts of a page in one sentence."""
    columns, n = reported.columns, len(reported.crystals)
    parts = [f"{sum(value is True for value in columns.get('lemat_valid', ())):,} valid"]
    if "new" in columns:
        parts.append(f"{sum(value == 'new' for value in columns['new']):,} new")
    if "energy_above_hull" in columns:
        doubtful = columns.get("doubtful", [None] * n)
        energies = [e for e, why in zip(columns["energy_above_hull"], doubtful, strict=True) if not why]
        low = sum(energy is not None and energy <= NEAR_HULL for energy in energies)
        parts.append(f"{low:,} at most {NEAR_HULL} eV/atom above the hull without a doubt")
    return f"{n:,} crystal{'s' if n > 1 else ''}: {', '.join(parts)}."


def counts_of(reported: Reported) -> list[str]:
    """Return the shares of stable, unique and new crystals as papers count them, if `relax` has counted them."""
    summary = reported.metadata.get("summary")
    return stability_lines(summary) if isinstance(summary, dict) else []


def notices(reported: Reported, source: Path) -> Iterator[str]:
    """Yield what must be said before anybody reads the table, a sentence or two each."""
    columns, n, name = reported.columns, len(reported.crystals), shlex.quote(str(source))
    if reported.total > n:
        are_ranked = {"rank", "energy_above_hull", "lemat_valid"} & columns.keys() and not reported.was_checked
        choice = "best" if are_ranked else "first"
        yield f"{source} has {reported.total:,} crystals: this page shows the {choice} {n:,}, and counts these alone."
    if "energy_above_hull" not in columns:
        yield (
            "No energies: nothing on this page says which crystals would last. "
            f"Run: crystalgrid relax {name} -o relaxed, and report that folder."
        )
    elif missing := sum(value is None or value != value for value in columns["energy_above_hull"]):
        why = "; what stands beside each picture says why" if "relax_error" in columns else ""
        yield f"{missing:,} of {n:,} crystals have no energy above the hull{why}."
    if "new" not in columns:
        yield (
            "Nothing says which crystals are new. "
            f"Run: crystalgrid check {name} -o checked --against KNOWN, with the file of known crystals."
        )
    if n < FEW:
        yield f"Only {n} crystal{'s' if n > 1 else ''}: shares and distributions of so few say little."
    if doubtful := sum(map(bool, columns.get("doubtful", ()))):
        yield f"Energies that are doubtful: {doubtful:,}. The table says why; they do not count as stable."
    if unreadable := len(reported.skipped) + len(reported.metadata.get("unreadable", ())):
        example = f" The first is {reported.skipped[0]}." if reported.skipped else ""
        yield f"Files or crystals that could not be read: {unreadable:,}.{example}"
