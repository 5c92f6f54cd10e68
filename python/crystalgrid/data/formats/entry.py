"""Entries of files, and code that all formats share: reading text, crystals as arrays, tests of periodicity."""

from __future__ import annotations

import codecs
import gzip
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ID_NAMES = ("material_id", "immutable_id", "entry_id", "jid", "id")


class Arrays(NamedTuple):
    """A crystal as a parser gives it, before any filter."""

    lattice: np.ndarray
    """[3, 3] Å, rows a, b, c."""
    frac_coords: np.ndarray
    """[n, 3]."""
    numbers: np.ndarray
    """[n], atomic numbers."""
    note: str = ""
    """A note for whoever reads the crystal, such as that an isotope became its element."""


class Entry(NamedTuple):
    """A part of a file that can be parsed by itself, in any process."""

    id: str | None
    """The id that the file gives the crystal, if any."""
    parse: Callable[[Any], Any]
    """The parser: from `content` to a list of `Arrays` or of errors; `read_parquet` returns a ReadResult."""
    content: Any
    split: str = ""
    """The split that the file gives the crystal, which need not be one of those there are."""


class Disordered(ValueError):
    """The error for a crystal with partly occupied sites, which a list of atoms cannot express."""


def read_text(path: Path) -> str:
    """Return the text of a file, decompressed if its name ends in .gz; bytes that are not UTF-8 are replaced."""
    with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
        content = file.read()
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    return content.decode(encoding, errors="replace")


def without_ending(ending: str, name: str) -> str:
    """Return `name` without that ending, whether in capitals or not."""
    return name[: -len(ending)] if name.lower().endswith(ending) else name


def id_of(entry: Mapping[str, Any]) -> str | None:
    """Return the id in a row or an object, under any of its usual names."""
    return next((str(entry[name]) for name in ID_NAMES if entry.get(name)), None)


def split_of(entry: Mapping[str, Any]) -> str:
    """Return the split in a row or an object, or an empty string."""
    return str(entry.get("split") or "").strip()


def check_periodic(periodic: Iterable[Any]) -> None:
    """Raise ValueError unless a crystal is periodic in all three directions."""
    directions = [str(direction).strip("\"', ") for direction in periodic]
    if any(direction.upper() not in ("T", "TRUE", "1") for direction in directions):
        raise ValueError(f"pbc: wanted T T T, a crystal, got {' '.join(directions)}")
