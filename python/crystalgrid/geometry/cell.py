"""A unit cell as plain arrays, which geometry knows a crystal by."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np


class Cell(NamedTuple):
    """A unit cell."""

    lattice: np.ndarray
    """[3, 3] Å, rows a, b, c."""
    frac_coords: np.ndarray
    """[N, 3]."""
    numbers: np.ndarray
    """[N]."""


class CellLike(Protocol):
    """Whatever has the three arrays of a cell: a `Cell` or a `Crystal`."""

    @property
    def lattice(self) -> np.ndarray:
        """The lattice, [3, 3] Å."""

    @property
    def frac_coords(self) -> np.ndarray:
        """The fractional coordinates, [N, 3]."""

    @property
    def numbers(self) -> np.ndarray:
        """The atomic numbers, [N]."""


def cell_parameters(lattice: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lengths a, b, c in Å and the angles α, β, γ in degrees of a lattice [3, 3]."""
    lengths = np.linalg.norm(lattice, axis=1)
    cosines = (lattice / lengths[:, None]) @ (lattice / lengths[:, None]).T
    angles: np.ndarray = np.degrees(np.arccos(np.clip([cosines[1, 2], cosines[0, 2], cosines[0, 1]], -1, 1)))
    return lengths, angles


def standard_orientation(lattice: np.ndarray) -> np.ndarray:
    """Return a lattice [3, 3] turned so that a is along x and b in the plane of x and y, both of positive y and z."""
    triangle: np.ndarray = np.linalg.cholesky(lattice @ lattice.T)
    return triangle
