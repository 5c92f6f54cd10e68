"""The energies above the hull that ship with the package, beside pymatgen's of the whole table and the databases' own.

    python benchmarks/hull.py --n 500

Random crystals of the table of energies get their energy above the hull of the shipped references, and by pymatgen's
`PhaseDiagram` of all crystals of their elements. The same hull is then set beside Materials Project's own energies
above its hull, as the public MP-20 has them.
"""

from __future__ import annotations

import os
import warnings
from itertools import compress
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import tyro
from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
from pymatgen.core.composition import Composition

from crystalgrid.crystal import MAX_Z, SYMBOLS
from crystalgrid.data.parquet import read_parquet
from crystalgrid.worth.hull import Hull
from crystalgrid.worth.hull_build import crystals_hull
from crystalgrid.worth.references import load_hull

DATA = Path(os.environ.get("CRYSTALGRID_DATA") or Path(__file__).parents[2] / "shared" / "data")


def numbers_of(counts: np.ndarray) -> np.ndarray:
    """Return the atomic numbers of the atoms of a formula, given as counts [95]."""
    return np.repeat(np.arange(MAX_Z + 1), counts)


def by_pymatgen(table: Hull, i: int) -> float | None:
    """Return how far phase i is above pymatgen's hull of all phases of its elements; None without an element."""
    among = ~(table.counts[:, table.counts[i] == 0] > 0).any(axis=1)
    entries = [
        PDEntry(Composition({SYMBOLS[z - 1]: int(n) for z, n in enumerate(row) if n}), energy * row.sum())
        for row, energy in zip(table.counts[among], table.energies[among], strict=True)
    ]
    if {len(entry.composition) for entry in entries if entry.is_element} != {1}:
        return None
    if sum(entry.is_element for entry in entries) < (table.counts[i] > 0).sum():
        return None
    own = next(compress(entries, np.flatnonzero(among) == i))
    return float(PhaseDiagram(entries).get_e_above_hull(own))


def hull(n: int = 500, seed: int = 0) -> None:
    """Print how the shipped hull compares.

    Args:
        n: number of crystals of the table.
        seed: of their choice.
    """
    warnings.simplefilter("ignore")  # pymatgen warns of elements without an electronegativity
    table = crystals_hull(DATA / "mp_10A.parquet", DATA / "chgnet_mp_10A.parquet")
    shipped = load_hull("chgnet")
    differences, without = [], 0
    for i in np.random.default_rng(seed).permutation(len(table.energies))[:n]:
        expected = by_pymatgen(table, i)
        above = shipped.above(numbers_of(table.counts[i]), table.energies[i])
        if expected is None or above is None:
            without += 1
        else:
            differences.append(1000 * (above.energy - expected))
    print(
        f"{len(differences)} crystals, {without} more of an element that the table lacks: "
        f"the shipped hull and pymatgen's differ by at most {np.abs(differences).max():.3f} meV/atom"
    )
    beside_materials_project(shipped)


def beside_materials_project(shipped: Hull) -> None:
    """Print how far energies above the shipped hull are from Materials Project's own, of crystals that are in both."""
    public = pq.read_table(DATA / "mp_20_ternary.parquet", columns=["immutable_id", "e_above_hull"]).to_pydict()
    own = dict(zip(public["immutable_id"], public["e_above_hull"], strict=True))
    table = pq.read_table(DATA / "chgnet_mp_10A.parquet").to_pydict()
    energies = dict(zip(table["immutable_id"], table["energy_per_atom"], strict=True))
    crystals = crystals_of(list(own))
    pairs = []
    for id, numbers in crystals.items():
        above = None if energies[id] is None else shipped.above(numbers, energies[id])
        if above is not None:
            pairs.append((above.energy, own[id]))
    ours, theirs = np.array(pairs).T
    off = 1000 * (ours - theirs)
    stable = theirs <= 0
    print(
        f"{len(pairs)} crystals of MP-20 beside Materials Project's energies above the hull: mean absolute difference "
        f"{np.abs(off).mean():.1f}, median {np.median(np.abs(off)):.1f}, bias {off.mean():+.1f} meV/atom; "
        f"{100 * (ours[stable] <= 0.03).mean():.1f} % of the {stable.sum()} stable within 30 meV/atom"
    )


def crystals_of(ids: list[str]) -> dict[str, np.ndarray]:
    """Return the atomic numbers of the crystals of the table that have these ids."""
    crystals = read_parquet(DATA / "mp_10A.parquet").crystals
    chosen = crystals[np.isin(crystals.ids.astype(str), ids)]
    return {str(id): crystal.numbers for id, crystal in zip(chosen.ids, chosen, strict=True)}


if __name__ == "__main__":
    tyro.cli(hull)
