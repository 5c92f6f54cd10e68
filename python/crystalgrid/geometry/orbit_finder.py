"""The orbit finder: which atoms the symmetry of a crystal relates, and how each may move without breaking it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .orbits import LINEAR_UNITS, OFFSET_UNITS, Orbits
from .space_group import symmetry_dataset

SYMPREC = 0.01
"""The largest distance in Å of atoms from their symmetric positions."""
IMAGE_TOLERANCE = 5 * SYMPREC
"""The largest distance in Å between the image of an atom under an operation and the atom it is taken for."""
PRODUCTS = (0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)
"""Pairs of basis vectors, in the order of `lattices.products`."""

Operations = tuple[np.ndarray, np.ndarray, int]
"""Rotations [M, 3, 3] and translations [M, 3] of fractional coordinates, and the number of the space group."""
IDENTITY: Operations = np.eye(3)[None], np.zeros((1, 3)), 1


def find_orbits(lattice: np.ndarray, frac_coords: np.ndarray, numbers: np.ndarray) -> Orbits:
    """Return the Wyckoff orbits of one crystal, in whole numbers and without a batch dimension.

    lattice: [3, 3] Å; frac_coords: [K, 3]; numbers: [K]. The space group is P1 if none can be determined.
    """
    rotations, translations, space_group = _operations(lattice, frac_coords, numbers)
    images = np.einsum("mij,kj->mki", rotations, frac_coords) + translations[:, None]
    permutations = _permutations(images, lattice, frac_coords, numbers)
    if permutations is None:
        rotations, translations, space_group = IDENTITY
        images, permutations = frac_coords[None], np.arange(len(frac_coords))[None]
    orbit = permutations.min(axis=0)
    affine, projector = np.empty((2, len(frac_coords), 3, 3))
    offset = np.empty((len(frac_coords), 3))
    for first in np.unique(orbit):
        stabilizer = np.flatnonzero(permutations[:, first] == first)
        lattice_step = np.rint(images[stabilizer, first] - frac_coords[first])
        site_projector = rotations[stabilizer].mean(axis=0)
        site_offset = (translations[stabilizer] - lattice_step).mean(axis=0)
        for atom in np.flatnonzero(orbit == first):
            m = np.argmax(permutations[:, first] == atom)
            affine[atom] = rotations[m] @ site_projector
            projector[atom] = site_projector @ np.rint(np.linalg.inv(rotations[m]))
            offset[atom] = rotations[m] @ site_offset + translations[m]
    return Orbits(
        _whole(affine, LINEAR_UNITS, np.int8),
        _whole(projector, LINEAR_UNITS, np.int8),
        _whole(offset % 1, OFFSET_UNITS, np.int16),
        _whole(orbit, 1, np.int8),
        _whole(metric_projector(rotations), LINEAR_UNITS, np.int16),
        torch.tensor(space_group, dtype=torch.int16),
    )


def _operations(lattice: np.ndarray, frac_coords: np.ndarray, numbers: np.ndarray) -> Operations:
    """Return the symmetry operations of a crystal, the identity alone if moyopy finds none."""
    dataset = symmetry_dataset(lattice, frac_coords, numbers, SYMPREC)
    if dataset is None:
        return IDENTITY
    operations = dataset.operations
    return np.array(operations.rotations, float), np.array(operations.translations), dataset.number


def _permutations(
    images: np.ndarray, lattice: np.ndarray, frac_coords: np.ndarray, numbers: np.ndarray
) -> np.ndarray | None:
    """Return the atom on which each image [M, K, 3] under an operation lies, [M, K]; None if one lies on no atom."""
    difference = images[:, :, None] - frac_coords
    # Rounding finds the nearest image only if that is nearer than half the smallest spacing of lattice planes, which
    # is some Å; a distance below the tolerance of 0.05 Å is therefore right, and the others need only be above it.
    distance = np.linalg.norm((difference - np.rint(difference)) @ lattice, axis=3)
    distance[:, numbers[:, None] != numbers] = np.inf
    permutations = distance.argmin(axis=2)
    one_to_one = (np.sort(permutations, axis=1) == np.arange(len(frac_coords))).all()
    return permutations if one_to_one and distance.min(axis=2).max() < IMAGE_TOLERANCE else None


def metric_projector(rotations: np.ndarray) -> np.ndarray:
    """Return the matrix [6, 6] that maps a metric G, as six products, to the mean of Wᵀ G W over the rotations W."""
    projector = np.empty((6, 6))
    for column, (i, j) in enumerate(PRODUCTS):
        unit = np.zeros((3, 3))
        unit[i, j] = unit[j, i] = 1
        mean = (rotations.transpose(0, 2, 1) @ unit @ rotations).mean(axis=0)
        projector[:, column] = [mean[product] for product in PRODUCTS]
    return projector


def _whole(values: np.ndarray, units: int, dtype: type[np.signedinteger]) -> Tensor:
    """Return values rounded to multiples of 1 / units, as whole numbers."""
    return torch.from_numpy(np.rint(values * units).astype(dtype))
