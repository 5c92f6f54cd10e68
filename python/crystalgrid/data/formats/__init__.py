"""The file formats, a module for each, and the table of which module reads which file.

An opener yields the entries of a file, which are cheap to make and to send to another process; that process parses
them to crystals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from ..parquet import read_parquet
from .cif import open_cif
from .csv_table import open_csv
from .entry import Entry, without_ending
from .json_structures import open_json
from .poscar import open_poscar
from .xyz import open_xyz

NAMES = "CIF, POSCAR, extended XYZ, JSON of structures, CSV with a cif or structure column, or Parquet"


class Format(NamedTuple):
    """A file format: the function that opens its files."""

    open: Callable[[Path], Iterator[Entry]]
    one_entry: bool
    """True if a file is one entry, whose id then is the file's name."""


def open_parquet(path: Path) -> Iterator[Entry]:
    """Yield the file as one entry, since `read_parquet` reads and filters many crystals at once."""
    yield Entry(None, read_parquet, path)


FORMATS = {
    ".cif": Format(open_cif, one_entry=True),
    ".vasp": Format(open_poscar, one_entry=True),
    ".poscar": Format(open_poscar, one_entry=True),
    ".parquet": Format(open_parquet, one_entry=True),
    ".xyz": Format(open_xyz, one_entry=False),
    ".extxyz": Format(open_xyz, one_entry=False),
    ".csv": Format(open_csv, one_entry=False),
    ".jsonl": Format(open_json, one_entry=False),
    ".mcif": Format(open_cif, one_entry=True),
    ".json": Format(open_json, one_entry=False),
}
"""The formats by the ending of a file's name, in small letters and before a final `.gz`."""


def format_of(path: Path) -> Format | None:
    """Return the format of a file by its name; None if it is not one that is read."""
    name = without_ending(".gz", path.name)
    format = FORMATS.get(Path(name).suffix.lower())
    if format is None and name.upper().startswith(("POSCAR", "CONTCAR")):
        return FORMATS[".poscar"]
    return format
