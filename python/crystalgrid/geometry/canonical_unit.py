"""Canonical asymmetric units: of the equivalent descriptions of a crystal in the standard setting, always the same."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .elements import MENDELEEV_NUMBERS
from .normaliser import Change, changes_of, is_whole, letter_of, on_form, open_axes, orbit_of
from .space_group import symmetry_dataset
from .wyckoff import StandardGroup, standard_group

SYMPREC = 0.01
"""The largest distance in Å of atoms from their symmetric positions."""
SAME_POINT = 1e-3
"""The difference of fractional coordinates below which two symmetric points are one."""
WAVE_VECTORS = np.array([(h, k, m) for h in range(4) for k in range(4) for m in range(4)][1:])
"""Enough plane waves that each origin, whatever the centring, gives other amplitudes."""
WAVE_PHASES, WAVE_WEIGHTS = np.random.default_rng(0).random((2, len(WAVE_VECTORS))) * [[2 * np.pi], [1.0]]


class CanonicalUnit(NamedTuple):
    """A crystal in the standard setting, with O orbits in the order of letters, then of Mendeleev numbers.

    Of the equivalent descriptions under the normaliser of the space group, and under the symmetry of the lattice, it is
    the one whose letters and elements come first in this order, and of those the one whose geometry has the lowest
    `rank`.
    """

    space_group: int
    lattice: np.ndarray
    """[3, 3], rows in Å, of the conventional cell."""
    letters: np.ndarray
    """[O], indices in LETTERS."""
    numbers: np.ndarray
    """[O], atomic numbers."""
    points: np.ndarray
    """[O, 3], fractional coordinates of the first atom of each orbit."""


class Orbit(NamedTuple):
    """The atoms of one Wyckoff orbit."""

    letter: int
    number: int
    """The atomic number."""
    points: np.ndarray
    """[M, 3], fractional coordinates in the conventional cell."""


def find_canonical_unit(
    lattice: np.ndarray, frac_coords: np.ndarray, numbers: np.ndarray, symprec: float = SYMPREC
) -> CanonicalUnit | None:
    """Return the canonical unit of a crystal, or None if its symmetry cannot be determined within `symprec` Å.

    lattice: [3, 3] Å; frac_coords: [N, 3]; numbers: [N].
    """
    dataset = symmetry_dataset(lattice, frac_coords, numbers, symprec)
    if dataset is None:
        return None
    cell, group = dataset.std_cell, standard_group(dataset.number)
    orbits = orbits_of(group, np.array(cell.positions), np.array(cell.numbers))
    if orbits is None:
        return None
    changes = changes_of(group.number, np.array(cell.basis))
    words = [sorted((change.letters[o.letter], MENDELEEV_NUMBERS[o.number]) for o in orbits) for change in changes]
    first = min(words)
    descriptions = [
        (described, np.linalg.inv(change.linear).T @ np.array(cell.basis))
        for change, sentence in zip(changes, words, strict=True)
        if sentence == first
        for described in described_anew(group, orbits, change)
    ]
    chosen, basis = descriptions[0] if len(descriptions) == 1 else min(descriptions, key=lambda d: rank(d[0]))
    starts = [start_of(group, orbit) for orbit in chosen]
    order = sorted(range(len(chosen)), key=lambda i: (*kind(chosen[i]), *np.round(starts[i], 4)))
    return CanonicalUnit(
        group.number,
        basis,
        np.array([chosen[i].letter for i in order]),
        np.array([chosen[i].number for i in order]),
        np.array([starts[i] for i in order]),
    )


def orbits_of(group: StandardGroup, points: np.ndarray, numbers: np.ndarray) -> list[Orbit] | None:
    """Return the orbits of atoms [N] at points [N, 3] of the conventional cell, or None if one of them is not whole."""
    orbits, free = [], np.arange(len(numbers))
    while len(free):
        number, orbit = int(numbers[free[0]]), orbit_of(group, points[free[0]], SAME_POINT)
        member = is_whole(points[free][:, None] - orbit, SAME_POINT).any(1) & (numbers[free] == number)
        if member.sum() != len(orbit):
            return None
        try:
            orbits.append(Orbit(letter_of(group, orbit, SAME_POINT), number, orbit))
        except ValueError:
            return None
        free = free[~member]
    return orbits


def described_anew(group: StandardGroup, orbits: list[Orbit], change: Change) -> list[list[Orbit]]:
    """Return orbits after a change of the description, with each origin that an axis which leaves it open may have.

    On such an axis the origin is at an atom of those that have one letter and element, and of which there are fewest.
    """
    changed = [
        Orbit(int(change.letters[o.letter]), o.number, o.points @ change.linear.T + change.shift) for o in orbits
    ]
    is_open = open_axes(group)
    if not is_open.any():
        return [changed]
    kinds = [kind(orbit) for orbit in changed]
    rarest = min(kinds, key=lambda k: (sum(len(o.points) for o in changed if kind(o) == k), k))
    starts = np.concatenate([orbit.points for orbit in changed if kind(orbit) == rarest])
    return [[orbit._replace(points=orbit.points - start * is_open) for orbit in changed] for start in starts]


def kind(orbit: Orbit) -> tuple[int, int]:
    """Return the letter of an orbit and the Mendeleev number of its element, by which orbits are ordered."""
    return orbit.letter, int(MENDELEEV_NUMBERS[orbit.number])


def rank(orbits: list[Orbit]) -> float:
    """Return a number that only equal geometries share, and that changes little if atoms move little."""
    points = np.concatenate([orbit.points for orbit in orbits])
    weights = np.repeat([orbit.number for orbit in orbits], [len(orbit.points) for orbit in orbits])
    amplitudes = weights @ np.cos(2 * np.pi * (points @ WAVE_VECTORS.T) + WAVE_PHASES)
    return round(float(amplitudes @ WAVE_WEIGHTS) / float(weights.sum()), 6)


def start_of(group: StandardGroup, orbit: Orbit) -> np.ndarray:
    """Return the first point of an orbit: of those that its Wyckoff position may name, the one of least coordinates."""
    points = (orbit.points + SAME_POINT / 10) % 1 - SAME_POINT / 10
    points = points[on_form(group.positions[orbit.letter], points, SAME_POINT)]
    first: np.ndarray = points[np.lexsort(np.round(points, 4).T[::-1])[0]]
    return first


def slots_of(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the slot of each orbit [O], and the element of each slot, in the order in which they first occur."""
    elements, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    order = first.argsort()
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[inverse.ravel()], elements[order]
