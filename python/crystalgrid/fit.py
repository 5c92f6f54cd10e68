"""The refinement of found atoms, which are moved to where Eq. (1) explains the density best.

A density is the sum of the found atoms' Gaussians and of two more contributions: atoms outside the cube, which have no
labels but whose tails reach into it, and errors. Both are modelled as Gaussians at all points and of any sign, outside
the cube as strong as atoms, inside as weak as the density's error. The covariance of these contributions is a
difference of two products over the axes, which the same eigenmodes along each axis make diagonal. So the fit is least
squares over eigenmodes, in which those that atoms outside the cube can excite have almost no weight.

The error of the density need not be known: each step assumes a smaller one than the step before, as long as that fits.
"""

import math
from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor

from .atoms import Atoms, check_atoms
from .boundary import a_tensor, checked
from .errors import InputError
from .grid import DEFAULT_GRID, Grid

ERRORS = (0.1, 0.03, 0.01, 0.003, 0.001)
"""The relative errors of the density that the steps assume, from decoded densities to true ones."""
OUTSIDE = 3.0
"""The variance of Gaussians outside the cube over that of found atoms; above 1, since atoms lie in planes."""
WHOLE = 1.5
"""The radius of a whole ball of labels in voxels, on the default grid: an atom this far from every face has one."""
SPREAD, SPREAD_CUT = 0.15, 0.3
"""The standard deviation of balls' centres from atoms along an axis, in voxels: of whole balls and of cut ones."""
STRAY = 0.32
"""The largest distance in voxels of an atom from its whole ball's centre: 0.107 Å on the default grid."""


@torch.no_grad()
def fit_atoms(atoms: Atoms, density: Tensor, grid: Grid = DEFAULT_GRID) -> Atoms:
    """Return the atoms moved to where they explain the density best, by least squares with Eq. (1) as the model.

    atoms: the atoms of B cubes, as `find_atoms` returns them, on the density's device.
    density: float [B, n, n, n], 1/Å³, as `voxelize` or a model's `decode` returns it.

    If the density says little about an atom, at the faces or beside heavier atoms, it stays within about 0.05 Å of its
    labels' centre. Atoms outside the cube, which are not found, are taken into account. The better the density agrees
    with Eq. (1), the more it counts. If it agrees only when atoms are farther from their labels than they can be, an
    atom was not found, and all atoms of that cube stay where they are.

    With true densities and labels of real crystals, atoms 1 Å or more from every face and 1.35 Å or more from each
    other have an error of 0.001 Å in the median and of less than 0.1 Å at most.

    Cubes are computed one by one, in float64; the time grows with the square of the number of atoms. Raises InputError
    for wrong shapes, types or values.
    """
    if not isinstance(grid, Grid):
        raise InputError(f"grid: wanted a Grid, got {type(grid).__name__}")
    cubes, count, device = check_atoms(atoms), len(atoms.numbers), a_tensor("density", density).device
    density = checked("density", density, (cubes, *3 * (grid.n,)), torch.float64, device)
    positions = checked("positions", atoms.positions, (count, 3), torch.float64, device)
    numbers = checked("numbers", atoms.numbers, (count,), torch.float64, device)
    fitted = positions.clone()
    for b, (first, end) in enumerate(pairwise(atoms.offsets.tolist())):
        if first < end:
            fitted[first:end] = _fit(positions[first:end], numbers[first:end], density[b], grid)
    return atoms._replace(positions=fitted)


def _fit(found: Tensor, numbers: Tensor, density: Tensor, grid: Grid) -> Tensor:
    """Return the refined positions [N, 3] of the atoms in one cube, by a Gauss-Newton step at each assumed error.

    Relative to the atoms' own strength, the weighted residual of each eigenmode has variance 1 if the error is the
    assumed one; if it has more, the error is larger than assumed and the refinement ends.
    """
    strength = (numbers.square().sum() / grid.length**3).sqrt()
    numbers, density = numbers / strength, density / strength
    whole = torch.minimum(found, grid.length - found).amin(1) >= WHOLE * grid.spacing
    spread = torch.where(whole, SPREAD, SPREAD_CUT).double() * grid.spacing
    positions = found
    for error in ERRORS:
        analysis, weights = (values.to(density.device) for values in _eigenmodes(grid, error))
        amplitudes = _to_eigenmodes(density, analysis)
        value, slope = _profiles(positions, numbers, analysis, grid)
        residuals = weights * (amplitudes - _density_of(value))
        moved = positions + _step(value, slope, residuals, weights, found - positions, spread)
        residuals = weights * (amplitudes - _density_of(_profiles(moved, numbers, analysis, grid)[0]))
        if not residuals.square().mean() <= 1:
            break
        if (whole & ((moved - found).norm(dim=1) > STRAY * grid.spacing)).any():
            return found
        positions = moved
    return positions


