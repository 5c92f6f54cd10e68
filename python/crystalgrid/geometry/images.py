"""Periodic images: the lattice translations that bring atoms into a box."""

import numpy as np


def translations_into(corners: np.ndarray, frac_coords: np.ndarray) -> np.ndarray:
    """Return whole-number lattice translations [T, 3], among them all that bring one of the atoms into a box.

    corners: [8, 3] fractional coordinates of the box's corners, whatever its orientation. frac_coords: [N, 3], N > 0.

    Distances are not wrapped: a small or oblique cell may have several images of an atom in the box.
    """
    low = np.floor(corners.min(axis=0) - frac_coords.max(axis=0)).astype(int)
    high = np.ceil(corners.max(axis=0) - frac_coords.min(axis=0)).astype(int)
    return np.stack(np.meshgrid(*map(np.arange, low, high + 1), indexing="ij"), -1).reshape(-1, 3)
