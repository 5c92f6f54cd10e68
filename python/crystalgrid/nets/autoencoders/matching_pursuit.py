"""Matching pursuit: the atoms whose Gaussians make up a density, found in rounds and fitted together."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...geometry.blur import PEAK, along_axes, deblurring, voxel_centres, wiener_filter

COUNT = 20
"""The number of blur modes along each axis."""
WIDTH, NOISE = 0.5, 2e-5
"""The width in Å that Gaussians are deblurred to, and the noise of the Wiener filter (see `wiener_filter`)."""
FAINTEST = 0.3
"""The least weight of an atom, in atomic numbers: hydrogen has 1."""
SHARE = 0.03
"""The least height of a peak, as a share of the highest; lower peaks wait until that one is explained."""
CLOSEST = 0.5
"""The least distance between two atoms in Å; of two that are nearer, the lighter one is removed."""
ROUNDS, STEPS = 8, 5
"""The number of rounds in which atoms are added, and of fitting steps in each."""
SOLVED = 1e-6
"""The relative L2 error of a density that needs no further round."""
LONGEST_STEP = 0.3
"""The longest step of the fit along each axis, in Å."""


class MatchingPursuit(nn.Module):
    """A map from densities [B, n, n, n] in 1/Å³ to atoms: positions [B, most, 3] in Å and weights [B, most], float64.

    Orthogonal matching pursuit (Pati et al. 1993), with positions that move: where the residual density, deblurred, has
    peaks, atoms are added, and then positions and weights of all of them are fitted (Levenberg-Marquardt). All atoms
    must be in the cube. Two atoms less than about 0.9 Å apart may be taken for one. A weight of 0 is no atom.
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
        """Return the positions and weights of the atoms of densities."""
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
        """Return positions and weights after atoms were added and all were fitted, and the error [B], relative L2."""
        candidates, heights = self.peaks(density - gaussians(positions, weights, self.voxels))
        heights = heights * ~too_close(candidates, positions, weights > 0).any(2)
        weights, order = torch.cat((weights, heights), 1).sort(dim=1, descending=True)
        positions = torch.cat((positions, candidates), 1).gather(1, order.unsqueeze(2).expand(-1, -1, 3))
        used = min(self.most, max(1, int((weights > 0).sum(1).max())))
        positions, weights, error = self.fit(density, positions[:, :used], weights[:, :used], steps)
        weights = torch.where(weights > faintest, weights, 0.0)
        weights = weights * ~overlapped(positions, weights)
        unused = self.most - used
        return F.pad(positions, [0, 0, 0, unused]), F.pad(weights, [0, unused]), error

    def peaks(self, residual: Tensor, faintest: float = FAINTEST, share: float = SHARE) -> tuple[Tensor, Tensor]:
        """Return the positions of the residual's peaks, [B, most, 3] in Å, and their heights [B, most], 0 for none."""
        sharp = along_axes(along_axes(residual, self.modes) * self.filter, self.sharp_modes)
        is_peak = sharp >= F.max_pool3d(sharp.unsqueeze(1), 3, 1, 1).squeeze(1)
        height, index = torch.where(is_peak, sharp, 0.0).flatten(1).topk(self.most)
        height = torch.where((height > faintest) & (height > share * height[:, :1]), height, 0.0)
        n = len(self.voxels)
        voxel = torch.stack((index // (n * n), index // n % n, index % n), 2)
        return self.voxels[voxel], height

    def fit(
        self, density: Tensor, positions: Tensor, weights: Tensor, steps: int, longest_step: float = LONGEST_STEP
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return positions and weights fitted to the density in `steps` steps, and the relative L2 error [B]."""
        is_atom = weights > 0
        residual = density - gaussians(positions, weights, self.voxels)
        error = residual.square().sum((1, 2, 3))
        damping = torch.full_like(error, 1e-3)
        for _ in range(steps):
            by_weight, by_position = damped_step(residual, positions, weights, self.voxels, damping)
            moved = positions + by_position.clamp(-longest_step, longest_step) * is_atom.unsqueeze(2)
            changed = (weights + by_weight).clamp_min(0) * is_atom
            new_residual = density - gaussians(moved, changed, self.voxels)
            new_error = new_residual.square().sum((1, 2, 3))
            better = new_error < error
            positions = torch.where(better[:, None, None], moved, positions)
            weights = torch.where(better[:, None], changed, weights)
            residual = torch.where(better[:, None, None, None], new_residual, residual)
            error = torch.where(better, new_error, error)
            damping = torch.where(better, damping / 6, damping * 8).clamp(1e-12, 10)
        return positions, weights, (error / density.square().sum((1, 2, 3)).clamp_min(1e-30)).sqrt()


def damped_step(
    residual: Tensor, positions: Tensor, weights: Tensor, voxels: Tensor, damping: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the Levenberg-Marquardt step of weights [B, K] and positions [B, K, 3], with damping [B]."""
    squares, gradient = normal_equations(residual, positions, weights, voxels)
    scale = squares.diagonal(dim1=1, dim2=2).clamp_min(1e-14).rsqrt()
    scaled = squares * scale.unsqueeze(1) * scale.unsqueeze(2)
    damped = scaled + torch.diag_embed(damping.unsqueeze(1).expand_as(scale))
    step = torch.linalg.solve_ex(damped, (gradient * scale).unsqueeze(2))[0].squeeze(2) * scale
    by_weight, by_position = step.view(len(step), 4, -1).split([1, 3], 1)
    return by_weight.squeeze(1), by_position.transpose(1, 2)


def axis_gaussians(positions: Tensor, voxels: Tensor) -> tuple[Tensor, Tensor]:
    """Return Gaussians of atoms [B, K, 3] at voxels [n] along each axis, and slopes per Å, both [B, 3, K, n]."""
    distance = voxels - positions.transpose(1, 2).unsqueeze(3)
    gaussian = torch.exp(-distance.square() / 2)  # σ = 1 Å
    return gaussian, distance * gaussian


def gaussians(positions: Tensor, weights: Tensor, voxels: Tensor, peak: float = PEAK) -> Tensor:
    """Return Eq. (1) in 1/Å³, [B, n, n, n], of atoms [B, K, 3] with weights [B, K] at voxels [n] along each axis."""
    x, y, z = axis_gaussians(positions, voxels)[0].unbind(1)
    xy = (weights.unsqueeze(2) * x).unsqueeze(3) * y.unsqueeze(2)
    return peak * torch.einsum("bkxy,bkz->bxyz", xy, z)


def normal_equations(
    residual: Tensor, positions: Tensor, weights: Tensor, voxels: Tensor, peak: float = PEAK
) -> tuple[Tensor, Tensor]:
    """Return JᵀJ [B, 4K, 4K] and Jᵀ residual [B, 4K]; columns of J: all weights, then all x, all y and all z.

    Each column of J is a product of one function along each axis, so its scalar products are products of three sums.
    """
    gaussian, slope = axis_gaussians(positions, voxels)
    (gx, gy, gz), (sx, sy, sz) = gaussian.unbind(1), slope.unbind(1)
    x, y, z = torch.cat((gx, sx, gx, gx), 1), torch.cat((gy, gy, sy, gy), 1), torch.cat((gz, gz, gz, sz), 1)
    scale = peak * torch.cat((torch.ones_like(weights), weights.repeat(1, 3)), 1)
    squares = (x @ x.transpose(1, 2)) * (y @ y.transpose(1, 2)) * (z @ z.transpose(1, 2))
    along_z = torch.einsum("bxyz,bkz->bkxy", residual, z)
    along_yz = (along_z * y.unsqueeze(2)).sum(3)
    return squares * scale.unsqueeze(1) * scale.unsqueeze(2), (along_yz * x).sum(2) * scale


def too_close(points: Tensor, positions: Tensor, is_atom: Tensor, closest: float = CLOSEST) -> Tensor:
    """Return whether points [B, M, 3] are closer than CLOSEST to positions [B, K, 3] of atoms, [B, M, K]."""
    return (torch.cdist(points, positions) < closest) & is_atom.unsqueeze(1)


def overlapped(positions: Tensor, weights: Tensor) -> Tensor:
    """Return whether a heavier atom is too close to each, [B, K]; of equal weights, the first counts as heavier."""
    index = torch.arange(weights.size(1), device=weights.device)
    own, other = weights.unsqueeze(2), weights.unsqueeze(1)
    heavier = (other > own) | ((other == own) & (index < index.unsqueeze(1)))
    return (too_close(positions, positions, weights > 0) & heavier).any(2)
