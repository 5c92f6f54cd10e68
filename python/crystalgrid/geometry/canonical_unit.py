"""Canonical asymmetric units: of the equivalent descriptions of a crystal in the standard setting, always the same."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .elements import MENDELEEV_NUMBERS
from .space_group import symmetry_dataset
from .wyckoff import LETTERS, StandardGroup, standard_group

SYMPREC = 0.01
"""The largest distance in Å of atoms from their symmetric positions."""
SAME_POINT = 1e-3
"""The difference of fractional coordinates below which two symmetric points are one."""


class CanonicalUnit(NamedTuple):
    """A crystal in the standard setting, with O orbits in the order of letters, then of Mendeleev numbers.

    Of the equivalent descriptions under the normaliser of the space group it is the one whose letters and elements come
    first in this order.
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


def find_canonical_unit(
    lattice: np.ndarray, frac_coords: np.ndarray, numbers: np.ndarray, symprec: float = SYMPREC
) -> CanonicalUnit | None:
    """Return the canonical unit of a crystal, or None if its symmetry cannot be determined within `symprec` Å.

    lattice: [3, 3] Å; frac_coords: [N, 3]; numbers: [N].
    """
    dataset = symmetry_dataset(lattice, frac_coords, numbers, symprec)
    if dataset is None:
        return None
    try:
        descriptions = dataset.normalizer_wyckoff_positions().coset_representatives
    except ValueError:  # the symmetry of a distorted crystal is clear only after it was symmetrised
        cell = dataset.std_cell
        exact = symmetry_dataset(np.array(cell.basis), np.array(cell.positions), np.array(cell.numbers), 1e-4)
        if exact is None or exact.number != dataset.number:
            return None
        dataset, descriptions = exact, exact.normalizer_wyckoff_positions().coset_representatives
    cell, group = dataset.std_cell, standard_group(dataset.number)
    atoms = np.array(cell.numbers)
    letters = [np.array([LETTERS.index(position.letter) for position in positions]) for _, positions in descriptions]
    first = min(range(len(letters)), key=lambda i: sorted(zip(letters[i], MENDELEEV_NUMBERS[atoms], strict=True)))
    change = descriptions[first][0]
    linear = np.array(change.linear, float)
    points = (np.array(cell.positions) - change.origin_shift) @ np.linalg.inv(linear).T
    firsts = [
        orbit_start(group, int(letter), points, np.flatnonzero((letters[first] == letter) & (atoms == number)))
        for letter, number in sorted(
            set(zip(letters[first], atoms, strict=True)), key=lambda s: (s[0], MENDELEEV_NUMBERS[s[1]])
        )
    ]
    starts = [start for found in firsts for start in found]
    if sum(group.positions[letters[first][index]].multiplicity for index, _ in starts) != len(atoms):
        return None
    indices = [index for index, _ in starts]
    basis = linear.T @ np.array(cell.basis)
    return CanonicalUnit(group.number, basis, letters[first][indices], atoms[indices], np.array([p for _, p in starts]))


def orbit_start(
    group: StandardGroup, letter: int, points: np.ndarray, indices: np.ndarray
) -> list[tuple[int, np.ndarray]]:
    """Return index and first point of each orbit among atoms that have one letter and one element.

    points: [N, 3]; indices: those of the atoms. What is no whole orbit is left out.
    """
    position, starts, free = group.positions[letter], [], list(indices)
    while free:
        images = group.rotations @ points[free[0]] + group.translations
        images = ((images[:, None] + group.centring).reshape(-1, 3) + SAME_POINT / 10) % 1 - SAME_POINT / 10
        difference = points[free][:, None] - images
        members = (np.abs(difference - np.rint(difference)).max(2) < SAME_POINT).any(1)
        if members.sum() != position.multiplicity:
            break
        error = images @ position.linear.T + position.offset - images
        shift = np.rint(error)
        on_form = images[(np.abs(error - shift).max(1) < SAME_POINT)]
        if len(on_form) == 0:
            break
        rounded = np.round(on_form, 4)
        start = on_form[np.lexsort(rounded.T[::-1])[0]]
        starts.append((free[0], start))
        free = [i for i, member in zip(free, members, strict=True) if not member]
    return sorted(starts, key=lambda s: tuple(np.round(s[1], 4)))
