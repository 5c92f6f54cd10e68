"""The energies above the hull that ship with the package, beside pymatgen's of the whole table and the databases' own.

    python benchmarks/hull.py --n 500
    python benchmarks/hull.py --n 300 --calculator 7net-0 --references 7net-0.parquet --systems-of draws

Random crystals of the table of energies get their energy above the hull of the shipped references, and by pymatgen's
`PhaseDiagram` of all crystals of their elements. The same hull is then set beside Materials Project's own energies
above its hull, as the public MP-20 has them. The second command does that with another potential's hull, which
`crystalgrid hull build` has made, beside CHGNet's of the same crystals: random ones of the chemical systems that the
hull was made for.
"""

from __future__ import annotations

import warnings
from itertools import compress
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import tyro
from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
from pymatgen.core.composition import Composition

from crystalgrid.crystal import MAX_Z, SYMBOLS
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.parquet import read_parquet
from crystalgrid.worth.hull import Hull
from crystalgrid.worth.hull_build import crystals_hull
from crystalgrid.worth.hull_energies import Selection, as_they_stand, tabled
from crystalgrid.worth.references import load_hull
from data_folder import DATA

CRYSTALS, CHGNET, MP20 = "mp_10A.parquet", "chgnet_mp_10A.parquet", "mp_20_ternary.parquet"


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


def hull(
    n: int = 500,
    seed: int = 0,
    calculator: str = "",
    references: Path | None = None,
    systems_of: Path | None = None,
    workers: int = 1,
) -> None:
    """Print how the shipped hull compares, or that of another potential.

    Args:
        n: number of crystals.
        seed: of their choice.
        calculator: another potential.
        references: reference energies by it.
        systems_of: the crystals whose chemical systems these references are of; all by default.
        workers: number of processes.
    """
    warnings.simplefilter("ignore")  # pymatgen warns of elements without an electronegativity
    shipped = load_hull("chgnet")
    public = crystals_of_both(Selection(systems_of=systems_of))
    if references is not None:
        chosen = public[np.sort(np.random.default_rng(seed).permutation(len(public))[:n])]
        journal = Path(f"hull-{calculator.replace(':', '-')}.jsonl")
        energies = as_they_stand(chosen, calculator, journal, public.checksum[:12], workers)
        beside_materials_project(calculator, chosen, energies, load_hull(references))
        beside_materials_project("chgnet", chosen, tabled(chosen, DATA / CHGNET), shipped)
        return
    beside_pymatgen(shipped, n, seed)
    beside_materials_project("chgnet", public, tabled(public, DATA / CHGNET), shipped)


def beside_pymatgen(shipped: Hull, n: int, seed: int) -> None:
    """Print how far the shipped hull is from pymatgen's of the whole table, of n random crystals of that table."""
    table = crystals_hull(DATA / CRYSTALS, DATA / CHGNET)
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


def beside_materials_project(name: str, crystals: CrystalSet, energies: np.ndarray, hull: Hull) -> None:
    """Print how far energies above a potential's hull are from Materials Project's own, of B crystals of MP-20.

    energies: [B] eV/atom by that potential.
    """
    public = pq.read_table(DATA / MP20, columns=["immutable_id", "e_above_hull"]).to_pydict()
    own = dict(zip(public["immutable_id"], public["e_above_hull"], strict=True))
    pairs = []
    for crystal, id, energy in zip(crystals, crystals.ids, energies, strict=True):
        above = None if np.isnan(energy) else hull.above(crystal.numbers, energy)
        if above is not None:
            pairs.append((above.energy, own[id]))
    ours, theirs = np.array(pairs).T
    off = 1000 * (ours - theirs)
    stable = theirs <= 0
    print(
        f"{name}: {len(pairs)} crystals of MP-20 beside Materials Project's energies above the hull: mean absolute "
        f"difference {np.abs(off).mean():.1f}, median {np.median(np.abs(off)):.1f}, bias {off.mean():+.1f} meV/atom; "
        f"{100 * (ours[stable] <= 0.03).mean():.1f} % of the {stable.sum()} stable within 30 meV/atom"
    )


def crystals_of_both(selection: Selection) -> CrystalSet:
    """Return the crystals of the table of energies that are in the public MP-20, too."""
    crystals = read_parquet(DATA / CRYSTALS).crystals
    ids = pq.read_table(DATA / MP20, columns=["immutable_id"])["immutable_id"].to_pylist()
    return selection.among(crystals[np.isin(crystals.ids.astype(str), ids)])


if __name__ == "__main__":
    tyro.cli(hull)
