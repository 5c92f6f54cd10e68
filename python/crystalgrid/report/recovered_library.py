"""The recovery of a library: the crystals in the cubes of atoms that `crystalgrid-sample` wrote, as files."""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path

import numpy as np
import torch

from ..artifacts.short_runs import advice
from ..data.crystalset import CrystalSet
from ..data.filters import CLOSEST
from ..data.load import load_crystals
from ..data.parquet import metadata_of, table_of, write_table
from ..data.sampled import SAMPLES, SampledFolder, Structure, as_atoms, open_sampled
from ..errors import InputError
from ..files import new_folder
from ..grid import Grid
from ..pool import Workers, chosen_workers, in_processes
from ..pool.threads import one_thread
from ..progress import progress
from ..recovery import Recovered, recover
from ..worth.novelty import formula_halves, novelty
from .crystal_picture import draw_crystals
from .crystal_table import SYMPREC, Row, row_of, write_rows
from .implausible import warn_of_contacts, warn_of_elements
from .library_parts import LibraryParts, RecoveredStructure

CRYSTALS, TABLE, PICTURE, CIF = "crystals.parquet", "crystals.csv", "crystals.png", "cif"
PARTS, CHECKSUM = "parts", "library.sha256"
"""The folder of finished parts, which is removed at the end, and the file in it with the library's checksum."""
LIBRARY = "library_sha256"
"""The key of that checksum in the metadata of the crystals' file, once all are finished."""
CRYSTALS_IN_PICTURE = 8
CHUNK_SIZE = 8
"""The number of structures that are sent to a process together."""


def recover_library(
    folders: Sequence[Path],
    out: Path,
    *,
    cif: bool = False,
    known: str | None = None,
    workers: int | None = None,
    dask: str | None = None,
    resume: bool = False,
) -> None:
    """Recover the crystal in each structure of sampled folders, and write crystals, a table and a picture to `out`.

    cif: write a CIF file of each crystal, too. known: crystals that the table compares them with, given like --data.
    workers: processes, by default one per CPU. dask: address of a Dask scheduler, whose workers share this file system.
    resume: continue a run of the same folders that was stopped.
    """
    pool = chosen_workers(workers, dask)
    library = open_library(folders)
    indices = np.concatenate([folder.indices for folder in library])
    if cif and len(np.unique(indices)) < len(indices):
        raise InputError("--cif: folders hold structures of the same index; wanted those of one library")
    checksum = library_checksum(folders, cif)
    if resume and _is_finished(out, checksum):
        print(f"{out}: finished before, nothing to resume; to compare with other crystals, choose another folder")
        return
    known_crystals = None if known is None else load_crystals(known, max_side=np.inf)
    parts = _begin(out, checksum, cif, resume)
    n_finished = sum(1 for _ in parts.rows())
    _recover_from(n_finished, library, parts, (out / CIF).resolve() if cif else None, pool)
    crystals = parts.crystals()
    if not len(crystals):
        shutil.rmtree(out / PARTS)
        empty = sum(len(structure.numbers) == 0 for structure, _ in _structures(library))
        without = f"{out}: no lattice in any of {len(indices)} structures, of which {empty} have no atoms"
        raise InputError(f"{without}; {advice('repeated')}")
    summary = _join(out, parts, crystals, known_crystals, pool, checksum)
    draw_crystals(list(crystals[:CRYSTALS_IN_PICTURE]), out / PICTURE, SYMPREC)
    distances = np.array([float(row[Row._fields.index("smallest_distance")]) for row in parts.rows() if row])
    shutil.rmtree(out / PARTS)
    missing = len(indices) - len(crystals)
    print(f"{out}: {len(crystals)} crystals of {len(indices)} structures ({missing} without a lattice); {summary}")
    warn_of_contacts(distances, CLOSEST)
    if known_crystals is not None:
        warn_of_elements(crystals, known_crystals)


def open_library(folders: Sequence[Path]) -> list[SampledFolder]:
    """Open the folders that hold structures, all of which must be in repeated mode."""
    if not folders:
        raise InputError("folders: wanted folders that crystalgrid-sample wrote, got none")
    library = [open_sampled(folder) for folder in folders if not _is_empty(folder)]
    if not library:
        raise InputError(f"{', '.join(map(str, folders))}: no structure in it")
    for folder in library:
        if folder.mode != "repeated":
            raise InputError(f"{folder.path}: {folder.mode} mode, wanted repeated: a single cell shows no lattice")
    return library


