"""POSCAR and CONTCAR files of VASP 5 or later, which name their species."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import numpy as np

from ..elements import elements
from .entry import Arrays, Entry, read_text

FLAGS = {"T", "F", ".TRUE.", ".FALSE.", "TRUE", "FALSE"}


def open_poscar(path: Path) -> Iterator[Entry]:
    """Yield the text of the file as one entry."""
    yield Entry(None, parse_poscar, read_text(path))


def parse_poscar(text: str) -> list[Arrays]:
    """Return the structure of a POSCAR; selective dynamics and velocities are passed over.

    Raises ValueError for a file that names no species, or that ends before it has given every position.
    """
    lines = text.splitlines()
    if len(lines) < 8:
        raise ValueError(f"wanted a POSCAR of eight lines or more, got {len(lines)}")
    lattice = _lattice(lines)
    symbols, counts = _species(lines)
    selective = lines[7].strip().upper().startswith("S")
    if selective and len(lines) < 9:
        raise ValueError("wanted Direct or Cartesian after selective dynamics, got the end of the file")
    kind = lines[8 if selective else 7].strip().upper()
    if kind[:1] not in ("D", "C", "K"):
        raise ValueError(f"line {9 if selective else 8}: wanted Direct or Cartesian, got {kind[:40]!r}")
    first, total = (9 if selective else 8), sum(counts)
    rows = [line.split() for line in lines[first : first + total]]
    complete = next((i for i, row in enumerate(rows) if len(row) < 3), len(rows))
    if complete < total:
        raise ValueError(f"wanted {total} positions, as line 7 says, got {complete}")
    positions = _floats([row[:3] for row in rows], "positions")
    following = lines[first + total].split() if len(lines) > first + total else []
    if len(following) >= 3 and all(map(_is_number, following[:3])):  # velocities come after an empty line
        raise ValueError(f"wanted {total} positions, as line 7 says, got more")
    listed = [symbol for symbol, count in zip(symbols, counts, strict=True) for _ in range(count)]
    numbers, note = elements(listed)
    _check_names(rows, numbers)
    if kind.startswith("D"):
        return [Arrays(lattice, positions, numbers, note)]
    return [Arrays(lattice, positions * _scale(lines) @ np.linalg.inv(lattice), numbers, note)]


def _lattice(lines: list[str]) -> np.ndarray:
    """Return the lattice [3, 3], scaled."""
    lattice: np.ndarray = _vectors(lines) * _scale(lines)
    return lattice


def _vectors(lines: list[str]) -> np.ndarray:
    return _floats([line.split()[:3] for line in lines[2:5]], "lattice vectors")


def _scale(lines: list[str]) -> np.ndarray:
    """Return what the lattice and Cartesian positions are multiplied by: a number, or one for each axis.

    A negative number in the file is the volume of the cell.
    """
    scale = _leading_numbers(lines[1])
    if len(scale) not in (1, 3) or not np.isfinite(scale).all() or (scale == 0).any():
        raise ValueError(f"line 2: wanted a scale, or three, got {lines[1].strip()[:40]!r}")
    if len(scale) == 1 and scale[0] < 0:
        volume = abs(float(np.linalg.det(_vectors(lines))))
        if volume == 0:
            raise ValueError("singular lattice: line 2 gives its volume, and lines 3 to 5 span none")
        return np.array([(-scale[0] / volume) ** (1 / 3)])
    if (scale < 0).any():
        raise ValueError(f"line 2: wanted three positive scales, got {lines[1].strip()[:40]!r}")
    return scale


def _leading_numbers(line: str) -> np.ndarray:
    """Return the numbers that a line begins with, up to a remark."""
    return np.array([_number(word) for word in takewhile(_is_number, line.split())])


def _species(lines: list[str]) -> tuple[list[str], list[int]]:
    """Return the symbols of line 6, without the marks of potentials, and the counts of line 7."""
    words = re.split("[!#]", lines[5])[0].split()
    symbols = [word.partition("/")[0].partition("_")[0] for word in words]
    if symbols and all(word.isdigit() for word in symbols):
        raise ValueError("it does not name its species (line 6 has their counts, as before VASP 5)")
    counts = []
    for word in lines[6].split():
        if not word.isdigit():
            break
        counts.append(int(word))
    if not symbols or len(counts) != len(symbols):
        raise ValueError(f"line 7: wanted a count for each of {' '.join(symbols)!r}, got {lines[6].strip()[:40]!r}")
    return symbols, counts


def _check_names(rows: list[list[str]], numbers: np.ndarray) -> None:
    """Raise ValueError where a position is followed by the name of another element than line 6 has for it."""
    for row, number in zip(rows, numbers.tolist(), strict=True):
        for word in row[3:]:
            if word.upper() in FLAGS or not word.isalpha():
                continue
            try:
                named = int(elements([word])[0][0])
            except ValueError:
                break
            if named != number:
                raise ValueError(f"{' '.join(row)!r}: line 6 has another element for it")
            break


def _floats(rows: list[list[str]], name: str) -> np.ndarray:
    wrong = next((row for row in rows if len(row) != 3), None)
    try:
        numbers = [[_number(word) for word in row] for row in rows] if wrong is None else []
        values = np.array(numbers, dtype=np.float64).reshape(-1, 3)
    except ValueError:
        wrong = next(row for row in rows if not all(map(_is_number, row)))
    if wrong is not None:
        raise ValueError(f"{name}: wanted three numbers each, got {' '.join(wrong)[:60]!r}")
    return values


def _number(word: str) -> float:
    """Return a number as Fortran may write it, such as 4.0d0."""
    return float(word.lower().replace("d", "e"))


def _is_number(word: str) -> bool:
    try:
        _number(word)
    except ValueError:
        return False
    return True