def _step(
    value: Tensor, slope: Tensor, residuals: Tensor, weights: Tensor, displacements: Tensor, spread: Tensor
) -> Tensor:
    """Return the Gauss-Newton step [N, 3] Å of least squares over eigenmodes and distances to the labels' positions.

    value, slope: the profiles [N, 3, r] of each atom. residuals, weights: [r, r, r] of each eigenmode.
    displacements: [N, 3] Å from the positions to the labels', of standard deviation `spread` [N] along an axis.

    The derivative of an eigenmode (i, j, k) by a coordinate of an atom is a product of one profile along each axis.
    """
    (x, y, z), (dx, dy, dz) = value.unbind(1), slope.unbind(1)
    along_x, across = torch.stack([dx, x, x], 1), torch.stack([_outer(y, z), _outer(dy, z), _outer(y, dz)], 1)
    precision = spread.square().reciprocal().repeat_interleave(3)
    normal, gradient = torch.diag(precision), precision * displacements.flatten()
    for i in range(len(weights)):  # plane by plane, since the whole Jacobian takes much memory
        jacobian = (along_x[:, :, i, None, None] * across * weights[i]).reshape(len(precision), -1)
        normal += jacobian @ jacobian.T
        gradient += jacobian @ residuals[i].flatten()
    step: Tensor = torch.linalg.solve(normal, gradient)
    return step.reshape(-1, 3)


def _profiles(positions: Tensor, numbers: Tensor, analysis: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
    """Return each atom's profile along each axis in eigenmodes, and its derivative by the position, both [N, 3, r].

    The product of an atom's three profiles is its term of Eq. (1).
    """
    distance = _voxel_centres(grid).to(positions.device) - positions[:, :, None]
    value = numbers.pow(1 / 3)[:, None, None] * _gaussian(distance, grid.sigma)
    return value @ analysis.T, (value * distance / grid.sigma**2) @ analysis.T


def _density_of(value: Tensor) -> Tensor:
    """Return the density in eigenmodes, [r, r, r], of atoms with profiles [N, 3, r]."""
    x, y, z = value.unbind(1)
    return torch.einsum("nij,nk->ijk", _outer(x, y), z)


def _outer(a: Tensor, b: Tensor) -> Tensor:
    """Return the outer products [N, r, r] of [N, r] and [N, r]."""
    return a[:, :, None] * b[:, None, :]


def _to_eigenmodes(density: Tensor, analysis: Tensor) -> Tensor:
    """Return the amplitudes [r, r, r] of the eigenmodes in a density [n, n, n]."""
    for _ in range(3):  # each pass transforms the last axis and makes it the first
        density = (density @ analysis.T).movedim(-1, 0)
    return density


def _voxel_centres(grid: Grid) -> Tensor:
    """Return the coordinates of voxel centres along an axis, [n] Å."""
    return (torch.arange(grid.n, dtype=torch.float64) + 0.5) * grid.spacing


def _gaussian(distance: Tensor, sigma: float) -> Tensor:
    return torch.exp(-distance.square() / (2 * sigma**2)) / (math.sqrt(2 * math.pi) * sigma)


@lru_cache(maxsize=32)
def _eigenmodes(grid: Grid, error: float) -> tuple[Tensor, Tensor]:
    """Return the matrix [r, n] from voxels along an axis to eigenmodes, and each mode's weight in the fit, [r, r, r].

    Let A be the covariance along an axis of Gaussians everywhere and of noise, B that of Gaussians inside the cube.
    The density less the found atoms has the covariance A⊗A⊗A − B⊗B⊗B. The eigenmodes make A the identity and B
    diagonal, with each mode's share s inside the cube, so that the difference is 1 − sss. The noise keeps it above the
    square of the error; modes weaker than the noise are left out.
    """
    count = math.ceil(
        16 * grid.length / grid.sigma
    )  # points in the cube; beyond 4σ outside, atoms hardly reach into it
    step, beyond = grid.length / count, math.ceil(4 * count * grid.sigma / grid.length)
    points = torch.arange(-beyond, count + beyond)
    inside = (points >= 0) & (points < count)
    blur = math.sqrt(step) * _gaussian(_voxel_centres(grid)[:, None] - (points + 0.5) * step, grid.sigma)
    noise = error**2 / 3 * torch.linalg.eigvalsh(blur @ blur.T)[-1]
    power, modes = torch.linalg.eigh(torch.where(inside, 1.0, OUTSIDE) * blur @ blur.T)
    modes = (modes / (power + noise).sqrt())[:, power > noise]
    within = modes.T @ blur[:, inside]
    share, mixing = torch.linalg.eigh(within @ within.T)
    return (modes @ mixing).T.contiguous(), (1 - share[:, None, None] * share[:, None] * share).rsqrt()