def _is_empty(folder: Path) -> bool:
    """Return whether a folder is a shard without work, or one whose structures were all filtered out."""
    return (folder / SAMPLES).is_file() and (folder / SAMPLES).stat().st_size == 0


def library_checksum(folders: Sequence[Path], cif: bool) -> str:
    """Return the SHA-256, in hexadecimal, of the folders' structures and of whether CIF files are wanted."""
    digest = hashlib.sha256(b"cif" if cif else b"")
    for folder in folders:
        with (folder / SAMPLES).open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _is_finished(out: Path, checksum: str) -> bool:
    """Tell whether `out` has all crystals of a library; raise InputError if it was another library."""
    if (out / PARTS / CHECKSUM).is_file() or not (out / CRYSTALS).is_file():
        return False
    if metadata_of(out / CRYSTALS).get(LIBRARY) != checksum:
        raise InputError(f"{out}: has the crystals of other folders or another --cif; choose another folder")
    return True


def _begin(out: Path, checksum: str, cif: bool, resume: bool) -> LibraryParts:
    """Make the output folder, or check that the one to resume was started with the same structures."""
    saved = out / PARTS / CHECKSUM
    if not resume:
        new_folder(out)
        (out / PARTS).mkdir()
        if cif:
            (out / CIF).mkdir()
        saved.write_text(checksum)
    elif not saved.is_file():
        raise InputError(f"{out}: no run of crystalgrid-recover that was stopped, nothing to resume")
    elif saved.read_text() != checksum:
        raise InputError(f"{out}: was started with other folders or another --cif; give the same to resume")
    return LibraryParts(out / PARTS)


def _recover_from(
    start: int, library: list[SampledFolder], parts: LibraryParts, cif_folder: Path | None, workers: Workers
) -> None:
    """Recover the structures from number `start` on, by workers, and write them as parts."""
    remaining = sum(len(folder.indices) for folder in library) - start
    jobs = ((structure, grid, cif_folder) for structure, grid in _structures(library, start))
    results = in_processes(recover_and_describe, jobs, workers if remaining > CHUNK_SIZE else 1, CHUNK_SIZE)
    with closing(results):
        parts.write(progress(results, "recovering", remaining))


def _structures(library: list[SampledFolder], start: int = 0) -> Iterator[tuple[Structure, Grid]]:
    """Yield the structures of all folders from number `start` on, each with its grid."""
    for folder in library:
        if start < len(folder.indices):
            for structure in folder.structures(start):
                yield structure, folder.grid
        start = max(0, start - len(folder.indices))


def recover_and_describe(structure: Structure, grid: Grid, cif_folder: Path | None = None) -> RecoveredStructure:
    """Recover the crystal in a structure, write its CIF file if a folder is given, and return its row of the table."""
    recovered = recover_structure(structure, grid)
    if recovered is None:
        return RecoveredStructure(None, None)
    if cif_folder is not None:
        text = recovered.crystal.to_cif(SYMPREC)
        (cif_folder / f"{structure.index}.cif").write_text(text, encoding="utf-8")
    return RecoveredStructure(recovered.crystal, row_of(structure.index, recovered))


def recover_structure(structure: Structure, grid: Grid) -> Recovered | None:
    """Recover the crystal in a structure, or return None if no lattice is found."""
    density = None if structure.density is None else torch.from_numpy(np.array(structure.density))[None]
    with one_thread():
        return recover(as_atoms([structure]), density, grid)[0]


def _join(
    out: Path, parts: LibraryParts, crystals: CrystalSet, known: CrystalSet | None, workers: Workers, checksum: str
) -> str:
    """Write the crystals and the table of all parts; return in words how many crystals are different, and known.

    checksum: the library's, which the file of crystals keeps.
    """
    same_as, known_as = novelty(crystals, crystals[:0] if known is None else known, workers)
    columns = {"same_as": same_as} | ({} if known is None else {"known_as": known_as})
    write_table(out / CRYSTALS, table_of(crystals, metadata={LIBRARY: checksum}))
    rows = ([*row, *more] for row, *more in zip(filter(None, parts.rows()), *columns.values(), strict=True))
    write_rows(out / TABLE, chain([[*Row._fields, *columns]], rows))
    different = f"{(same_as == '').sum()} different ones"
    if known is None:
        return different
    halves = formula_halves(crystals, known, same_as, known_as)
    if halves.same_formula:
        print(
            f"warning: {halves.same_formula} of {different} share a reduced formula with known crystals: "
            f"{halves.same_formula_known} of these are known, and none of the other {halves.other_formula}",
            file=sys.stderr,
        )
    return f"{different}, {halves.same_formula_known} of them known"
