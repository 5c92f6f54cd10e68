"""Extended XYZ: frames with `Lattice="ax ay az bx by bz cx cy cz"` and `Properties=species:S:1:pos:R:3:…`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from ...crystal import ATOMIC_NUMBERS
from ..crystalset import fractional
from .entry import Arrays, Entry, read_text

KEY_AND_VALUE = re.compile(r"""([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|\{([^}]*)\}|(\S+))""")
DEFAULT_PROPERTIES = "species:S:1:pos:R:3"


def open_xyz(path: Path) -> Iterator[Entry]:
    """Yield the text of each frame."""
    for frame in frames(read_text(path).splitlines()):
        yield Entry(None, parse_xyz, frame)


def parse_xyz(frame: str) -> list[Arrays]:
    """Return the structure of a frame; raise ValueError if it is not periodic in all three directions."""
    periodic = values_of(frame).get("pbc", "T T T").split()
    if any(direction.upper().startswith("F") or direction == "0" for direction in periodic):
        raise ValueError(f"pbc: wanted T T T, a crystal, got {' '.join(periodic)}")
    return [parse_frame(frame)]


def frames(lines: Iterable[str]) -> Iterator[str]:
    """Yield the text of each frame; raise ValueError if it does not begin with a number of atoms or ends too early."""
    numbered = enumerate(map(str.rstrip, lines), 1)
    for line_number, count in numbered:
        if not count and not any(line for _, line in numbered):  # only empty lines remain
            return
        if not count.strip().isdigit():
            raise ValueError(f"line {line_number}: wanted a number of atoms, got {count.strip()[:40]!r}")
        rest = [line for _, line in islice(numbered, 1 + int(count))]
        if len(rest) < 1 + int(count):
            raise ValueError(f"line {line_number}: {count.strip()} atoms announced, the file ends before")
        yield "\n".join([count, *rest])


def parse_frame(text: str) -> Arrays:
    """Return lattice [3, 3], frac_coords [n, 3] and numbers [n] of a frame; raise ValueError if it is malformed."""
    values = values_of(text)
    if "lattice" not in values:
        raise ValueError("no Lattice in the comment line: a molecule, not a crystal")
    lattice = np.array(values["lattice"].split(), dtype=np.float64)
    if lattice.shape != (9,):
        raise ValueError(f"Lattice: wanted nine numbers, got {len(lattice)}")
    lattice = lattice.reshape(3, 3)
    positions, numbers = parse_atoms(text, values)
    return lattice, fractional(positions, lattice[None], np.zeros(len(numbers), int)), numbers


def values_of(text: str) -> dict[str, str]:
    """Return the values in the comment line of a frame by their keys in small letters."""
    comment = text.split("\n", 2)[1]
    return {pair[1].lower(): next(filter(None, pair.groups()[1:]), "") for pair in KEY_AND_VALUE.finditer(comment)}


def parse_atoms(text: str, values: dict[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Return positions [n, 3], Å, and atomic numbers [n], 0 for unknown symbols, of a frame.

    values: those of its comment line. Raises ValueError if the frame is malformed.
    """
    columns = _columns(values.get("properties", DEFAULT_PROPERTIES))
    if "pos" not in columns or not {"species", "z"} & columns.keys():
        raise ValueError(f"Properties: wanted species and pos, got {', '.join(columns)}")
    rows = [line.split() for line in text.split("\n")[2:]]
    width = max(column.stop for column in columns.values())
    short = next((row for row in rows if len(row) < width), None)
    if short is not None:
        raise ValueError(f"wanted the columns {', '.join(columns)} for each atom, got {' '.join(short)!r}")
    positions = np.array([row[columns["pos"]] for row in rows], dtype=np.float64).reshape(-1, 3)
    if "species" in columns:
        numbers = [ATOMIC_NUMBERS.get(row[columns["species"]][0], 0) for row in rows]
    else:
        numbers = [int(row[columns["z"]][0]) for row in rows]
    return positions, np.array(numbers, dtype=np.int64)


def _columns(properties: str) -> dict[str, slice]:
    """Return the columns of each property, from name:type:count triples."""
    words = properties.split(":")
    columns, first = {}, 0
    for name, count in zip(words[::3], words[2::3], strict=True):
        columns[name.lower()] = slice(first, first + int(count))
        first += int(count)
    return columns
