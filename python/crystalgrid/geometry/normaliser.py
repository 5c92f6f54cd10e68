"""The Euclidean normalisers of space groups: the changes of a crystal's description that keep its operations.

A proper rotation and a shift of the origin describe the same crystal anew, and may exchange Wyckoff letters
(International Tables A, section 3.5). Axes along which the origin is free are left alone. A lattice of more symmetry
than its lattice system asks for, such as a monoclinic one with β = 90°, may allow further changes.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np

from .wyckoff import StandardGroup, WyckoffPosition, standard_group

HOLOHEDRIES = ((2, 1), (15, 3), (74, 16), (142, 89), (194, 177), (230, 207))
"""The last space group of each lattice system, and one with all proper rotations of its lattices."""
GRID = 24
"""Shifts are multiples of 1/24 of an axis, as those of all space groups are."""
SAME = 1e-6
SAME_METRIC = 1e-3
"""The difference of scalar products of basis vectors, over their lengths, below which two lattices are one."""
LAST_ORTHORHOMBIC = 74
"""The last space group whose lattices may have more symmetry with which its operations are kept."""
GENERIC_POINT = np.array([0.1234, 0.2717, 0.4319])
"""A point that no operation keeps."""


class Change(NamedTuple):
    """A change of the description: a point x becomes linear · x + shift, and letter i becomes letters[i]."""

    linear: np.ndarray
    """[3, 3], of fractional coordinates in the conventional cell."""
    shift: np.ndarray
    """[3]."""
    letters: np.ndarray
    """[P], the index of each Wyckoff letter after the change."""


def normaliser(number: int) -> tuple[Change, ...]:
    """Return the changes that keep the operations of a space group, one of each class that these do not connect."""
    return changes_by(number, ())


def changes_of(number: int, lattice: np.ndarray) -> tuple[Change, ...]:
    """Return the changes of `normaliser`, then those that more symmetry of a lattice [3, 3] allows."""
    if number > LAST_ORTHORHOMBIC:
        return normaliser(number)
    metric, candidates = lattice @ lattice.T, rotation_candidates()
    lengths = np.sqrt(np.diag(metric))
    difference = candidates.transpose(0, 2, 1) @ metric @ candidates - metric
    kept = (np.abs(difference) < SAME_METRIC * lengths[:, None] * lengths).all((1, 2))
    return changes_by(number, tuple(np.flatnonzero(kept).tolist()))


@cache
def rotation_candidates() -> np.ndarray:
    """Return the matrices of -1, 0 and 1 with determinant 1, [R, 3, 3]: rotations of a reduced lattice are such."""
    matrices = np.array(list(product((-1.0, 0.0, 1.0), repeat=9))).reshape(-1, 3, 3)
    candidates: np.ndarray = matrices[np.abs(np.linalg.det(matrices) - 1) < SAME]
    return candidates


@cache
def changes_by(number: int, further: tuple[int, ...]) -> tuple[Change, ...]:
    """Return the changes by the rotations of the lattice system, then by further ones of `rotation_candidates`."""
    group = standard_group(number)
    of_system = standard_group(next(full for last, full in HOLOHEDRIES if number <= last)).rotations
    rotations: list[np.ndarray] = []
    for linear in [*of_system, *rotation_candidates()[list(further)]]:
        keeps_lattice = is_whole((group.centring @ linear.T)[:, None] - group.centring).any(1).all()
        # Two rotations that an operation connects give the same descriptions.
        if keeps_lattice and all(number_of(group, other @ np.linalg.inv(linear)) is None for other in rotations):
            rotations.append(linear)
    return tuple(
        Change(linear, shift, letters_after(group, linear, shift))
        for linear in rotations
        for shift in shifts_with(group, linear)
    )


def number_of(group: StandardGroup, rotation: np.ndarray) -> int | None:
    """Return which of the group's operations has a rotation, or None."""
    found = np.flatnonzero(np.abs(group.rotations - rotation).max((1, 2)) < SAME)
    return int(found[0]) if len(found) else None


def shifts_with(group: StandardGroup, linear: np.ndarray) -> np.ndarray:
    """Return the shifts [S, 3] that, after a rotation, keep the operations; those that differ by no lattice vector."""
    steps = [np.zeros(1) if is_open else np.arange(GRID) / GRID for is_open in open_axes(group)]
    shifts = np.stack(np.meshgrid(*steps, indexing="ij"), 3).reshape(-1, 3)
    for rotation, translation in zip(group.rotations, group.translations, strict=True):
        after = linear @ rotation @ np.linalg.inv(linear)
        same = number_of(group, after)
        if same is None:
            return np.zeros((0, 3))
        difference = linear @ translation - group.translations[same] + shifts @ (np.eye(3) - after).T
        shifts = shifts[is_whole(difference[:, None] - group.centring).any(1)]
    order = np.rint((shifts[:, None] + group.centring) * GRID).astype(int) % GRID @ (GRID**2, GRID, 1)
    unique: np.ndarray = shifts[order.argmin(1) == 0]
    return unique


def open_axes(group: StandardGroup) -> np.ndarray:
    """Return along which axes the group leaves the origin open, [3] bool."""
    is_open: np.ndarray = np.isclose(np.diag(group.rotations.mean(0)), 1)
    return is_open


def letters_after(group: StandardGroup, linear: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return the index of each Wyckoff letter after a change of the description."""
    points = [position.linear @ GENERIC_POINT + position.offset for position in group.positions]
    return np.array([letter_of(group, orbit_of(group, linear @ point + shift)) for point in points])


def orbit_of(group: StandardGroup, point: np.ndarray, same: float = SAME) -> np.ndarray:
    """Return the different images [M, 3] of a point in the conventional cell; nearer than `same` they are one."""
    images = (group.rotations @ point + group.translations)[:, None] + group.centring
    images = (images.reshape(-1, 3) + same / 2) % 1 - same / 2
    first = is_whole(images[:, None] - images, same).argmax(1)
    orbit: np.ndarray = images[np.unique(first)]
    return orbit


def letter_of(group: StandardGroup, orbit: np.ndarray, same: float = SAME) -> int:
    """Return the index of the Wyckoff letter of an orbit [M, 3]."""
    for position in group.positions:
        if position.multiplicity == len(orbit) and on_form(position, orbit, same).any():
            return position.letter
    raise ValueError(f"no Wyckoff position of space group {group.number} holds an orbit of {len(orbit)} points")


def on_form(position: WyckoffPosition, points: np.ndarray, same: float = SAME) -> np.ndarray:
    """Return which of the points [M, 3] of an orbit may be its first, by the coordinates of the Wyckoff position."""
    return is_whole(points @ position.linear.T + position.offset - points, same)


def is_whole(vectors: np.ndarray, same: float = SAME) -> np.ndarray:
    """Return whether all coordinates of vectors [..., 3] are whole numbers."""
    whole: np.ndarray = (np.abs(vectors - np.rint(vectors)) < same).all(-1)
    return whole
