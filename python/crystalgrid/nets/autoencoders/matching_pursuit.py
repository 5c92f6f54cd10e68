"""Pursuit: the atoms whose Gaussians make up a density, found one after the other and fitted together."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...geometry.blur import along_axes, deblurring, voxel_centres, wiener_filter

COUNT = 20
"""Waves along each axis."""
WIDTH, NOISE = 0.5, 2e-5
"""Å, of what Gaussians are sharpened to, and how much the blur must leave of a wave for that (see `Sharpen`)."""
FAINTEST = 0.3
"""Atomic number of the lightest atom."""
SHARE = 0.03
"""Of the highest peak; lower ones wait until that is explained."""
CLOSEST = 0.5
"""Å; of two atoms that are nearer, the lighter one goes."""
ROUNDS, STEPS = 8, 5
"""In which atoms are added, and steps of the fit in each."""
SOLVED = 1e-6
"""Error of a density that needs no further round, relative L2."""
FARTHEST_STEP = 0.3
"""Å, along each axis."""


class MatchingPursuit(nn.Module):
    """Density [B, n, n, n] in 1/Å³ to positions [B, most, 3] in Å and weights [B, most], both float64, 0 for no atom.

    Orthogonal matching pursuit (Pati et al. 1993), with positions that move: where what is left of the density, most of
    its blur undone, has peaks, atoms are added, and then positions and weights of all of them are fitted
    (Levenberg-Marquardt). All atoms must be in the cube. Two that are less than about 0.9 Å apart may be taken for one.
    """

    voxels: Tensor
    modes: Tensor
    filter: Tensor
    sharp_modes: Tensor

    def __init__(self, n: int, most: int) -> None:
        super().__init__()
        self.most = most
        modes, singular, sharp_modes = deblurring(n, COUNT, WIDTH)
        for name, values in {
            "voxels": voxel_centres(n),
            "modes": modes,
            "filter": wiener_filter(singular, NOISE),
            "sharp_modes": sharp_modes,
        }.items():
            self.register_buffer(name, values.contiguous(), persistent=False)

    def forward(self, density: Tensor, rounds: int = ROUNDS, solved: float = SOLVED) -> tuple[Tensor, Tensor]:
        density = density.double()
        positions = torch.zeros([len(density), self.most, 3], dtype=density.dtype, device=density.device)
        weights = torch.zeros([len(density), self.most], dtype=density.dtype, device=density.device)
        unsolved = torch.arange(len(density), device=density.device)
        for _ in range(rounds):
            positions[unsolved], weights[unsolved], error = self.round(
                density[unsolved], positions[unsolved], weights[unsolved]
            )
            unsolved = unsolved[error > solved]
            if len(unsolved) == 0:
                break
        return positions, weights

    def round(
        self, density: Tensor, positions: Tensor, weights: Tensor, faintest: float = FAINTEST, steps: int = STEPS
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Add atoms and fit all; returns the error [B] as well."""
        places, peaks = self.peaks(density - gaussians(positions, weights, self.voxels))
        peaks = peaks * ~near(places, positions, weights > 0).any(2)
        weights, order = torch.cat((weights, peaks), 1).sort(dim=1, descending=True)
        positions = torch.cat((positions, places), 1).gather(1, order.unsqueeze(2).expand(-1, -1, 3))
        used = min(self.most, max(1, int((weights > 0).sum(1).max())))
        fitted, strengths, error = self.fit(density, positions[:, :used], weights[:, :used], steps)
        strengths = torch.where(strengths > faintest, strengths, 0.0)
        strengths = strengths * ~overlapped(fitted, strengths)
        rest = self.most - used
        return F.pad(fitted, [0, 0, 0, rest]), F.pad(strengths, [0, rest]), error

    def peaks(self, left: Tensor, faintest: float = FAINTEST, share: float = SHARE) -> tuple[Tensor, Tensor]:
        """Voxels [B, most, 3] in Å where what is left peaks, and how high, [B, most], 0 for none."""
        sharp = along_axes(along_axes(left, self.modes) * self.filter, self.sharp_modes)
        highest = sharp >= F.max_pool3d(sharp.unsqueeze(1), 3, 1, 1).squeeze(1)
        height, which = torch.where(highest, sharp, 0.0).flatten(1).topk(self.most)
        height = torch.where((height > faintest) & (height > share * height[:, :1]), height, 0.0)
        n = len(self.voxels)
        place = torch.stack((which // (n * n), which // n % n, which % n), 2)
        return self.voxels[place], height

    def fit(
        self, density: Tensor, positions: Tensor, weights: Tensor, steps: int, farthest: float = FARTHEST_STEP
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Positions and weights with which Gaussians come nearer to the density, and their error [B], relative L2."""
        there = weights > 0
        left = density - gaussians(positions, weights, self.voxels)
        error = left.square().sum((1, 2, 3))
        damping = torch.full_like(error, 1e-3)
        for _ in range(steps):
            squares, towards = normal_equations(left, positions, weights, self.voxels)
            scale = squares.diagonal(dim1=1, dim2=2).clamp_min(1e-14).rsqrt()
            scaled = squares * scale.unsqueeze(1) * scale.unsqueeze(2)
            damped = scaled + torch.diag_embed(damping.unsqueeze(1).expand_as(scale))
            step = torch.linalg.solve_ex(damped, (towards * scale).unsqueeze(2))[0].squeeze(2) * scale
            by_weight, by_position = step.view(len(step), 4, -1).split([1, 3], 1)
            moved = positions + by_position.transpose(1, 2).clamp(-farthest, farthest) * there.unsqueeze(2)
            changed = (weights + by_weight.squeeze(1)).clamp_min(0) * there
            left_then = density - gaussians(moved, changed, self.voxels)
            error_then = left_then.square().sum((1, 2, 3))
            better = error_then < error
            positions = torch.where(better[:, None, None], moved, positions)
            weights = torch.where(better[:, None], changed, weights)
            left = torch.where(better[:, None, None, None], left_then, left)
            error = torch.where(better, error_then, error)
            damping = torch.where(better, damping / 6, damping * 8).clamp(1e-12, 10)
        return positions, weights, (error / density.square().sum((1, 2, 3)).clamp_min(1e-30)).sqrt()


def along_each_axis(positions: Tensor, voxels: Tensor) -> tuple[Tensor, Tensor]:
    """Gaussians of atoms [B, K, 3] at voxels [n] along each axis, and their slopes per Å, both [B, 3, K, n]."""
    away = voxels - positions.transpose(1, 2).unsqueeze(3)
    gaussian = torch.exp(-away.square() / 2)
    return gaussian, away * gaussian


def gaussians(positions: Tensor, weights: Tensor, voxels: Tensor) -> Tensor:
    """Eq. (1) of atoms [B, K, 3] with weights [B, K] at voxels [n] along each axis: [B, n, n, n] in 1/Å³."""
    x, y, z = along_each_axis(positions, voxels)[0].unbind(1)
    xy = (weights.unsqueeze(2) * x).unsqueeze(3) * y.unsqueeze(2)
    return (2 * math.pi) ** -1.5 * torch.einsum("bkxy,bkz->bxyz", xy, z)


def normal_equations(left: Tensor, positions: Tensor, weights: Tensor, voxels: Tensor) -> tuple[Tensor, Tensor]:
    """JᵀJ [B, 4K, 4K] and Jᵀ of what is left, [B, 4K], with J by all weights, all x, all y and all z.

    Every column of J is a product of three functions, one along each axis, and so are sums of products of two.
    """
    gaussian, slope = along_each_axis(positions, voxels)
    (gx, gy, gz), (sx, sy, sz) = gaussian.unbind(1), slope.unbind(1)
    x, y, z = torch.cat((gx, sx, gx, gx), 1), torch.cat((gy, gy, sy, gy), 1), torch.cat((gz, gz, gz, sz), 1)
    scale = (2 * math.pi) ** -1.5 * torch.cat((torch.ones_like(weights), weights.repeat(1, 3)), 1)
    squares = (x @ x.transpose(1, 2)) * (y @ y.transpose(1, 2)) * (z @ z.transpose(1, 2))
    along_z = torch.einsum("bxyz,bkz->bkxy", left, z)
    along_yz = (along_z * y.unsqueeze(2)).sum(3)
    return squares * scale.unsqueeze(1) * scale.unsqueeze(2), (along_yz * x).sum(2) * scale


def near(places: Tensor, positions: Tensor, there: Tensor, closest: float = CLOSEST) -> Tensor:
    """[B, M, K], whether places [B, M, 3] are too close to positions [B, K, 3] of atoms that are there, [B, K]."""
    return (torch.cdist(places, positions) < closest) & there.unsqueeze(1)


def overlapped(positions: Tensor, weights: Tensor) -> Tensor:
    """[B, K], whether a heavier atom is too near; of two that are equally heavy, the first counts as the heavier."""
    place = torch.arange(weights.size(1), device=weights.device)
    ours, theirs = weights.unsqueeze(2), weights.unsqueeze(1)
    heavier = (theirs > ours) | ((theirs == ours) & (place < place.unsqueeze(1)))
    return (near(positions, positions, weights > 0) & heavier).any(2)
