"""Entries of files, and what all formats share: reading text, and arrays from pymatgen's structures."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...crystal import LEAST_VOLUME

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]
"""lattice [3, 3] Å, frac_coords [n, 3], numbers [n]."""
ID_NAMES = ("material_id", "immutable_id", "entry_id", "id")
CLOSEST = 0.5
"""Å; two atoms that are closer are one whose special position was rounded, such as 1/3 given as 0.333."""


class Entry(NamedTuple):
    """A part of a file that can be parsed by itself, in any process."""

    id: str | None
    """The id that the file gives the crystal, if any."""
    parse: Callable[[Any], Any]
    """Makes a list of `Arrays`, or of the errors that came instead, of `content`; `read_parquet` makes a ReadResult."""
    content: Any


class Disordered(ValueError):
    """A site is occupied in part, which one atom per site cannot say."""


def read_text(path: Path) -> str:
    """Return the text of a file, decompressed if its name ends in .gz; bytes that are not UTF-8 are replaced."""
    with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
        return file.read().decode("utf-8-sig", errors="replace")


def without_ending(ending: str, name: str) -> str:
    """Return `name` without that ending, whether in capitals or not."""
    return name[: -len(ending)] if name.lower().endswith(ending) else name


def id_of(entry: Mapping[str, Any]) -> str | None:
    """Return the id in a row or an object, under any of its usual names."""
    return next((str(entry[name]) for name in ID_NAMES if entry.get(name)), None)


def arrays_of(structure: Structure) -> Arrays:
    """Return pymatgen's structure as arrays; raise Disordered, or ValueError if two atoms coincide."""
    if not structure.is_ordered:
        raise Disordered("a site has partial occupancy")
    if structure.volume > LEAST_VOLUME * len(structure) and not structure.is_valid(CLOSEST):
        raise ValueError(f"two atoms less than {CLOSEST} Å apart; perhaps a special position was rounded")
    numbers = np.array([getattr(site.specie, "Z", 0) for site in structure], dtype=np.int64)
    return structure.lattice.matrix, structure.frac_coords, numbers
