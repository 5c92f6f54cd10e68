"""Read crystals: CIF, POSCAR, extended XYZ, pymatgen JSON, CSV with a `cif` column, Parquet, folders of these.

Files are opened to jobs, one per crystal, which can be parsed in any process.
"""

from __future__ import annotations

import csv
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..crystal import Crystal
from ..errors import InputError
from ..files import as_path
from .crystalset import CrystalSet
from .filters import NO_CRYSTALS, Found, LeftOut, sift
from .formats import OPENERS, SINGLE, Disordered, without
from .parquet import read_parquet

FORMATS = "CIF, POSCAR, extended XYZ, pymatgen JSON, CSV with a cif column or Parquet"
UNREADABLE = "cannot be read"


class Job(NamedTuple):
    """One crystal to parse (in a CIF or a Parquet file: all of its crystals)."""

    file: str
    id: str
    parse: Callable[..., Any]
    """What makes crystals of `content`."""
    content: Any


def read(path: str | Path) -> list[Crystal]:
    """Crystals of a file, or of the files in a folder in order of their names; other formats are passed over.

    Raises InputError that names the file for the first that cannot be read, is disordered, has no atoms, NaN, a
    singular lattice or an element of Z > 94, and where there is nothing to read.
    """
    files = find_files(path)
    crystals: list[Crystal] = []
    for job in jobs([one for one in files if format_of(one[0])] or files[:1]):
        found = parse(job)
        if found.left_out:
            raise InputError(str(found.left_out[0]))
        crystals += found.crystals
    return crystals


def find_files(source: str | Path) -> list[tuple[Path, str]]:
    """Files of a source in order of their paths, hidden ones aside, each with the name its crystals go by.

    Links that lead to no file are among them, so that they are told of rather than passed over.
    """
    source = as_path("path", source)
    if source.is_file():
        return [(source, _name(source, source.parent))]
    if not source.exists():
        raise InputError(f"{source}: no such file or folder")
    if not source.is_dir():
        raise InputError(f"{source}: wanted a file or a folder, got neither")
    inside = (path.relative_to(source) for path in source.rglob("*") if path.is_file() or path.is_symlink())
    paths = [source / path for path in sorted(inside) if not any(part.startswith(".") for part in path.parts)]
    if not paths:
        raise InputError(f"{source}: wanted a folder with files of crystals, got an empty one")
    return [(path, _name(path, source)) for path in paths]


def _name(path: Path, folder: Path) -> str:
    name = path.relative_to(folder).as_posix().encode(errors="backslashreplace").decode()  # of bytes that are no text
    for ending in (".gz", ".cif", ".vasp", ".json", ".csv", ".extxyz", ".xyz"):
        name = without(ending, name)
    return name


def format_of(path: Path) -> str | None:
    """The key of OPENERS for a file, by its name."""
    name = without(".gz", path.name)
    if name.upper().startswith(("POSCAR", "CONTCAR")):
        return ".vasp"
    suffix = Path(name).suffix.lower()
    return suffix if suffix in OPENERS else None


def jobs(files: Iterable[tuple[Path, str]]) -> Iterator[Job | LeftOut]:
    """What there is to parse in the files, and what could not be opened."""
    for path, name in files:
        kind = format_of(path)
        if path.is_dir():
            yield LeftOut(str(path), "", "a link to a folder, which is not followed")
            continue
        if kind is None:
            yield LeftOut(str(path), "", "not a format that is read", f"wanted {FORMATS}")
            continue
        i = -1
        try:
            for i, (one, parser, content) in enumerate(OPENERS[kind](path)):
                yield Job(str(path), one or (name if kind in SINGLE else f"{name}:{i}"), parser, content)
            if i < 0:
                yield LeftOut(str(path), "", NO_CRYSTALS)
        except (OSError, EOFError, ValueError, RecursionError, zlib.error, csv.Error) as error:
            yield LeftOut(str(path), "", UNREADABLE, str(error))


def parse(job: Job | LeftOut, max_side: float = np.inf) -> Found:
    """The crystals of a job, through the filter."""
    if isinstance(job, LeftOut):
        return Found(CrystalSet.from_crystals([]), [job])
    try:
        if job.parse is read_parquet:
            return read_parquet(job.content, max_side)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pymatgen's remarks on CIFs that it corrected
            found = list(job.parse(job.content))
    except Exception as error:  # parsers fail in many ways on files that are not what they seem
        found = [error]
    ids = [job.id] if len(found) == 1 else [f"{job.id}:{i}" for i in range(len(found))]
    named = list(zip(ids, found, strict=True))
    read_ids, arrays = [], []
    for one, result in named:
        if not isinstance(result, Exception):
            read_ids.append(one)
            arrays.append(result)
    crystals = CrystalSet.from_arrays(read_ids, *zip(*arrays, strict=True)) if arrays else CrystalSet.from_crystals([])
    sifted = sift(crystals, job.file, max_side)
    failed = [_left_out(job.file, one, error) for one, error in named if isinstance(error, Exception)]
    return Found(sifted.crystals, [*failed, *sifted.left_out])


def _left_out(file: str, one: str, error: Exception) -> LeftOut:
    if isinstance(error, Disordered):
        return LeftOut(file, one, "disordered", str(error))
    detail = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
    return LeftOut(file, one, UNREADABLE, detail.removeprefix(f"{file}: "))
