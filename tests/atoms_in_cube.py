"""Atoms in the cube as if there were no others, and their density."""

import numpy as np
import torch

from crystalgrid import Crystal, Grid, voxelize

GRID = Grid()


def random_atoms(rng: np.random.Generator, count: int, least_distance: float) -> tuple[np.ndarray, np.ndarray]:
    """Return positions [count, 3] Å, half an Å or more from the faces, and atomic numbers."""
    positions: list[np.ndarray] = []
    while len(positions) < count:
        position = rng.uniform(0.5, GRID.length - 0.5, 3)
        if all(np.linalg.norm(position - other) > least_distance for other in positions):
            positions.append(position)
    return np.stack(positions), rng.integers(1, 95, count)


def as_crystal(positions: np.ndarray, numbers: np.ndarray) -> Crystal:
    """Return atoms at positions [N, 3] Å in a cell that is the cube."""
    return Crystal(GRID.length * np.eye(3), positions / GRID.length, numbers)


def density_of(positions: np.ndarray, numbers: np.ndarray) -> torch.Tensor:
    """Return Eq. (1) of atoms in the cube, [1, n, n, n]."""
    return voxelize([as_crystal(positions, numbers)], GRID, torch.zeros(1, 3), periodic=False)
