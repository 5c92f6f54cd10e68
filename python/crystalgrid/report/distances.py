"""Distances between neighbouring atoms, and how far one distribution is from another (section 4.4.2, Fig. 9A)."""

import numpy as np

from ..atoms import Atoms
from ..crystal import Crystal

BIN = 0.1
"""Å, in which total variation is counted."""


def nearest_neighbours(positions: np.ndarray) -> np.ndarray:
    """[N] Å, from each of N positions [N, 3] to the nearest other; empty where there is no other."""
    if len(positions) < 2:
        return np.zeros(0)
    apart = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    np.fill_diagonal(apart, np.inf)
    return apart.min(axis=1)


def neighbours_in_cubes(atoms: Atoms) -> list[np.ndarray]:
    """Of each cube, the distances of its atoms to their nearest others in it, Å."""
    return [nearest_neighbours(atoms.cube(b)[0]) for b in range(len(atoms.offsets) - 1)]


def neighbours_in_crystal(crystal: Crystal, farthest: float) -> np.ndarray:
    """[N] Å, from each atom to the nearest other or image; `farthest` where there is none nearer."""
    centres, _, _, distances = crystal.to_pymatgen().get_neighbor_list(farthest)
    nearest = np.full(len(crystal), farthest)
    np.minimum.at(nearest, centres, distances)
    return nearest


def wasserstein(a: np.ndarray, b: np.ndarray) -> float | None:
    """First Wasserstein distance of two samples, in their unit: the area between their cumulative distributions.

    None where one of both is empty.
    """
    if len(a) == 0 or len(b) == 0:
        return None
    places = np.sort(np.concatenate([a, b]))
    below = [np.searchsorted(np.sort(values), places[:-1], side="right") / len(values) for values in (a, b)]
    return float(np.sum(abs(below[0] - below[1]) * np.diff(places)))


def total_variation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Half the sum of the differences of two samples' histograms, 0 to 1; None where one of both is empty."""
    if len(a) == 0 or len(b) == 0:
        return None
    edges = np.arange(0.0, max(a.max(), b.max()) + 2 * BIN, BIN)
    shares = [np.histogram(values, edges)[0] / len(values) for values in (a, b)]
    return float(abs(shares[0] - shares[1]).sum() / 2)
