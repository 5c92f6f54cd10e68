"""`crystalgrid-recover`: from what `crystalgrid-sample` drew, cubes of atoms, to crystals with unit cells."""

from __future__ import annotations

import csv
import os
import warnings
from collections.abc import Iterator
from itertools import starmap
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
import tyro

from .arguments import parsed
from .atoms import Atoms
from .crystalset import CrystalSet
from .errors import InputError, run_command
from .files import new_folder, written_whole
from .library import Library, read_library
from .parquet import write_parquet
from .progress import progress
from .recover import Recovered, recover
from .workers import in_processes

CRYSTALS, TABLE, CIF = "crystals.parquet", "crystals.csv", "cif"
SYMPREC = 0.1
"""Å; atoms that are so near to where a symmetry would have them are put there."""
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

    Writes OUT/crystals.parquet, which every --data reads, ids being the structures' indices, and OUT/crystals.csv with
    what each is and how well it explains its cube. Structures without a lattice are counted and left out. With
    `crystalgrid-sample --save-density`, species are right far more often.

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
    new_folder(out)
    indices = [int(index) for library in libraries for index in library.indices]
    parts = _recovered(libraries, workers or os.cpu_count() or 1)
    results = zip(indices, progress(parts, "recovering", len(indices)), strict=True)
    found = [(index, one) for index, one in results if one is not None]
    if not found:
        raise InputError(f"{out}: no lattice in any of {len(indices)} structures")
    if cif:
        (out / CIF).mkdir()
    rows = [_described(index, one, out / CIF if cif else None) for index, one in progress(found, "finding symmetry")]
    with written_whole(out / TABLE) as temporary, temporary.open("w", newline="") as file:
        csv.writer(file).writerows([Row._fields, *rows])
    crystals = [(str(i), one.crystal.lattice, one.crystal.frac_coords, one.crystal.numbers) for i, one in found]
    write_parquet(out / CRYSTALS, CrystalSet.of(crystals))
    print(f"{out}: {len(found)} crystals of {len(indices)} structures ({len(indices) - len(found)} without a lattice)")


def _recovered(libraries: list[Library], workers: int) -> Iterator[Recovered | None]:
    """Of every structure, in order."""
    parts = [part for library in libraries for part in _parts(library)]
    several = workers > 1 and len(parts) > 1
    for results in in_processes(_recover_part, parts, workers) if several else starmap(recover, parts):
        yield from results


def _parts(library: Library) -> Iterator[tuple]:
    """Arguments of `recover` for a few structures at a time."""
    for first in range(0, len(library.indices), AT_A_TIME):
        offsets = library.atoms.offsets[first : first + AT_A_TIME + 1]
        inside = slice(int(offsets[0]), int(offsets[-1]))
        atoms = Atoms(
            library.atoms.positions[inside], library.atoms.numbers[inside], offsets - offsets[0],
            library.atoms.votes[inside],
        )  # fmt: skip
        yield atoms, None if library.density is None else library.density[first : first + AT_A_TIME], library.grid


def _recover_part(*part: Any) -> list[Recovered | None]:
    torch.set_num_threads(1)
    return recover(*part)


def _described(index: int, one: Recovered, folder: Path | None) -> Row:
    """A row of the table and, in `folder`, a CIF."""
    from pymatgen.io.cif import CifWriter
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    structure = one.crystal.to_pymatgen()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of elements that have no electronegativity, by which formulas are sorted
        try:
            group = SpacegroupAnalyzer(structure, SYMPREC).get_space_group_symbol()
            symprec: float | None = SYMPREC
        except Exception:  # of many kinds, where atoms all but coincide
            group, symprec = "P1", None
        if folder is not None:
            CifWriter(structure, symprec=symprec).write_file(folder / f"{index}.cif")
        formula = structure.formula
    error = "" if one.error is None else f"{one.error:.4f}"
    volume = abs(float(np.linalg.det(one.crystal.lattice)))
    return Row(index, formula, group, len(one.crystal), round(volume, 2), round(one.explained, 3), error)


def cli() -> None:
    """Entry point of `crystalgrid-recover`."""
    run_command(lambda: parsed(recover_library, "crystalgrid-recover")())


if __name__ == "__main__":
    cli()
