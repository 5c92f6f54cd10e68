"""The blur of Eq. (1) along one axis, and its modes, in which densities are expanded.

The blur maps points in and around the cube to voxels. Every density is a sum of its left singular vectors, the modes;
its singular values are the amplitudes it leaves of them, 1/200 of the thirteenth. Unlike cosines, these modes take into
account that atoms continue beyond the faces of the cube.
"""

import math

import torch
from torch import Tensor

from ..grid import DEFAULT_GRID

N, LENGTH, SIGMA = DEFAULT_GRID.n, DEFAULT_GRID.length, DEFAULT_GRID.sigma
"""The voxels along an axis, the side of the cube and σ, both in Å: the grid that the networks are made for."""
PEAK = (2 * math.pi) ** -1.5 / SIGMA**3
"""The value of Eq. (1) at an isolated atom of hydrogen, in 1/Å³."""
MARGIN, SPACING = 4.0, 1 / 16
"""The largest distance of atoms from the cube, and the spacing of their possible positions, both in Å."""


def voxel_centres(count: int) -> Tensor:
    """Return the centres of `count` equal parts of the cube along an axis, Å, [count] float64."""
    centres: Tensor = (torch.arange(count, dtype=torch.float64) + 0.5) * LENGTH / count
    return centres


def axis_points() -> Tensor:
    """Return points in and around the cube along an axis, Å, [points] float64."""
    return torch.arange(-MARGIN, LENGTH + MARGIN + SPACING / 2, SPACING, dtype=torch.float64)


def blur_matrix(n: int, width: float) -> Tensor:
    """Return Gaussians of `width` Å about each of `axis_points`, at the centres of n voxels, [n, points] float64."""
    gaussians: Tensor = torch.exp(-((voxel_centres(n)[:, None] - axis_points()) ** 2) / (2 * width**2))
    return gaussians


def blur_modes(n: int, count: int) -> Tensor:
    """Return `count` orthonormal modes of the blur at the centres of n voxels, the strongest first, [n, count]."""
    modes: Tensor = torch.linalg.svd(blur_matrix(n, SIGMA), full_matrices=False)[0]
    return modes[:, :count].float()


def deblurring(n: int, count: int, width: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return three matrices that change the Gaussians of a density from SIGMA to `width` Å, along each axis.

    The first `count` blur modes [n, count]; the amplitude that the blur leaves of each, [count]; and the modes at the
    voxels if the blur had a width of `width` Å, [count, n]; float64.
    """
    modes, singular, right = torch.linalg.svd(blur_matrix(n, SIGMA), full_matrices=False)
    return modes[:, :count], singular[:count], (blur_matrix(n, width) @ right[:count].T).T


def wiener_filter(singular: Tensor, noise: float) -> Tensor:
    """Return the factors [m, m, m] of a Wiener filter that undoes the blur, in units of hydrogen's peak.

    singular: [m], the amplitude that the blur leaves of each mode along an axis.
    noise: the amplitude of noise, relative to the strongest mode; modes with less than that are damped.
    """
    kept = singular[:, None, None] * singular[:, None] * singular
    factors: Tensor = kept / (kept**2 + (noise * kept[0, 0, 0]) ** 2) / PEAK
    return factors


def product(a: Tensor, b: Tensor) -> Tensor:
    """Return a @ b in full precision, under autocast too."""
    if torch.jit.is_scripting():
        return a @ b
    with torch.autocast(a.device.type, enabled=False):
        return a @ b


def along_axes(grid: Tensor, matrix: Tensor) -> Tensor:
    """Return [B, n, n, n] with every axis multiplied by `matrix` [n, m], [B, m, m, m]."""
    for _ in range(3):  # each product moves the next axis to the end
        grid = product(grid, matrix).movedim(-1, 1)
    return grid
