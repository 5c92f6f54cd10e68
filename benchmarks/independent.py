"""Crystals that were drawn, judged by other libraries alone: none of this project's code is used.

    crystalgrid sample mp10a -n 1000 --seed 11 -o draws
    python benchmarks/independent.py draws --data mp_10A.parquet

ASE reads the files; pymatgen, smact and spglib judge. Counts are of all crystals of the folder, shares have 95 %
intervals by Wilson's score. generation.py judges the same draws by this project's own code.
"""

from __future__ import annotations

import csv
import math
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pyarrow.parquet
import pymatgen.core
import spglib
import tyro
from ase import Atoms
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Composition, Element, Structure
from pymatgen.io.ase import AseAtomsAdaptor
from smact.screening import smact_validity

REACH = 5.0
"""Å; the farthest atoms whose distances are looked at. Atoms without any neighbour so near are not too near."""


def share(values: list[bool]) -> str:
    """Return the number of true values, their share and its 95 % interval."""
    n, count = len(values), sum(values)
    p, z2 = count / n, 1.96**2 / n
    half = math.sqrt(z2 * (p * (1 - p) + z2 / 4))
    low, high = (max(0.0, (p + z2 / 2 + sign * half) / (1 + z2)) for sign in (-1, 1))
    return f"{count} of {n}, {100 * p:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def space_group(atoms: Atoms, symprec: float) -> int:
    """Return the number of the space group that spglib finds within symprec Å; 0 for none."""
    dataset = spglib.get_symmetry_dataset((atoms.cell[:], atoms.get_scaled_positions(), atoms.numbers), symprec)
    return 0 if dataset is None else int(dataset.number)


def distances(structure: Structure) -> tuple[float, bool]:
    """Return the smallest distance in Å, and whether LeMat-GenBench's rule holds for all.

    Two atoms must be as far apart as half the sum of their radii and 0.7 Å.
    """
    radii = np.array([float(site.specie.atomic_radius or 1) for site in structure])
    i, j, _, lengths = structure.get_neighbor_list(REACH)
    if not len(lengths):
        return math.inf, True
    return float(lengths.min()), bool((lengths >= 0.5 * (0.7 + radii[i] + radii[j])).all())


def repeats(structures: list[Structure]) -> int:
    """Return how many structures match an earlier one."""
    groups: dict[str, list[Structure]] = {}
    for structure in structures:
        groups.setdefault(structure.composition.reduced_formula, []).append(structure)
    different = sum(len(StructureMatcher().group_structures(group)) for group in groups.values() if len(group) > 1)
    return len(structures) - different - sum(len(group) == 1 for group in groups.values())


def reduced(symbols: list[str]) -> tuple[tuple[str, int], ...]:
    """Return the elements and the smallest whole numbers that are in the ratio of their atoms."""
    counts = Counter(symbols)
    divisor = math.gcd(*counts.values())
    return tuple(sorted((symbol, n // divisor) for symbol, n in counts.items()))


def known(structures: list[Structure], data: Path) -> list[bool]:
    """Return of each structure whether some crystal of a Parquet file matches it."""
    table = pyarrow.parquet.read_table(data)
    groups: dict[Any, list[int]] = {}
    for row, symbols in enumerate(table["species_at_sites"].to_pylist()):
        groups.setdefault(reduced(symbols), []).append(row)

    def crystal(row: int) -> Structure:
        columns = ("lattice_vectors", "species_at_sites", "cartesian_site_positions")
        lattice, species, positions = (table[name][row].as_py() for name in columns)
        return Structure(lattice, species, positions, coords_are_cartesian=True)

    matcher = StructureMatcher()
    found = []
    for structure in structures:
        rows = groups.get(reduced([site.specie.symbol for site in structure]), [])
        found.append(any(matcher.fit(structure, crystal(row)) for row in rows))
    return found


def judged(rows: list[dict[str, str]], frames: list[Atoms], cifs: list[Atoms]) -> dict[str, list[bool]]:
    """Return what was counted, and of which crystals it is true: rows of the table, frames and CIFs of each."""
    structures = [AseAtomsAdaptor.get_structure(frame) for frame in frames]
    smallest, far_enough = zip(*map(distances, structures), strict=True)
    close = [distance < 1 for distance in smallest]
    hydrogen = [Element("H") in structure.composition for structure in structures]
    formulas = [
        [Composition(atoms.get_chemical_formula()).reduced_formula for atoms in crystals] for crystals in (frames, cifs)
    ]
    n = repeats(structures)
    return {
        "formula of frame and CIF as the table says": [
            row["formula"] == frame == cif for row, frame, cif in zip(rows, *formulas, strict=True)
        ],
        "space group of the CIF, 0.01 Å, as the table says": [
            int(row["space_group_number"]) == space_group(cif, 0.01) for row, cif in zip(rows, cifs, strict=True)
        ],
        "composition valid, smact14": [smact_validity(row["formula"], oxidation_states_set="smact14") for row in rows],
        "distances valid by LeMat-GenBench's rule": list(far_enough),
        "P1, 0.1 Å": [space_group(frame, 0.1) == 1 for frame in frames],
        "smallest distance below 1 Å": close,
        "  of these without hydrogen": [a and not b for a, b in zip(close, hydrogen, strict=True)],
        "matches no earlier one": [True] * (len(frames) - n) + [False] * n,
    }


def independent(folder: tyro.conf.Positional[Path], data: Path | None = None) -> None:
    """Judge the crystals that `crystalgrid sample` wrote, and print the table.

    Args:
        folder: where crystals.xyz, crystals.csv and cif/ are.
        data: the Parquet file of known crystals, if new ones are to be counted.
    """
    warnings.simplefilter("ignore")  # pymatgen warns of elements without an electronegativity
    frames = ase.io.read(folder / "crystals.xyz", ":")
    with (folder / "crystals.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    cifs = [ase.io.read(folder / "cif" / f"{row['index']}.cif") for row in rows]
    lines = judged(rows, frames, cifs)
    if data is not None:
        structures = [AseAtomsAdaptor.get_structure(frame) for frame in frames]
        lines[f"matches none of {data.name}"] = [not found for found in known(structures, data)]
    n_elements = [len(set(frame.numbers)) for frame in frames]
    print(f"{folder}: {len(frames)} crystals; pymatgen {pymatgen.core.__version__}, spglib {spglib.__version__}")
    print("\n".join(f"{name:52}{share(values)}" for name, values in lines.items()))
    print(f"{'elements a crystal':52}{np.mean(n_elements):.2f}")


if __name__ == "__main__":
    tyro.cli(independent)
