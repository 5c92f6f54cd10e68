"""`crystalgrid-recover`: from what `crystalgrid-sample` drew, cubes of atoms, to crystals with unit cells."""

from __future__ import annotations

import csv
import hashlib
import shutil
import warnings
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from ..atoms import Atoms
from ..crystal import Crystal
from ..data.crystalset import CrystalSet
from ..data.load import load_crystals
from ..data.parquet import read_parquet, write_parquet
from ..data.sampled import SAMPLES, Library, read_library
from ..errors import InputError
from ..files import new_folder, written_whole
from ..grid import Grid
from ..pool import cpu_count, in_processes
from ..progress import progress
from ..recovery import Recovered, recover
from . import pictures as plot
from .novelty import novelty

CRYSTALS, TABLE, PICTURE, CIF = "crystals.parquet", "crystals.csv", "crystals.png", "cif"
PARTS, OF = "parts", "library.sha256"
"""Folder of what is done already, until all is, and what it is of."""
DRAWN = 4
SYMPREC = 0.1
"""Å; atoms that are so near to where a symmetry would have them are put there."""
EXACT = 1e-3
"""Å, of symmetry that atoms have been put to."""
AT_A_TIME = 8
"""Structures that a process gets, and writes the crystals of; a run that is killed loses no more for each."""


class Row(NamedTuple):
    """A line of the table."""

    structure: str
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


class Part(NamedTuple):
    """A few structures of a library, as arrays, since torch moves tensors that it sends elsewhere."""

    indices: np.ndarray
    positions: np.ndarray
    numbers: np.ndarray
    offsets: np.ndarray
    density: np.ndarray | None
    grid: Grid


def recover_library(
    folders: tuple[Path, ...], out: Path, cif: bool, known: str | None, workers: int | None, resume: bool
) -> None:
    """Recover the crystal of each structure of a sampled library, with the options of `crystalgrid-recover`."""
    if workers is not None and workers < 1:
        raise InputError(f"--workers: wanted at least 1, got {workers}")
    parts = [part for library in _opened(folders) for part in parts_of(library)]
    indices = np.concatenate([part.indices for part in parts])
    if cif and len(np.unique(indices)) < len(indices):
        raise InputError("--cif: folders hold structures of the same index; wanted those of one library")
    others = None if known is None else load_crystals(known, max_side=np.inf)
    _begin(out, parts, cif, resume)
    written = [out / PARTS / f"{i:07}" for i in range(len(parts))]
    left = [(part, path, cif) for part, path in zip(parts, written, strict=True) if not _table(path).is_file()]
    workers = workers or cpu_count()
    done = in_processes(_write, left, workers if len(left) > 1 else 1)
    count = sum(len(part.indices) for part, *_ in left)
    for _ in progress(chain.from_iterable(done), "recovering", count):
        pass
    rows = [row for path in written for row in _read_rows(path)]
    if rows:
        of_them = _join(out, written, rows, others, workers)
        _draw(out, parts, written)
    shutil.rmtree(out / PARTS)
    if not rows:
        raise InputError(f"{out}: no lattice in any of {len(indices)} structures")
    missing = len(indices) - len(rows)
    print(f"{out}: {len(rows)} crystals of {len(indices)} structures ({missing} without a lattice); {of_them}")


def _opened(folders: tuple[Path, ...]) -> list[Library]:
    """Those that hold structures, all of them in repeated mode."""
    if not folders:
        raise InputError("folders: wanted folders that crystalgrid-sample wrote, got none")
    filled = [folder for folder in folders if not _is_empty(folder)]
    libraries = [read_library(folder) for folder in filled]
    if not libraries:
        raise InputError(f"{', '.join(map(str, folders))}: no structure in it")
    for folder, library in zip(filled, libraries, strict=True):
        if library.mode != "repeated":
            raise InputError(f"{folder}: {library.mode} mode, wanted repeated: one cell by itself shows no lattice")
    return libraries


def _is_empty(folder: Path) -> bool:
    """Whether it is a shard that had nothing to do, or whose structures were all filtered out."""
    return (folder / SAMPLES).is_file() and (folder / SAMPLES).stat().st_size == 0


def parts_of(library: Library) -> Iterator[Part]:
    """Its structures, a few at a time."""
    for first in range(0, len(library.indices), AT_A_TIME):
        some = slice(first, first + AT_A_TIME)
        offsets = library.atoms.offsets[first : first + AT_A_TIME + 1].numpy()
        inside = slice(offsets[0], offsets[-1])
        density = None if library.density is None else library.density[some].numpy()
        atoms = library.atoms.positions[inside].numpy(), library.atoms.numbers[inside].numpy()
        yield Part(library.indices[some], *atoms, offsets - offsets[0], density, library.grid)


