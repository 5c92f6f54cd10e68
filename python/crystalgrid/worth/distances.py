"""Distances between the atoms of a crystal, each to the other's nearest image, and what they say of it."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from ..crystal import MAX_Z, SYMBOLS, Crystal
from ..geometry.lattices import neighbours, reduced

CDVAE_CLOSEST = 0.5
"""Å; CDVAE's rule rejects crystals with nearer atoms."""
LEMAT_SHARE, LEMAT_MARGIN = 0.5, 0.7
"""LeMat-GenBench's rule rejects atoms nearer than this share of the sum of their radii and of this margin in Å."""


def pair_distances(crystal: Crystal) -> np.ndarray:
    """Return [N, N] distances in Å from each atom to the nearest image of each; on the diagonal, to its own image."""
    lattice = reduced(torch.from_numpy(crystal.lattice).unsqueeze(0))[0].numpy()
    in_reduced_cell = crystal.positions @ np.linalg.inv(lattice)
    apart = in_reduced_cell[:, None] - in_reduced_cell
    apart = (apart - np.rint(apart)) @ lattice
    squares = np.full(apart.shape[:2], np.inf)
    for cells in neighbours().double().numpy():
        moved = apart + cells @ lattice
        square = np.einsum("ijk,ijk->ij", moved, moved)
        if not cells.any():
            np.fill_diagonal(square, np.inf)
        np.minimum(squares, square, out=squares)
    distances: np.ndarray = np.sqrt(squares)
    return distances


@cache
def atomic_radii() -> np.ndarray:
    """Return the atomic radii (Slater 1964) of Z = 0 to 94 in Å, 1 Å where none is tabulated."""
    from pymatgen.core.periodic_table import Element

    radii = np.ones(MAX_Z + 1)
    for z, symbol in enumerate(SYMBOLS, start=1):
        radii[z] = Element(symbol).atomic_radius or 1.0
    return radii


def radii_sums(crystal: Crystal, radii: np.ndarray) -> np.ndarray:
    """Return [N, N] sums of two atoms' radii, which are given for Z = 0 to 94 in Å."""
    of_atoms = radii[crystal.numbers]
    sums: np.ndarray = of_atoms[:, None] + of_atoms
    return sums


def between_different_atoms(distances: np.ndarray) -> np.ndarray:
    """Return distances [N, N] with infinity on the diagonal: published rules do not look at an atom's own images."""
    between = distances.copy()
    np.fill_diagonal(between, np.inf)
    return between
