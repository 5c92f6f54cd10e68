"""The distributions of known crystals, which a page shows beside those of its own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from ...crystal import SYMBOLS
from ...data.crystalset import CrystalSet
from ...data.sources import all_in_one
from ...worth.validity import SYMPREC
from .source import columns_of

MOST_CRYSTALS = 2000
"""The most known crystals that are looked at: a share of them is right to two percentage points."""


def distributions(known: CrystalSet, path: Path) -> dict[str, Any]:
    """Return what a page compares with: values of known crystals, at most 2,000 chosen at random but always the same.

    volume_per_atom: Å³; energy_above_hull: eV/atom, empty if the file has none; elements and space_groups: the number
    of crystals that have each.
    """
    rows = np.sort(np.random.default_rng(0).permutation(len(known))[:MOST_CRYSTALS])
    chosen = known[rows]
    counts: Counter[str] = Counter()
    groups: Counter[str] = Counter()
    for crystal in chosen:
        counts.update(SYMBOLS[z - 1] for z in set(crystal.numbers.tolist()))
        groups[crystal.symmetry(SYMPREC).symbol] += 1
    file = all_in_one(path)
    columns = columns_of(file, chosen.ids.tolist()) if file.suffix == ".parquet" else {}
    energies = np.array(columns.get("energy_above_hull", []), dtype=float)
    return {
        "name": path.name,
        "total": len(known),
        "count": len(chosen),
        "volume_per_atom": [round(crystal.volume / len(crystal), 2) for crystal in chosen],
        "energy_above_hull": energies[np.isfinite(energies)].round(4).tolist(),
        "elements": dict(counts),
        "space_groups": dict(groups),
    }