def _begin(out: Path, parts: list[Part], cif: bool, resume: bool) -> None:
    """Make the folder, or see that what is in it is of the same structures."""
    digest = hashlib.sha256(b"cif" if cif else b"")
    for part in parts:
        for array in (part.indices, part.positions, part.numbers):
            digest.update(np.ascontiguousarray(array).data)
    if not resume:
        new_folder(out)
        (out / PARTS).mkdir()
        (out / PARTS / OF).write_text(digest.hexdigest())
        if cif:
            (out / CIF).mkdir()
    elif not (out / PARTS / OF).is_file():
        raise InputError(f"{out}: no run of crystalgrid-recover that was stopped, nothing to resume")
    elif (out / PARTS / OF).read_text() != digest.hexdigest():
        raise InputError(f"{out}: was begun with other folders or another --cif; give the same to resume")


def _table(path: Path) -> Path:
    """Of a part; where there is one, the part is done."""
    return path.with_suffix(".csv")


def _read_rows(path: Path) -> list[list[str]]:
    with _table(path).open(newline="") as file:
        return list(csv.reader(file))


def recovered(part: Part) -> list[tuple[str, Recovered]]:
    """The crystals of a part, with their structures' indices, of those that have a lattice."""
    torch.set_num_threads(1)
    positions, numbers, offsets = map(torch.from_numpy, (part.positions, part.numbers, part.offsets))
    atoms = Atoms(positions, numbers, offsets, torch.zeros_like(numbers))
    density = None if part.density is None else torch.from_numpy(np.array(part.density))
    results = zip(part.indices.tolist(), recover(atoms, density, part.grid), strict=True)
    return [(str(index), one) for index, one in results if one is not None]


def _write(part: Part, path: Path, cif: bool) -> range:
    """Recover the structures of a part and write their crystals and rows. Returns as many numbers as it has."""
    found = recovered(part)
    rows = [_described(index, one, path.parents[1] / CIF if cif else None) for index, one in found]
    if found:
        crystals = CrystalSet.from_crystals([one.crystal for _, one in found], [index for index, _ in found])
        write_parquet(path.with_suffix(".parquet"), crystals)
    _write_rows(_table(path), rows)
    return range(len(part.indices))


def _write_rows(path: Path, rows: list[Any]) -> None:
    with written_whole(path) as temporary, temporary.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def _join(out: Path, written: list[Path], rows: list[list[str]], known: CrystalSet | None, workers: int) -> str:
    """The crystals and the table of all parts, with which of them are the same or known; says how many are."""
    files = [path.with_suffix(".parquet") for path in written]
    crystals = CrystalSet.concatenate(read_parquet(file).crystals for file in files if file.is_file())
    same_as, known_as = novelty(crystals, crystals[:0] if known is None else known, workers)
    columns = {"same_as": same_as} | ({} if known is None else {"known_as": known_as})
    table = [[*row, *more] for row, *more in zip(rows, *columns.values(), strict=True)]
    write_parquet(out / CRYSTALS, crystals)
    _write_rows(out / TABLE, [[*Row._fields, *columns], *table])
    first = same_as == ""
    different = f"{first.sum()} different ones"
    return different if known is None else f"{different}, {(first & (known_as != '')).sum()} of them known"


def _draw(out: Path, parts: list[Part], written: list[Path]) -> None:
    """A picture of the first crystals, beside the cubes that they are from."""
    shown: list[tuple[tuple[np.ndarray, np.ndarray], Crystal, str]] = []
    for part, path in zip(parts, written, strict=True):
        rows = _read_rows(path)
        crystals = read_parquet(path.with_suffix(".parquet")).crystals if rows else []
        for (structure, formula, group, *_), crystal in zip(rows, crystals, strict=True):
            b = part.indices.tolist().index(int(structure))
            inside = slice(part.offsets[b], part.offsets[b + 1])
            shown.append(((part.positions[inside], part.numbers[inside]), crystal, f"{formula}, {group}"))
        if len(shown) >= DRAWN:
            break
    atoms, crystals, titles = zip(*shown[:DRAWN], strict=True)
    plot.crystals(out / PICTURE, atoms, crystals, titles, parts[0].grid)


def _described(index: str, one: Recovered, folder: Path | None) -> Row:
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
