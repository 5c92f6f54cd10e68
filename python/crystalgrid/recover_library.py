"""`crystalgrid-recover`: from what `crystalgrid-sample` drew, cubes of atoms, to crystals with unit cells."""

from __future__ import annotations

import csv
import os
import warnings
from collections.abc import Iterator
from contextlib import suppress
from itertools import starmap
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import torch
import tyro

from . import plot
from .arguments import parsed
from .atoms import Atoms
from .crystalset import CrystalSet
from .errors import InputError, run_command
from .files import new_folder, written_whole
from .grid import Grid
from .library import Library, read_library
from .parquet import write_parquet
from .progress import progress
from .recover import Recovered, recover
from .workers import in_processes

CRYSTALS, TABLE, PICTURE, CIF = "crystals.parquet", "crystals.csv", "crystals.png", "cif"
DRAWN = 4
SYMPREC = 0.1
"""Å; atoms that are so near to where a symmetry would have them are put there."""
EXACT = 1e-3
"""Å, of symmetry that atoms have been put to."""
AT_A_TIME = 8
"""Structures that a process gets."""


class Row(NamedTuple):
    """A line of the table."""

    structure: int
    """Its index in the library."""
    formula: str
    space_group: str
    """Of the crystal within 0.1 Å."""
    atoms: int
    volume: float
    """Å³."""
    explained: float
    error: float | str
    """Empty without densities."""


def recover_library(
    folders: tyro.conf.Positional[tuple[Path, ...]],
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    cif: bool = False,
    workers: int | None = None,
) -> None:
    """Find the crystal in each structure of a library: lattice, the atoms of one cell, space group.

    Writes OUT/crystals.parquet, which every --data reads, ids being the structures' indices, OUT/crystals.csv with what
    each is and how well it explains its cube, and a picture of the first. Structures without a lattice are counted and
    left out. With `crystalgrid-sample --save-density`, species are right far more often.

    Args:
        folders: that crystalgrid-sample wrote, such as library/shard-*.
        out: folder to write to, new or empty.
        cif: write OUT/cif/INDEX.cif too, with their symmetry.
        workers: processes; all cores by default.
    """
    if not folders:
        raise InputError("folders: wanted folders that crystalgrid-sample wrote, got none")
    if workers is not None and workers < 1:
        raise InputError(f"--workers: wanted at least 1, got {workers}")
    libraries = [read_library(folder) for folder in folders]
    for folder, library in zip(folders, libraries, strict=True):
        if library.mode != "repeated":
            raise InputError(f"{folder}: {library.mode} mode, wanted repeated: one cell by itself shows no lattice")
    indices = np.concatenate([library.indices for library in libraries])
    if cif and len(np.unique(indices)) < len(indices):
        raise InputError("--cif: folders hold structures of the same index; wanted those of one library")
    new_folder(out)
    structures = [
        (int(index), library.atoms.cube(b)) for library in libraries for b, index in enumerate(library.indices)
    ]
    parts = _recovered(libraries, workers or os.cpu_count() or 1)
    results = zip(structures, progress(parts, "recovering", len(structures)), strict=True)
    found = [(index, atoms, one) for (index, atoms), one in results if one is not None]
    if not found:
        raise InputError(f"{out}: no lattice in any of {len(structures)} structures")
    if cif:
        (out / CIF).mkdir()
    rows = [_described(index, one, out / CIF if cif else None) for index, _, one in progress(found, "finding symmetry")]
    with written_whole(out / TABLE) as temporary, temporary.open("w", newline="") as file:
        csv.writer(file).writerows([Row._fields, *rows])
    crystals = [(str(i), one.crystal.lattice, one.crystal.frac_coords, one.crystal.numbers) for i, _, one in found]
    write_parquet(out / CRYSTALS, CrystalSet.of(crystals))
    _, atoms, recovered = zip(*found[:DRAWN], strict=True)
    titles = [f"{row.formula}, {row.space_group}" for row in rows[:DRAWN]]
    plot.crystals(out / PICTURE, atoms, [one.crystal for one in recovered], titles, libraries[0].grid)
    missing = len(structures) - len(found)
    print(f"{out}: {len(found)} crystals of {len(structures)} structures ({missing} without a lattice)")


def _recovered(libraries: list[Library], workers: int) -> Iterator[Recovered | None]:
    """Of every structure, in order."""
    parts = [part for library in libraries for part in _parts(library)]
    several = workers > 1 and len(parts) > 1
    for results in in_processes(_recover, parts, workers) if several else starmap(_recover, parts):
        yield from results


def _parts(library: Library) -> Iterator[tuple]:
    """Arguments of `_recover` for a few structures each: arrays, as torch moves tensors that it sends elsewhere."""
    for first in range(0, len(library.indices), AT_A_TIME):
        offsets = library.atoms.offsets[first : first + AT_A_TIME + 1].numpy()
        inside = slice(offsets[0], offsets[-1])
        density = None if library.density is None else library.density[first : first + AT_A_TIME].numpy()
        arrays = library.atoms.positions[inside].numpy(), library.atoms.numbers[inside].numpy(), offsets - offsets[0]
        yield arrays, density, library.grid


def _recover(atoms: tuple[np.ndarray, ...], density: np.ndarray | None, grid: Grid) -> list[Recovered | None]:
    """The crystals of a few structures, by their atoms' positions, numbers and offsets."""
    torch.set_num_threads(1)
    positions, numbers, offsets = map(torch.from_numpy, atoms)
    found = Atoms(positions, numbers, offsets, torch.zeros_like(numbers))
    return recover(found, None if density is None else torch.from_numpy(density), grid)


def _described(index: int, one: Recovered, folder: Path | None) -> Row:
    """A row of the table and, in `folder`, a CIF."""
    from pymatgen.io.cif import CifWriter
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    structure, group, symprec = one.crystal.to_pymatgen(), "P1", None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of elements that have no electronegativity, by which formulas are sorted
        formula = structure.formula
        with suppress(Exception):  # of many kinds, where atoms all but coincide
            analyzer = SpacegroupAnalyzer(structure, SYMPREC)
            structure, group, symprec = analyzer.get_refined_structure(), analyzer.get_space_group_symbol(), EXACT
        if folder is not None:
            CifWriter(structure, symprec=symprec).write_file(folder / f"{index}.cif")
    error = "" if one.error is None else f"{one.error:.4f}"
    volume = abs(float(np.linalg.det(one.crystal.lattice)))
    return Row(index, formula, group, len(one.crystal), round(volume, 2), round(one.explained, 3), error)


def cli() -> None:
    """Entry point of `crystalgrid-recover`."""
    run_command(lambda: parsed(recover_library, "crystalgrid-recover")())


if __name__ == "__main__":
    cli()
