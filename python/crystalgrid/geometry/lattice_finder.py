"""Periods: the translations under which a density repeats, found in a cube of it."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .blur import LENGTH, SIGMA, along_axes, voxel_centres

COUNT = 18
"""Waves along each axis, which hold a density to one part in ten thousand, between voxels too."""
PLACES = 0.5
"""Å, between the Gaussians that waves are made of."""
SHORTEST, LONGEST = 1.5, 11.0
"""Å, of translations that are looked for."""
MISMATCH = 0.35
"""At the point of the coarse grid nearest to a translation, at most; of unlike places it is 1."""
SAME = 1e-3
"""Squared differences of values and slopes (per Å) over squared slopes, at most, of a density and its translation."""
FARTHEST_STEP = 0.4
"""Å, of a refinement, along each axis."""
INDEPENDENT = 0.1
"""Sine of the smallest angle between a translation and the line or plane of shorter ones."""
SLACK = 1.0
"""Å, by which a translation that leads out of the cube is longer than it needs."""
ALIKE = 0.05
"""Å; of translations that differ less in length, direction decides which is called the shortest."""


class LatticeFinder(nn.Module):
    """Density [B, n, n, n] to the three shortest translations of each, [B, 3, 3], rows in Å, right-handed.

    1. At all translations of a coarse grid, the mean squared difference of the density and itself, where both are
       inside the cube, over twice its variance: the mismatch, by Fourier transforms.
    2. At its shortest local minima, the translation is refined (Gauss-Newton), and kept if the density is the same.
    3. Of these, the shortest, the shortest in another direction, and the shortest out of their plane. Where there is
       none, one that leads out of the cube: there a density repeats, too, since there is nothing to compare it with.

    points: of the coarse grid, along each axis. candidates: minima that are refined, in so many steps, by what the
    density is at so many points along each axis.
    """

    def __init__(self, n: int, points: int = 15, candidates: int = 48, steps: int = 3, compared: int = 10) -> None:
        super().__init__()
        self.points, self.candidates, self.steps = points, candidates, steps
        places = torch.arange(-3.5, LENGTH + 3.5 + PLACES / 2, PLACES, dtype=torch.float64)
        left, singular, right = torch.linalg.svd(gaussians(voxel_centres(n), places), full_matrices=False)
        step = torch.arange(1 - points, points)
        shift = torch.cartesian_prod(step, step, step) * LENGTH / points
        overlap = (points - step.abs()).float()
        self.waves: Tensor
        self.places: Tensor
        self.mix: Tensor
        self.coarse: Tensor
        self.at: Tensor
        self.overlap: Tensor
        self.shift: Tensor
        self.length: Tensor
        for name, values in {
            "waves": left[:, :COUNT],
            "places": places,
            "mix": right[:COUNT].T / singular[:COUNT],
            "coarse": voxel_centres(points),
            "at": voxel_centres(compared),
            "overlap": overlap[:, None, None] * overlap[:, None] * overlap,
            "shift": shift,
            "length": self._lengths(shift).view(3 * (len(step),)),
        }.items():
            self.register_buffer(name, values.float().contiguous(), persistent=False)

    def _lengths(self, shift: Tensor) -> Tensor:
        """Of translations that are looked for; of opposite ones, of one. Infinity for the others."""
        length = shift.norm(dim=1)
        wanted = (shift[:, 0] >= 0) & (length > SHORTEST) & (length < LONGEST) & (shift.abs().amax(1) < LENGTH)
        return torch.where(wanted, length, torch.inf)

    def forward(self, density: Tensor, same: float = SAME) -> Tensor:
        waves = along_axes(density, self.waves)
        grid = along_axes(waves, self.values(self.coarse)[0].T)
        mean = grid.mean((1, 2, 3), keepdim=True)
        deviation = (grid - mean).square().mean((1, 2, 3), keepdim=True).sqrt()
        scale = torch.maximum(deviation, 1e-4 * mean.abs()).clamp_min(1e-9)
        shift, found = self.minima(self.mismatch((grid - mean) / scale))
        shift, mismatch = self.refine(waves / scale, shift)
        return shortest(shift, found & (mismatch < same))

    def values(self, x: Tensor, sigma: float = SIGMA) -> tuple[Tensor, Tensor]:
        """The waves at x [...] Å along an axis, and their derivatives, both [..., COUNT]."""
        away = x.unsqueeze(-1) - self.places
        gaussian = torch.exp(-away.square() / (2 * sigma**2))
        return gaussian @ self.mix, (gaussian * -away / sigma**2) @ self.mix

    def mismatch(self, grid: Tensor) -> Tensor:
        """Of grids [B, p, p, p] of mean 0 and variance 1, at translations of 1 - p to p - 1 points along each axis."""
        p = self.points
        once, squared = self.spectrum(grid), self.spectrum(grid.square())
        sums = (squared * self.spectrum(torch.ones_like(grid))).sum(-1) - once.square().sum(-1)
        back = torch.fft.irfftn(torch.complex(sums, torch.zeros_like(sums)), s=[2 * p, 2 * p, 2 * p], dim=[1, 2, 3])
        return torch.roll(back, [p, p, p], [1, 2, 3])[:, 1:, 1:, 1:] / self.overlap

    def spectrum(self, grid: Tensor) -> Tensor:
        """Of a grid with as much nothing behind it along each axis, [..., 2], real and imaginary parts."""
        p = self.points
        return torch.view_as_real(torch.fft.rfftn(F.pad(grid, [0, p, 0, p, 0, p]), dim=[1, 2, 3]))

    def minima(self, mismatch: Tensor, most: float = MISMATCH) -> tuple[Tensor, Tensor]:
        """The translations [B, candidates, 3] of the shortest local minima, and which of them are some."""
        around = F.pad(mismatch, [1, 1, 1, 1, 1, 1], value=float("inf")).unsqueeze(1)
        lowest = mismatch <= -F.max_pool3d(-around, 3, 1).squeeze(1)
        length = torch.where(lowest & (mismatch < most), self.length, float("inf")).flatten(1)
        shortest, which = length.topk(self.candidates, largest=False)
        return self.shift[which], shortest < float("inf")

    def refine(
        self, waves: Tensor, shift: Tensor, length: float = LENGTH, farthest: float = FARTHEST_STEP
    ) -> tuple[Tensor, Tensor]:
        """Translations [B, K, 3] to the nearest minima of the mismatch, and how unlike the density is there, [B, K].

        The waves say what it is between voxels, and how it slopes, which is compared as well: a slice near a face may
        look like one near the opposite face in a mirror, but then it slopes the other way.
        """
        grid = along_axes(waves, self.values(self.at)[0].T)
        seen = ((self.at + shift.unsqueeze(-1) - length / 2).abs() < length / 2).to(grid.dtype)
        seen = torch.einsum("bkx,bky,bkz->bkxyz", seen[:, :, 0], seen[:, :, 1], seen[:, :, 2])
        unit = torch.eye(3, dtype=grid.dtype, device=grid.device)
        for _ in range(self.steps):
            difference, slopes = self.difference(waves, grid, shift)
            slopes = (slopes * seen.unsqueeze(2)).flatten(3)
            squares = slopes @ slopes.transpose(2, 3)
            damping = 1e-5 * squares.diagonal(dim1=2, dim2=3).mean(-1)[:, :, None, None] + 1e-9
            step = torch.linalg.solve_ex(squares + damping * unit, slopes @ difference.flatten(2).unsqueeze(-1))[0]
            shift = shift - step.squeeze(-1).clamp(-farthest, farthest)
        difference, slopes = self.difference(waves, grid, shift)
        still = self.difference(waves, grid, torch.zeros_like(shift[:, :1]))[1]
        unlike = difference.square() + (slopes - still).square().sum(2)
        steep = slopes.square().sum(2) + still.square().sum(2)
        return shift, (unlike * seen).sum((2, 3, 4)) / (steep * seen).sum((2, 3, 4)).clamp_min(1e-6)

    def difference(self, waves: Tensor, grid: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
        """Translated less original, [B, K, p, p, p], and its derivatives along the shift, [B, K, 3, p, p, p]."""
        value, slope = self.values(self.at + shift.unsqueeze(-1))
        x, y, z = value[:, :, 0], value[:, :, 1], value[:, :, 2]
        along_x = torch.einsum("bpqr,bkxp->bkxqr", waves, x)
        along_xy = torch.einsum("bkxqr,bkyq->bkxyr", along_x, y)
        sloping_x = torch.einsum("bpqr,bkxp->bkxqr", waves, slope[:, :, 0])
        parts = (
            torch.einsum("bkxqr,bkyq->bkxyr", sloping_x, y),
            torch.einsum("bkxqr,bkyq->bkxyr", along_x, slope[:, :, 1]),
        )
        slopes = [torch.einsum("bkxyr,bkzr->bkxyz", part, z) for part in parts]
        slopes.append(torch.einsum("bkxyr,bkzr->bkxyz", along_xy, slope[:, :, 2]))
        return torch.einsum("bkxyr,bkzr->bkxyz", along_xy, z) - grid.unsqueeze(1), torch.stack(slopes, 2)


def shortest(shift: Tensor, found: Tensor, alike: float = ALIKE, least: float = INDEPENDENT) -> Tensor:
    """Of translations [B, K, 3], those that were found, the three shortest that are independent: [B, 3, 3]."""
    length, preferred = shift.square().sum(2).sqrt(), torch.tensor([0.3, 0.2, 0.1], device=shift.device)
    order = (length / alike).round() - F.normalize(shift, dim=2) @ preferred
    order = torch.where(found, order, float("inf")).argsort(dim=1, stable=True)
    shift = shift.gather(1, order.unsqueeze(2).expand_as(shift))
    found, away = found.gather(1, order), F.normalize(shift, dim=2)
    along_x = torch.tensor([1.0, 0.0, 0.0], device=shift.device).expand_as(shift[:, 0])
    a = first(shift, found, out_of_cube(along_x))
    line = F.normalize(a, dim=1)
    across = torch.linalg.cross(away, line.unsqueeze(1).expand_as(away)).square().sum(2).sqrt()
    b = first(shift, found & (across > least), out_of_cube(normal(line)))
    plane = F.normalize(torch.linalg.cross(a, b), dim=1)
    height = torch.einsum("bki,bi->bk", away, plane)
    c = first(shift, found & (height.abs() > least), out_of_cube(plane))
    return torch.stack((a, b, torch.where((c * plane).sum(1, keepdim=True) < 0, -c, c)), 1)


def first(shift: Tensor, good: Tensor, otherwise: Tensor) -> Tensor:
    """The first good one of translations [B, K, 3], else that of `otherwise` [B, 3]."""
    chosen = good.int().argmax(1)[:, None, None].expand(-1, 1, 3)
    return torch.where(good.any(1, keepdim=True), shift.gather(1, chosen).squeeze(1), otherwise)


def out_of_cube(direction: Tensor, length: float = LENGTH, slack: float = SLACK) -> Tensor:
    """Translations along unit vectors [B, 3] that lead from any point of the cube out of it, [B, 3]."""
    return direction * (length * direction.abs().sum(1, keepdim=True) + slack)


def normal(line: Tensor) -> Tensor:
    """Unit vectors at right angles to others, [B, 3]."""
    axis = F.one_hot(line.abs().argmin(1), 3).to(line.dtype)
    return F.normalize(axis - (axis * line).sum(1, keepdim=True) * line, dim=1)


def gaussians(x: Tensor, places: Tensor) -> Tensor:
    """[X, places]: Gaussians of σ at each place, at the points x along an axis."""
    return torch.exp(-(x[:, None] - places).square() / (2 * SIGMA**2))
