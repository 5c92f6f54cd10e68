"""Wyckoff positions of the 230 space groups in the standard setting of International Tables.

The standard setting has unique axis b, origin choice 2 and hexagonal axes, as in moyopy's `Setting.standard()`.
`scripts/write_wyckoff_positions.py` writes the table that is read here.
"""

from __future__ import annotations

import csv
import re
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .orbits import SPACE_GROUPS

FILE = Path(__file__).with_name("wyckoff_positions.csv")
LETTERS = "abcdefghijklmnopqrstuvwxyzA"
"""The Wyckoff letters in their order; only Pmmm (47) has so many that it needs A."""
SAME_POINT = 1e-4
"""The difference of fractional coordinates below which two points are one."""
TERM = re.compile(r"([+-]?)(\d+/\d+|\d*[xyz]|\d+)")


class WyckoffPosition(NamedTuple):
    """A Wyckoff position: the first of its points is linear · u + offset, for any point u, in fractional coordinates.

    A point that is the first of its orbit maps to itself.
    """

    letter: int
    """The index in LETTERS."""
    multiplicity: int
    """The number of points in the conventional cell."""
    linear: np.ndarray
    """[3, 3]."""
    offset: np.ndarray
    """[3]."""
    site_symmetry: str

    @property
    def freedom(self) -> int:
        """The number of free coordinates."""
        return int(np.linalg.matrix_rank(self.linear))


class StandardGroup(NamedTuple):
    """A space group in the standard setting, by operations of the conventional cell without centring translations."""

    number: int
    rotations: np.ndarray
    """[M, 3, 3], of fractional coordinates."""
    translations: np.ndarray
    """[M, 3]."""
    centring: np.ndarray
    """[C, 3], the lattice points of the conventional cell, the first of which is zero."""
    primitive: np.ndarray
    """[3, 3], basis vectors of a primitive cell, as rows of fractional coordinates."""
    positions: tuple[WyckoffPosition, ...]

    @property
    def primitive_rotations(self) -> np.ndarray:
        """The rotations of fractional coordinates in the primitive cell, [M, 3, 3]."""
        basis = self.primitive.T
        rotations: np.ndarray = np.linalg.inv(basis) @ self.rotations @ basis
        return rotations


@cache
def standard_group(number: int) -> StandardGroup:
    """Return a space group by its number, 1 to 230."""
    import moyopy

    setting = moyopy.Setting.standard()
    operations = moyopy.operations_from_number(number, setting=setting)
    rotations, translations = np.array(operations.rotations, float), np.array(operations.translations) % 1
    _, kind = np.unique(rotations.reshape(-1, 9), axis=0, return_inverse=True)
    _, first = np.unique(kind.ravel(), return_index=True)
    first = np.sort(first)
    is_identity = (rotations == np.eye(3)).all((1, 2))
    centring = translations[is_identity]
    centring = centring[np.lexsort(centring.T)]
    return StandardGroup(
        number, rotations[first], translations[first], centring, primitive_basis(centring), _positions()[number - 1]
    )


def primitive_basis(centring: np.ndarray) -> np.ndarray:
    """Return basis vectors [3, 3] of the lattice that centring translations [C, 3] and whole numbers generate.

    They are short in most crystals. Of a rhombohedral lattice, two are a and b, since many have a long axis c.
    """
    if len(centring) == 3:
        return np.array(((1, 0, 0), (0, 1, 0), centring[np.abs(centring - (2 / 3, 1 / 3, 1 / 3)).max(1).argmin()]))
    steps = np.array([(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)])
    points = (centring[:, None] + steps).reshape(-1, 3)
    points = points[(np.abs(points) < 1 + SAME_POINT).all(1) & (np.abs(points).max(1) > SAME_POINT)]
    points = points[np.lexsort((*-points.T, np.round(np.linalg.norm(points, axis=1), 6)))]
    for i, a in enumerate(points):
        for j, b in enumerate(points[i + 1 :], i + 1):
            for c in points[j + 1 :]:
                basis = np.array((a, b, c))
                determinant = np.linalg.det(basis)
                if abs(abs(determinant) - 1 / len(centring)) < SAME_POINT:
                    return basis if determinant > 0 else -basis
    raise AssertionError("no primitive basis")  # every centring has one among these points


@cache
def _positions() -> tuple[tuple[WyckoffPosition, ...], ...]:
    """Return the Wyckoff positions of all space groups, each in the order of its letters."""
    groups: list[list[WyckoffPosition]] = [[] for _ in range(SPACE_GROUPS)]
    with FILE.open(newline="") as file:
        for row in csv.DictReader(file):
            linear, offset = parse_coordinates(row["coordinates"])
            letter = LETTERS.index(row["letter"])
            position = WyckoffPosition(letter, int(row["multiplicity"]), linear, offset, row["site_symmetry"])
            groups[int(row["space_group"]) - 1].append(position)
    return tuple(map(tuple, groups))


def parse_coordinates(coordinates: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the linear part [3, 3] and the offset [3] of coordinates such as "x 2x 1/4"."""
    linear, offset = np.zeros((3, 3)), np.zeros(3)
    for row, expression in enumerate(coordinates.split()):
        for sign, term in TERM.findall(expression):
            factor = -1 if sign == "-" else 1
            if term[-1] in "xyz":
                linear[row, "xyz".index(term[-1])] = factor * int(term[:-1] or 1)
            else:
                offset[row] = factor * float(Fraction(term))
    return linear, offset
