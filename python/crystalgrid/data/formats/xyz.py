"""Extended XYZ: frames with `Lattice="ax ay az bx by bz cx cy cz"` and `Properties=species:S:1:pos:R:3:…`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from ..crystalset import fractional
from ..elements import elements
from .entry import Arrays, Entry, check_periodic, read_text

KEY_AND_VALUE = re.compile(
    r"""([^\s="']+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|\{([^}]*)\}|(\[[^=]*?\])(?=\s|$)|(\S+))"""
)
DEFAULT_PROPERTIES = "species:S:1:pos:R:3"
COLUMN = re.compile(r"([^:]+):([SRIL]):(\d+)")


def open_xyz(path: Path) -> Iterator[Entry]:
    """Yield the text of each frame."""
    for frame in frames(read_text(path).splitlines()):
        yield Entry(None, parse_xyz, frame)


def parse_xyz(frame: str) -> list[Arrays]:
    """Return the structure of a frame; raise ValueError if it is not periodic in all three directions."""
    if "pbc" in (values := values_of(frame)):
        check_periodic(_directions(values["pbc"]))
    return [parse_frame(frame)]


def frames(lines: Iterable[str]) -> Iterator[str]:
    """Yield the text of each frame; raise ValueError if it does not begin with a number of atoms or ends too early.

    A frame is yielded once the next one is found to begin behind it: otherwise its number of atoms is wrong. Empty
    lines between frames are passed over.
    """
    numbered = enumerate(map(str.rstrip, lines), 1)
    frame = ""
    for line_number, count in numbered:
        if not count:
            continue
        if not count.strip().isdigit():
            wrong = ", behind a frame of as many atoms as it announces" if frame else ""
            raise ValueError(f"line {line_number}: wanted a number of atoms, got {count.strip()[:40]!r}{wrong}")
        if frame:
            yield frame
        rest = [line for _, line in islice(numbered, 1 + int(count))]
        if len(rest) < 1 + int(count):
            raise ValueError(f"line {line_number}: {count.strip()} atoms announced, the file ends before")
        frame = "\n".join([count, *rest])
    if frame:
        yield frame


def parse_frame(text: str) -> Arrays:
    """Return the crystal of a frame, periodic or not; raise ValueError if it is malformed."""
    values = values_of(text)
    if "lattice" not in values:
        raise ValueError("no Lattice in the comment line: a molecule, not a crystal")
    try:
        lattice = np.array(re.sub(r"[\[\],]", " ", values["lattice"]).split(), dtype=np.float64)
    except ValueError:
        raise ValueError(f"Lattice: wanted nine numbers, got {values['lattice'][:60]!r}") from None
    if lattice.shape != (9,):
        raise ValueError(f"Lattice: wanted nine numbers, got {len(lattice)}")
    lattice = lattice.reshape(3, 3)
    positions, numbers, note = parse_atoms(text, values)
    return Arrays(lattice, fractional(positions, lattice[None], np.zeros(len(numbers), int)), numbers, note)


def values_of(text: str) -> dict[str, str]:
    """Return the values in the comment line of a frame by their keys in small letters; the usual spelling wins."""
    comment = text.split("\n", 2)[1]
    values: dict[str, str] = {}
    usual = {"Lattice", "Properties", "pbc"}
    for pair in KEY_AND_VALUE.finditer(comment):
        if pair[1].lower() not in values or pair[1] in usual:
            values[pair[1].lower()] = next((value for value in pair.groups()[1:] if value is not None), "")
    return values


def _directions(pbc: str) -> list[str]:
    """Return the three directions of `T T T`, `[1, 1, 0]` or `TTF`."""
    words = re.sub(r"[\[\],]", " ", pbc).split()
    return list(words[0]) if len(words) == 1 and len(words[0]) == 3 else words


def parse_atoms(text: str, values: dict[str, str]) -> tuple[np.ndarray, np.ndarray, str]:
    """Return positions [n, 3], Å, atomic numbers [n] and a note of a frame.

    values: those of its comment line. Raises ValueError if the frame is malformed.
    """
    columns = _columns(values.get("properties", DEFAULT_PROPERTIES))
    if "pos" not in columns or not {"species", "z"} & columns.keys():
        raise ValueError(f"Properties: wanted species and pos, got {', '.join(columns)}")
    if columns["pos"].stop - columns["pos"].start != 3:
        raise ValueError(f"Properties: wanted pos:R:3, got {values['properties']!r}")
    rows = [line.split() for line in text.split("\n")[2:]]
    width = max(column.stop for column in columns.values())
    short = next((row for row in rows if len(row) < width), None)
    if short is not None:
        raise ValueError(f"wanted the columns {', '.join(columns)} for each atom, got {' '.join(short)!r}")
    positions = np.array([_position(row[columns["pos"]]) for row in rows]).reshape(-1, 3)
    if "species" in columns:
        return positions, *elements(row[columns["species"]][0] for row in rows)
    words = [row[columns["z"]][0] for row in rows]
    if not all(word.isdigit() for word in words):
        raise ValueError("Z: wanted an atomic number for each atom")
    return positions, np.array(words, dtype=np.int64), ""


def _position(words: list[str]) -> list[float]:
    try:
        return [float(word) for word in words]
    except ValueError:
        got = " ".join(words)
        raise ValueError(f"pos: wanted three decimal numbers for each atom, got {got!r}") from None


def _columns(properties: str) -> dict[str, slice]:
    """Return the columns of each property, from name:type:count triples."""
    if not re.fullmatch(rf"{COLUMN.pattern}(?::{COLUMN.pattern})*", properties):
        raise ValueError(f"Properties: wanted name:type:count, as in {DEFAULT_PROPERTIES}, got {properties!r}")
    columns, first = {}, 0
    for name, _, count in COLUMN.findall(properties):
        columns[name.strip(":").lower()] = slice(first, first + int(count))
        first += int(count)
    return columns
