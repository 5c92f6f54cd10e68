"""Energies of elements that no known crystal consists of: the lowest of four closest or nearly closest packings."""

from __future__ import annotations

import numpy as np

from ..crystal import SYMBOLS, Crystal
from ..errors import InputError
from ..geometry.elements import COVALENT_RADII
from .relaxing import RelaxOptions, relax_crystal

SCALES = 1.1 ** np.arange(-2, 9)
"""The distances of neighbours that are tried, in sums of covalent radii: metals have about 1, noble gases up to 2."""


def element_energy(number: int, calculator: str) -> tuple[str, float]:
    """Return the name of the packing of an element that has the lowest energy by a potential, and that in eV/atom.

    The packings are hcp, dhcp, fcc and bcc, relaxed from the distance of neighbours that is best in fcc. They are the
    structures of most metals, as holmium and terbium (hcp) and praseodymium (dhcp).
    """
    as_it_stands, relaxed = RelaxOptions(calculator, steps=0), RelaxOptions(calculator)
    distances = 2 * float(COVALENT_RADII[number]) * SCALES
    tried = [_energy(packings(number, distance)["fcc"], as_it_stands) for distance in distances]
    start = packings(number, distances[int(np.argmin(tried))])
    energies = {name: _energy(crystal, relaxed) for name, crystal in start.items()}
    lowest = min(energies, key=energies.__getitem__)
    if not np.isfinite(energies[lowest]):
        raise InputError(f"{SYMBOLS[number - 1]}: {calculator} gives no energy of the element by itself")
    return lowest, energies[lowest]


def _energy(crystal: Crystal, options: RelaxOptions) -> float:
    """Return the energy of a crystal in eV/atom after relaxing; infinite if the potential fails."""
    row = relax_crystal(crystal, options)
    return float("inf") if row["relax_error"] else float(row["energy_per_atom"])


def packings(number: int, distance: float) -> dict[str, Crystal]:
    """Return crystals of an element, each atom with nearest neighbours at a distance in Å."""
    hexagonal = np.array([[1, 0, 0], [-0.5, np.sqrt(0.75), 0], [0, 0, np.sqrt(8 / 3)]]) * distance
    a, b, c = [0.0, 0.0, 0.0], [1 / 3, 2 / 3, 0.0], [2 / 3, 1 / 3, 0.0]  # the layers
    cells: dict[str, tuple[np.ndarray, list[list[float]]]] = {
        "hcp": (hexagonal, [a, [*b[:2], 0.5]]),
        "dhcp": (hexagonal * [[1], [1], [2]], [a, [*b[:2], 0.25], [0, 0, 0.5], [*c[:2], 0.75]]),
        "fcc": ((np.ones((3, 3)) - np.eye(3)) * distance / np.sqrt(2), [a]),
        "bcc": ((np.ones((3, 3)) - 2 * np.eye(3)) * distance / np.sqrt(3), [a]),
    }
    return {
        name: Crystal(cell, np.array(coords), np.full(len(coords), number)) for name, (cell, coords) in cells.items()
    }
