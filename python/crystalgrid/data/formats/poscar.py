"""POSCAR and CONTCAR, by pymatgen."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .entry import Arrays, Entry, arrays_of, read_text


def open_poscar(path: Path) -> Iterator[Entry]:
    """Yield the text of the file as one entry."""
    yield Entry(None, parse_poscar, read_text(path))


def parse_poscar(text: str) -> list[Arrays]:
    """Return the structure of a POSCAR, which must name its species: pymatgen would warn and guess."""
    from pymatgen.io.vasp.inputs import BadPoscarWarning, Poscar

    with warnings.catch_warnings():
        warnings.simplefilter("error", BadPoscarWarning)
        return [arrays_of(Poscar.from_str(_with_scale(text), read_velocities=False).structure)]


def _with_scale(text: str) -> str:
    """Replace a volume, given as a negative scale, by the scale: pymatgen scales Cartesian positions wrongly then."""
    lines = text.splitlines()
    try:
        scale, vectors = float(lines[1]), np.array([line.split()[:3] for line in lines[2:5]], dtype=np.float64)
    except (ValueError, IndexError):
        return text  # pymatgen says what is wrong
    volume = abs(np.linalg.det(vectors)) if vectors.shape == (3, 3) else 0.0
    if scale >= 0 or volume == 0:
        return text
    return "\n".join([lines[0], repr(float((-scale / volume) ** (1 / 3))), *lines[2:]])
