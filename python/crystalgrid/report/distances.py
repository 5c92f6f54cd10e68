"""Distances between neighbouring atoms, and between distributions (section 4.4.2, Fig. 9A)."""

from __future__ import annotations

import numpy as np

from ..atoms import Atoms
from ..crystal import Crystal

BIN = 0.1
"""The width in Å of the histogram bins for the total variation."""


def nearest_neighbours(positions: np.ndarray) -> np.ndarray:
    """Return the distance [N] from each of N positions [N, 3] to the nearest other; empty for fewer than two."""
    from scipy.spatial import cKDTree

    if len(positions) < 2:
        return np.zeros(0)
    distances: np.ndarray = cKDTree(positions).query(positions, k=2)[0][:, 1]
    return distances


def neighbours_in_cubes(atoms: Atoms) -> list[np.ndarray]:
    """Return for each cube the distances [N] from its N atoms to the nearest other in it, Å."""
    return [nearest_neighbours(atoms.cube(b)[0]) for b in range(len(atoms.offsets) - 1)]


def neighbours_in_crystal(crystal: Crystal, cutoff: float) -> np.ndarray:
    """Return the distance [N] Å from each atom to the nearest other or image, at most `cutoff`."""
    centres, _, _, distances = crystal.to_pymatgen().get_neighbor_list(cutoff)
    nearest = np.full(len(crystal), cutoff)
    np.minimum.at(nearest, centres, distances)
    return nearest


def wasserstein(a: np.ndarray, b: np.ndarray) -> float | None:
    """Return the first Wasserstein distance of two samples, in their unit; None if either is empty."""
    from scipy.stats import wasserstein_distance

    return float(wasserstein_distance(a, b)) if len(a) and len(b) else None


def total_variation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Return half the L1 distance of two samples' histograms, from 0 to 1; None if either is empty."""
    if len(a) == 0 or len(b) == 0:
        return None
    edges = np.arange(0.0, max(a.max(), b.max()) + 2 * BIN, BIN)
    shares = [np.histogram(values, edges)[0] / len(values) for values in (a, b)]
    return float(abs(shares[0] - shares[1]).sum() / 2)
