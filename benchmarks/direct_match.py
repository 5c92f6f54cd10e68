"""A fast test that finds most crystals that match another one as they stand, before StructureMatcher is asked."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import permutations, product

import numpy as np
from scipy.optimize import linear_sum_assignment

from crystalgrid.crystal import Crystal

SAFETY = 0.9
"""The share of StructureMatcher's tolerances that is allowed, so that its roundings decide nothing."""
OTHER_ELEMENT = 1e3
"""The distance that stands for atoms of two elements, of which none takes the other's place."""


@cache
def signed_permutations() -> np.ndarray:
    """Return the matrices that permute and invert axes, the identity first, [48, 3, 3]."""
    matrices = [np.diag(signs)[list(order)] for order in permutations(range(3)) for signs in product((1, -1), repeat=3)]
    return np.array(matrices)


def is_direct_match(a: Crystal, b: Crystal, tolerances: tuple[float, float, float]) -> bool:
    """Return whether the atoms of two primitive cells come to lie on each other by a translation and other axes.

    StructureMatcher then matches them, too; that it does not lie so says nothing. Both have the same atoms.
    tolerances: StructureMatcher's stol, ltol and angle_tol in degrees.
    """
    stol, ltol, angle_tol = (SAFETY * tolerance for tolerance in tolerances)
    (points, numbers, metric), (other, _, other_metric) = _normalised(a), _normalised(b)
    lengths, cosines = _shape(metric)
    for axes in signed_permutations():
        turned = axes @ other_metric @ axes.T
        ratio = _shape(turned)[0] / lengths
        difference = np.degrees(np.abs(np.arccos(_shape(turned)[1]) - np.arccos(cosines)))
        if ratio.max() <= 1 + ltol and ratio.min() >= 1 / (1 + ltol) and difference.max() <= angle_tol:
            mean = (metric + turned) / 2
            if any(d <= stol for d in _farthest(points, other @ axes.T, numbers, mean)):
                return True
    return False


def _normalised(crystal: Crystal) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return points and elements in the order of elements, and the metric of the cell with a volume of 1 an atom."""
    order = np.argsort(crystal.numbers, kind="stable")
    metric = crystal.lattice @ crystal.lattice.T
    scale = np.cbrt(len(order) ** 2 / np.linalg.det(metric))
    return crystal.frac_coords[order], crystal.numbers[order], metric * scale


def _shape(metric: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lengths of a cell's sides, and the cosines of its angles."""
    lengths = np.sqrt(np.diag(metric))
    cosines = metric / np.outer(lengths, lengths)
    return lengths, cosines[[1, 0, 0], [2, 2, 1]]


def _farthest(points: np.ndarray, other: np.ndarray, numbers: np.ndarray, metric: np.ndarray) -> Iterator[float]:
    """Yield the farthest distance of atoms from their partners, for each translation that joins two rare atoms."""
    values, counts = np.unique(numbers, return_counts=True)
    rare = np.flatnonzero(numbers == values[counts.argmin()])
    for partner in rare:
        steps = points[:, None] - other - (points[rare[0]] - other[partner])
        steps -= np.round(steps)
        squares = np.einsum("ijk,kl,ijl->ij", steps, metric, steps)
        squares[numbers[:, None] != numbers] = OTHER_ELEMENT
        rows, columns = linear_sum_assignment(squares)
        moved = steps[rows, columns] - steps[rows, columns].mean(axis=0)
        yield float(np.sqrt(np.einsum("ik,kl,il->i", moved, metric, moved).max()))
