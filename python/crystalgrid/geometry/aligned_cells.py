"""Conventional cells brought onto others that they resemble, so that a film of crystals shows what changes alone."""

from __future__ import annotations

import itertools

import numpy as np

from .cell import Cell, CellLike

SAME_METRIC = 0.02
"""The difference of two metrics, over their size, up to which axes are taken for equally near."""
OTHER_ELEMENT = 1.0
"""What it costs to put an atom onto one of another element, Å²."""
BETTER = 1e-6
"""The cost in Å² by which a description has to be lower than the given one."""


def aligned(cell: CellLike, other: CellLike) -> Cell:
    """Return a cell with those axes, up to sign and order, and that origin with which it is most like another one.

    Likeness is the mean squared distance of each atom of either cell from the nearest of the other, with
    OTHER_ELEMENT added where the elements differ.
    """
    best, lowest = Cell(cell.lattice, cell.frac_coords, cell.numbers), np.inf
    for axes in nearest_axes(cell.lattice, other.lattice):
        lattice, frac_coords = axes @ cell.lattice, cell.frac_coords @ axes.T
        rarest = min(np.unique(cell.numbers), key=lambda z: int((cell.numbers == z).sum()))
        first = frac_coords[np.flatnonzero(cell.numbers == rarest)[0]]
        for origin in np.concatenate([np.zeros((1, 3)), other.frac_coords - first]):
            candidate = Cell(lattice, frac_coords + origin, cell.numbers)
            cost = unlikeness(candidate, other)
            if cost < lowest - BETTER:
                best, lowest = candidate, cost
    return best


def nearest_axes(lattice: np.ndarray, other: np.ndarray) -> list[np.ndarray]:
    """Return the rotations by 90° about axes [3, 3] that bring the metric of a lattice nearest to another's."""
    metric, wanted_metric = lattice @ lattice.T, other @ other.T
    rotations = [
        np.diag(signs) @ np.eye(3)[list(order)]
        for order in itertools.permutations(range(3))
        for signs in itertools.product((1, -1), repeat=3)
    ]
    rotations = sorted((axes for axes in rotations if np.linalg.det(axes) > 0), key=lambda axes: -np.trace(axes))
    differences = [float(np.linalg.norm(axes @ metric @ axes.T - wanted_metric)) for axes in rotations]
    most = min(differences) + SAME_METRIC * float(np.linalg.norm(wanted_metric))
    return [axes for axes, difference in zip(rotations, differences, strict=True) if difference <= most]


def unlikeness(cell: CellLike, other: CellLike) -> float:
    """Return the mean over the atoms of both cells of the cost of the nearest atom of the other, Å²."""
    steps = cell.frac_coords[:, None] - other.frac_coords
    steps -= np.round(steps)
    costs = ((steps @ other.lattice) ** 2).sum(axis=2)
    costs += OTHER_ELEMENT * (cell.numbers[:, None] != other.numbers)
    return 0.5 * float(costs.min(axis=1).mean() + costs.min(axis=0).mean())
