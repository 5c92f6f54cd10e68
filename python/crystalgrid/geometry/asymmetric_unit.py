"""The asymmetric unit of a crystal: its standard cell and the first atom of each orbit of its space group."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .cell import CellLike
from .elements import ELECTRONEGATIVITIES
from .space_group import symmetry_dataset

DECIMALS = 6
"""The digits by which coordinates are compared, so that rounding does not decide which atom is the first."""
P1_LETTER = "a"
"""The Wyckoff letter of every atom of a crystal without symmetry."""


class Orbit(NamedTuple):
    """Atoms that the symmetry relates, by the first of them."""

    number: int
    """The atomic number."""
    multiplicity: int
    """The number of atoms in the conventional cell."""
    letter: str
    """The Wyckoff letter."""
    frac_coords: np.ndarray
    """[3], in the conventional cell: of all atoms the one with the smallest x, then y, then z from 0 to 1."""


class AsymmetricUnit(NamedTuple):
    """A crystal as the International Tables describe it."""

    space_group: int
    """The number, from 1 to 230."""
    lattice: np.ndarray
    """[3, 3] Å, the conventional cell of the standard setting."""
    orbits: list[Orbit]
    """In the order of electronegativity."""


def asymmetric_unit(cell: CellLike, symprec: float) -> AsymmetricUnit:
    """Return the asymmetric unit of a crystal, its atoms moved to the symmetry that it has within `symprec` Å.

    The setting is the standard one: origin choice 2, hexagonal axes, unique axis b. If no symmetry can be determined,
    the cell is the given one and every atom is an orbit of P1.
    """
    dataset = symmetry_dataset(cell.lattice, cell.frac_coords, cell.numbers, symprec)
    if dataset is None:
        atoms = zip(cell.numbers, cell.frac_coords, strict=True)
        return AsymmetricUnit(1, cell.lattice, [Orbit(int(z), 1, P1_LETTER, coords % 1.0) for z, coords in atoms])
    lattice, primitive = np.array(dataset.std_cell.basis), dataset.prim_std_cell
    frac_coords = np.array(primitive.positions) @ np.array(primitive.basis) @ np.linalg.inv(lattice)
    copies = len(dataset.std_cell.numbers) // len(primitive.numbers)
    orbit_of_atom, primitive_of_atom = np.array(dataset.orbits), np.array(dataset.mapping_std_prim)
    operations = conventional_operations(dataset.number)
    orbits = []
    for first in np.unique(orbit_of_atom):
        members = np.unique(primitive_of_atom[orbit_of_atom == first])
        coords = _first_image(frac_coords[members[0]], *operations)
        orbits.append(Orbit(int(cell.numbers[first]), len(members) * copies, dataset.wyckoffs[first], coords))
    return AsymmetricUnit(dataset.number, lattice, sorted(orbits, key=_order))


def conventional_operations(space_group: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rotations [M, 3, 3] and translations [M, 3] of a space group's standard cell, centring included."""
    import moyopy

    operations = moyopy.operations_from_number(space_group, setting=moyopy.Setting.standard())
    return np.array(operations.rotations), np.array(operations.translations)


def _first_image(coords: np.ndarray, rotations: np.ndarray, translations: np.ndarray) -> np.ndarray:
    images = rotations @ coords + translations
    images = (images + 0.5 * 10**-DECIMALS) % 1.0 - 0.5 * 10**-DECIMALS
    first = np.lexsort(np.round(images, DECIMALS).T[::-1])[0]
    coords = images[first]
    return coords


def _order(orbit: Orbit) -> tuple[float, int, int, str, tuple[float, ...]]:
    return (
        ELECTRONEGATIVITIES[orbit.number],
        orbit.number,
        orbit.multiplicity,
        orbit.letter,
        tuple(np.round(orbit.frac_coords, DECIMALS)),
    )
