"""The cell of a crystal that is the same however the crystal was given: shifted, turned or as a supercell."""

from __future__ import annotations

import numpy as np

from .canonical_unit import SAME_POINT, SYMPREC, find_canonical_unit
from .cell import Cell, CellLike, standard_orientation
from .space_group import standard_cell
from .wyckoff import standard_group


def canonical_cell(cell: CellLike, symprec: float = SYMPREC) -> Cell:
    """Return the conventional cell of a crystal, symmetrised, its origin and axes chosen by the crystal alone.

    Vector a is along x and b in the plane of x and y. The symmetry is the one found within `symprec` Å; if none can be
    determined, the cell is the given one. Along axes where the group leaves the origin free, the first orbit is at 0;
    such an axis may point either way.
    """
    unit = find_canonical_unit(cell.lattice, cell.frac_coords, cell.numbers, symprec)
    if unit is None:
        return standard_cell(cell, symprec)
    group = standard_group(unit.space_group)
    free = group.rotations.mean(axis=0)  # projects on the directions that no operation changes
    orbits = []
    for point in unit.points - free @ unit.points[0]:
        images = (group.rotations @ point + group.translations)[:, None] + group.centring
        orbits.append(_distinct(images.reshape(-1, 3)))
    numbers = np.repeat(unit.numbers, [len(orbit) for orbit in orbits])
    return Cell(standard_orientation(unit.lattice), np.concatenate(orbits) % 1.0, numbers)


def _distinct(points: np.ndarray) -> np.ndarray:
    """Return the fractional coordinates [N, 3] of each point once, in whichever cell it is."""
    apart = points[:, None] - points
    same = np.abs(apart - np.rint(apart)).max(axis=2) < SAME_POINT
    distinct: np.ndarray = points[same.argmax(axis=1) == np.arange(len(points))]
    return distinct
