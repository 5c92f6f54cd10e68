"""The lattice finder: the translations under which a density repeats, from its autocorrelation in a cube."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .blur import LENGTH, SIGMA, along_axes, voxel_centres

COUNT = 18
"""The number of modes along each axis, which represent a density to 1e-4, between voxels too."""
MARGIN, SPACING = 3.5, 0.5
"""The largest distance from the cube and the spacing of the Gaussians that modes are sums of, both in Å."""
SHORTEST, LONGEST = 1.5, 11.0
"""The lengths of translations that are searched, in Å."""
MISMATCH = 0.35
"""The largest mismatch at the point of the coarse grid nearest to a translation; two unlike densities have 1."""
SAME = 1e-3
"""The largest squared difference of values and slopes (per Å) between a density and its translation, over slopes²."""
LONGEST_STEP = 0.4
"""The longest step of a refinement along each axis, in Å."""
INDEPENDENT = 0.1
"""The sine of the smallest angle between a translation and the line or plane of shorter ones."""
SLACK = 1.0
"""The length in Å by which a translation that leads out of the cube is longer than necessary."""
LENGTH_STEP = 0.05
"""The resolution of lengths in Å: if two translations differ by less, the direction decides which is the shorter."""


class LatticeFinder(nn.Module):
    """A search for the three shortest translations of densities [B, n, n, n]: [B, 3, 3], rows in Å, right-handed.

    1. The mismatch is computed at all translations of a coarse grid, by Fourier transforms: the mean squared difference
       between the density and its translation, where both are inside the cube, over twice the variance.
    2. At the shortest local minima, the translation is refined (Gauss-Newton), and kept if the density is the same.
    3. Returned are the shortest, the shortest in another direction, and the shortest out of their plane. If there is
       none, a translation that leads out of the cube takes its place: no voxels contradict that the density repeats.

    points: points of the coarse grid along each axis. candidates: the number of minima that are refined. steps: the
    refinement steps. compared: points along each axis at which the refinement compares densities.
    """

    modes: Tensor
    centres: Tensor
    mix: Tensor
    coarse: Tensor
    fine: Tensor
    overlap: Tensor
    shift: Tensor
    length: Tensor

    def __init__(self, n: int, points: int = 15, candidates: int = 48, steps: int = 3, compared: int = 10) -> None:
        super().__init__()
        self.points, self.candidates, self.steps = points, candidates, steps
        centres = torch.arange(-MARGIN, LENGTH + MARGIN + SPACING / 2, SPACING, dtype=torch.float64)
        modes, singular, right = torch.linalg.svd(gaussians(voxel_centres(n), centres), full_matrices=False)
        step = torch.arange(1 - points, points)
        shift = torch.cartesian_prod(step, step, step) * LENGTH / points
        overlap = (points - step.abs()).float()
        for name, values in {
            "modes": modes[:, :COUNT],
            "centres": centres,
            "mix": right[:COUNT].T / singular[:COUNT],
            "coarse": voxel_centres(points),
            "fine": voxel_centres(compared),
            "overlap": overlap[:, None, None] * overlap[:, None] * overlap,
            "shift": shift,
            "length": searched_lengths(shift).view(3 * (len(step),)),
        }.items():
            self.register_buffer(name, values.float().contiguous(), persistent=False)

    def forward(self, density: Tensor, same: float = SAME) -> Tensor:
        """Return the three shortest translations, [B, 3, 3] in Å, of densities [B, n, n, n]."""
        coefficients = along_axes(density, self.modes)
        grid = along_axes(coefficients, self.mode_values(self.coarse)[0].T)
        mean = grid.mean((1, 2, 3), keepdim=True)
        deviation = (grid - mean).square().mean((1, 2, 3), keepdim=True).sqrt()
        scale = torch.maximum(deviation, 1e-4 * mean.abs()).clamp_min(1e-9)
        shift, found = self.local_minima(self.mismatch((grid - mean) / scale))
        shift, mismatch = self.refine(coefficients / scale, shift)
        return shortest_basis(shift, found & (mismatch < same))

    def mode_values(self, x: Tensor, sigma: float = SIGMA) -> tuple[Tensor, Tensor]:
        """Return the modes at x [...] Å along an axis, and their derivatives, both [..., COUNT]."""
        distance = x.unsqueeze(-1) - self.centres
        gaussian = torch.exp(-distance.square() / (2 * sigma**2))
        return gaussian @ self.mix, (gaussian * -distance / sigma**2) @ self.mix

    def mismatch(self, grid: Tensor) -> Tensor:
        """Return the mismatch at translations of 1 - p to p - 1 points along each axis, [B, 2p-1, 2p-1, 2p-1].

        grid: [B, p, p, p] of mean 0 and variance 1.
        """
        p = self.points
        spectrum, spectrum_of_square = self.padded_spectrum(grid), self.padded_spectrum(grid.square())
        squares_inside = (spectrum_of_square * self.padded_spectrum(torch.ones_like(grid))).sum(-1)
        spectrum_of_sums = squares_inside - spectrum.square().sum(-1)
        both_parts = torch.complex(spectrum_of_sums, torch.zeros_like(spectrum_of_sums))
        sums = torch.fft.irfftn(both_parts, s=[2 * p, 2 * p, 2 * p], dim=[1, 2, 3])
        return torch.roll(sums, [p, p, p], [1, 2, 3])[:, 1:, 1:, 1:] / self.overlap

    def padded_spectrum(self, grid: Tensor) -> Tensor:
        """Return the Fourier transform of a grid padded to twice its size, [..., 2], real and imaginary parts."""
        p = self.points
        return torch.view_as_real(torch.fft.rfftn(F.pad(grid, [0, p, 0, p, 0, p]), dim=[1, 2, 3]))

    def local_minima(self, mismatch: Tensor, largest: float = MISMATCH) -> tuple[Tensor, Tensor]:
        """Return the translations [B, candidates, 3] of the shortest local minima, and which of them exist."""
        padded = F.pad(mismatch, [1, 1, 1, 1, 1, 1], value=float("inf")).unsqueeze(1)
        is_minimum = mismatch <= -F.max_pool3d(-padded, 3, 1).squeeze(1)
        length = torch.where(is_minimum & (mismatch < largest), self.length, float("inf")).flatten(1)
        shortest, index = length.topk(self.candidates, largest=False)
        return self.shift[index], shortest < float("inf")

    def refine(
        self, coefficients: Tensor, shift: Tensor, length: float = LENGTH, longest_step: float = LONGEST_STEP
    ) -> tuple[Tensor, Tensor]:
        """Return translations [B, K, 3] moved to the nearest minima, and the difference of the density there, [B, K].

        The modes give the density between voxels, and its slope, which is compared as well: a slice near a face may be
        a mirror image of one near the opposite face, but then it has the opposite slope.
        """
        grid = along_axes(coefficients, self.mode_values(self.fine)[0].T)
        inside = ((self.fine + shift.unsqueeze(-1) - length / 2).abs() < length / 2).to(grid.dtype)
        x, y, z = inside[:, :, 0], inside[:, :, 1], inside[:, :, 2]
        inside = x[:, :, :, None, None] * y[:, :, None, :, None] * z[:, :, None, None, :]
        unit = torch.eye(3, dtype=grid.dtype, device=grid.device)
        for _ in range(self.steps):
            difference, slopes = self.difference(coefficients, grid, shift)
            slopes = (slopes * inside.unsqueeze(2)).flatten(3)
            squares = slopes @ slopes.transpose(2, 3)
            damping = 1e-5 * squares.diagonal(dim1=2, dim2=3).mean(-1)[:, :, None, None] + 1e-9
            step = torch.linalg.solve_ex(squares + damping * unit, slopes @ difference.flatten(2).unsqueeze(-1))[0]
            shift = shift - step.squeeze(-1).clamp(-longest_step, longest_step)
        difference, slopes = self.difference(coefficients, grid, shift)
        own_slopes = self.difference(coefficients, grid, torch.zeros_like(shift[:, :1]))[1]
        unlike = difference.square() + (slopes - own_slopes).square().sum(2)
        steepness = slopes.square().sum(2) + own_slopes.square().sum(2)
        return shift, (unlike * inside).sum((2, 3, 4)) / (steepness * inside).sum((2, 3, 4)).clamp_min(1e-6)

    def difference(self, coefficients: Tensor, grid: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
        """Return the translated density minus the original, [B, K, p, p, p], and its derivatives along the shift.

        The derivatives are [B, K, 3, p, p, p]. grid: the original at the fine points, [B, p, p, p].
        """
        value, slope = self.mode_values(self.fine + shift.unsqueeze(-1))
        x, y, z = value[:, :, 0], value[:, :, 1], value[:, :, 2]
        along_x = torch.einsum("bpqr,bkxp->bkxqr", coefficients, x)
        along_xy = torch.einsum("bkxqr,bkyq->bkxyr", along_x, y)
        sloping_x = torch.einsum("bpqr,bkxp->bkxqr", coefficients, slope[:, :, 0])
        parts = (
            torch.einsum("bkxqr,bkyq->bkxyr", sloping_x, y),
            torch.einsum("bkxqr,bkyq->bkxyr", along_x, slope[:, :, 1]),
        )
        slopes = [torch.einsum("bkxyr,bkzr->bkxyz", part, z) for part in parts]
        slopes.append(torch.einsum("bkxyr,bkzr->bkxyz", along_xy, slope[:, :, 2]))
        return torch.einsum("bkxyr,bkzr->bkxyz", along_xy, z) - grid.unsqueeze(1), torch.stack(slopes, 2)


def searched_lengths(shift: Tensor) -> Tensor:
    """Return the lengths of translations [N, 3] that are searched, one of each opposite pair; infinity for others."""
    length = shift.norm(dim=1)
    searched = (shift[:, 0] >= 0) & (length > SHORTEST) & (length < LONGEST) & (shift.abs().amax(1) < LENGTH)
    return torch.where(searched, length, torch.inf)


def shortest_basis(
    shift: Tensor, found: Tensor, length_step: float = LENGTH_STEP, least_sine: float = INDEPENDENT
) -> Tensor:
    """Return the three shortest independent translations, [B, 3, 3], of those [B, K, 3] that were found [B, K]."""
    length, preferred = shift.square().sum(2).sqrt(), torch.tensor([0.3, 0.2, 0.1], device=shift.device)
    order = (length / length_step).round() - F.normalize(shift, dim=2) @ preferred
    order = torch.where(found, order, float("inf")).argsort(dim=1, stable=True)
    shift = shift.gather(1, order.unsqueeze(2).expand_as(shift))
    found, direction = found.gather(1, order), F.normalize(shift, dim=2)
    along_x = torch.tensor([1.0, 0.0, 0.0], device=shift.device).expand_as(shift[:, 0])
    a = first_translation(shift, found, out_of_cube(along_x))
    line = F.normalize(a, dim=1)
    sine = torch.linalg.cross(direction, line.unsqueeze(1).expand_as(direction)).square().sum(2).sqrt()
    b = first_translation(shift, found & (sine > least_sine), out_of_cube(perpendicular(line)))
    plane = F.normalize(torch.linalg.cross(a, b), dim=1)
    height = torch.einsum("bki,bi->bk", direction, plane)
    c = first_translation(shift, found & (height.abs() > least_sine), out_of_cube(plane))
    return torch.stack((a, b, torch.where((c * plane).sum(1, keepdim=True) < 0, -c, c)), 1)


def first_translation(shift: Tensor, chosen: Tensor, otherwise: Tensor) -> Tensor:
    """Return the first chosen translation of [B, K, 3], or that of `otherwise` [B, 3] if none is, [B, 3]."""
    first = chosen.int().argmax(1)[:, None, None].expand(-1, 1, 3)
    return torch.where(chosen.any(1, keepdim=True), shift.gather(1, first).squeeze(1), otherwise)


def out_of_cube(direction: Tensor, length: float = LENGTH, slack: float = SLACK) -> Tensor:
    """Return translations along unit vectors [B, 3] that lead from any point of the cube out of it, [B, 3]."""
    return direction * (length * direction.abs().sum(1, keepdim=True) + slack)


def perpendicular(line: Tensor) -> Tensor:
    """Return unit vectors at right angles to unit vectors [B, 3]."""
    axis = F.one_hot(line.abs().argmin(1), 3).to(line.dtype)
    return F.normalize(axis - (axis * line).sum(1, keepdim=True) * line, dim=1)


def gaussians(x: Tensor, centres: Tensor) -> Tensor:
    """Return Gaussians of SIGMA about each of the centres, at the points x along an axis, [points, centres]."""
    return torch.exp(-(x[:, None] - centres).square() / (2 * SIGMA**2))
