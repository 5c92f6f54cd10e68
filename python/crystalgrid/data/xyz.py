"""Extended XYZ: frames with `Lattice="ax ay az bx by bz cx cy cz"` and `Properties=species:S:1:pos:R:3:…`."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np

from ..crystal import ATOMIC_NUMBERS
from .crystalset import fractional

PAIR = re.compile(r"""([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|\{([^}]*)\}|(\S+))""")
DEFAULT = "species:S:1:pos:R:3"


def frames(lines: Iterable[str]) -> Iterator[str]:
    """The text of each frame. Raises ValueError where it does not begin with a number of atoms or ends too early."""
    numbered = enumerate(map(str.rstrip, lines), 1)
    for at, count in numbered:
        if not count and not any(line for _, line in numbered):  # at the end
            return
        if not count.strip().isdigit():
            raise ValueError(f"line {at}: wanted a number of atoms, got {count.strip()[:40]!r}")
        rest = [line for _, line in islice(numbered, 1 + int(count))]
        if len(rest) < 1 + int(count):
            raise ValueError(f"line {at}: {count.strip()} atoms announced, the file ends before")
        yield "\n".join([count, *rest])


def parse_frame(text: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """lattice [3, 3], frac_coords [n, 3] and numbers [n] of one frame. Raises ValueError for what is no such frame."""
    values = values_of(text)
    lines = text.split("\n")[2:]
    if "lattice" not in values:
        raise ValueError("no Lattice in the comment line: a molecule, not a crystal")
    lattice = np.array(values["lattice"].split(), dtype=np.float64)
    if lattice.shape != (9,):
        raise ValueError(f"Lattice: wanted nine numbers, got {len(lattice)}")
    columns = _columns(values.get("properties", DEFAULT))
    rows = [line.split() for line in lines]
    if "pos" not in columns or not {"species", "z"} & columns.keys():
        raise ValueError(f"Properties: wanted species and pos, got {', '.join(columns)}")
    short = next((row for row in rows if len(row) < max(one.stop for one in columns.values())), None)
    if short is not None:
        raise ValueError(f"wanted the columns {', '.join(columns)} for each atom, got {' '.join(short)!r}")
    positions = np.array([row[columns["pos"]] for row in rows], dtype=np.float64).reshape(-1, 3)
    if "species" in columns:
        numbers = [ATOMIC_NUMBERS.get(row[columns["species"]][0], 0) for row in rows]
    else:
        numbers = [int(row[columns["z"]][0]) for row in rows]
    lattice = lattice.reshape(3, 3)
    return lattice, fractional(positions, lattice[None], np.zeros(len(rows), int)), np.array(numbers, dtype=np.int64)


def values_of(text: str) -> dict[str, str]:
    """What the comment line of a frame says, by keys in lower case."""
    comment = text.split("\n", 2)[1]
    return {pair[1].lower(): next(filter(None, pair.groups()[1:]), "") for pair in PAIR.finditer(comment)}


def _columns(properties: str) -> dict[str, slice]:
    """Which columns hold what, from name:type:count triples."""
    words = properties.split(":")
    columns, at = {}, 0
    for name, count in zip(words[::3], words[2::3], strict=True):
        columns[name.lower()] = slice(at, at + int(count))
        at += int(count)
    return columns
