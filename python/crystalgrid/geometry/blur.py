"""What the Gaussians of Eq. (1) leave of a density: its longest waves.

Along one axis, the blur takes places in and around the cube to voxels. Its singular vectors are the waves that a
density is made of; its singular values say how much is left of each, of the thirteenth one part in two hundred. Unlike
cosines, these waves know that atoms go on beyond the faces of the cube.
"""

import torch
from torch import Tensor

LENGTH, SIGMA = 10.0, 1.0
"""Å, of the cube and of its Gaussians, which the networks are made for."""
BEYOND, SPACING = 4.0, 1 / 16
"""Å, how far outside the cube atoms are thought of, and how closely."""


def centres(count: int) -> Tensor:
    """[count] Å, float64: the middles of equal parts of the cube along an axis."""
    return (torch.arange(count, dtype=torch.float64) + 0.5) * LENGTH / count


def around() -> Tensor:
    """[places] Å, float64: in and around the cube along an axis."""
    return torch.arange(-BEYOND, LENGTH + BEYOND + SPACING / 2, SPACING, dtype=torch.float64)


def blur(n: int, width: float) -> Tensor:
    """[n, places] float64: Gaussians of `width` Å at each place in and around the cube, at the centres of n voxels."""
    return torch.exp(-((centres(n)[:, None] - around()) ** 2) / (2 * width**2))


def waves(n: int, count: int) -> Tensor:
    """[n, count] orthonormal waves at the centres of n voxels, those of which the blur leaves most first."""
    return torch.linalg.svd(blur(n, SIGMA), full_matrices=False)[0][:, :count].float()


def product(a: Tensor, b: Tensor) -> Tensor:
    """a @ b in full precision, under autocast too."""
    if torch.jit.is_scripting():
        return a @ b
    with torch.autocast(a.device.type, enabled=False):
        return a @ b


def along_axes(grid: Tensor, matrix: Tensor) -> Tensor:
    """[B, n, n, n] to [B, m, m, m]: every axis multiplied by `matrix` [n, m]."""
    for _ in range(3):  # each turn brings the axes round by one
        grid = product(grid, matrix).movedim(-1, 1)
    return grid
