"""Structure factors: a periodic density as a sum of plane waves, and the sum that comes nearest to a cube of it.

    ρ(r) = ρ₀ (1 + 2 Σ exp(-σ² G² / 2) (c_G cos G·r + s_G sin G·r)),   G = h a* + k b* + l c*,

with r from the cube's centre. The exponential is the transform of the Gaussians of Eq. (1), so that c_G - i s_G are the
structure factors of point atoms, divided by that of G = 0: their absolute values are at most 1. For all G that are left
out, the exponential is small.
"""

import math

import torch
from torch import Tensor, nn

from .blur import LENGTH, SIGMA, N, voxel_centres

NOISE = 3e-5
"""The amplitude of a plane wave, relative to the mean density, below which a structure factor is taken for zero."""
VARIANCE = 0.1
"""The prior variance of structure factors, in the ridge regression."""
LARGEST = 1.5
"""The bound on structure factors, which are 1 at most but for errors of the fit."""
MAX_INDEX = 8
"""The largest Miller index."""
CHOICES = 4
"""The number of reciprocal vectors that share a slot, of which each lattice uses the shortest."""
CANDIDATES = 800
"""The number of reciprocal vectors that are given slots."""
TIE = 1.019
"""The factor by which G² of a later choice must be smaller to be used; of vectors equal by symmetry, the first is."""


class StructureFactors(nn.Module):
    """The structure factors of `count` slots, each a pair of opposite reciprocal vectors.

    Only short reciprocal vectors survive the blur, and they differ from lattice to lattice. But a slot should mean
    the same for most lattices: so each has a few choices of Miller indices, and a lattice uses the shortest.
    """

    choices: Tensor
    ties: Tensor
    axis: Tensor

    def __init__(self, count: int) -> None:
        super().__init__()
        self.register_buffer("choices", torch.zeros(count, CHOICES, 3))  # Miller indices h, k, l
        self.register_buffer("ties", TIE ** torch.arange(CHOICES), persistent=False)
        self.register_buffer("axis", voxel_centres(N) - LENGTH / 2, persistent=False)
        self.choose(torch.eye(3)[None] / 5)

    def choose(self, reciprocal: Tensor) -> None:
        """Choose the reciprocal vectors of which the blur leaves most, over reciprocal lattices [B, 3, 3].

        The first choices are the best on average. Every other vector becomes a choice of the slot where it helps most:
        the one whose choices are long in lattices in which this vector is short.
        """
        index = torch.arange(-MAX_INDEX, MAX_INDEX + 1, device=reciprocal.device)
        miller = torch.cartesian_prod(index, index, index).to(reciprocal.dtype)
        miller = miller[len(miller) // 2 + 1 :]  # one of each opposite pair, and not (0, 0, 0)
        kept = blur_factor(2 * math.pi * miller @ reciprocal).square()
        order = kept.mean(0).argsort(descending=True, stable=True)
        count = len(self.choices)
        kept_in_slot = kept[:, order[:count]]
        self.choices.copy_(miller[order[:count], None].expand(-1, CHOICES, -1))
        filled = torch.ones(count, dtype=torch.long, device=reciprocal.device)
        others = order[count:CANDIDATES]
        for vector in others[(kept[:, others] > kept_in_slot.amin(1, keepdim=True)).any(0)]:
            gain = (kept[:, vector, None] - kept_in_slot).relu().mean(0) * (filled < CHOICES)
            slot = gain.argmax()
            if gain[slot] > 0:
                self.choices[slot, filled[slot]] = miller[vector].to(self.choices.dtype)
                filled[slot] += 1
                kept_in_slot[:, slot] = torch.maximum(kept_in_slot[:, slot], kept[:, vector])

    def miller_indices(self, reciprocal: Tensor) -> Tensor:
        """Return the (h, k, l) that reciprocal lattices [B, 3, 3], rows a*, b*, c* in 2π/Å, use, [B, count, 3]."""
        choices = self.choices.to(reciprocal.dtype).expand(reciprocal.size(0), -1, -1, -1)
        length = (choices @ reciprocal.unsqueeze(1)).square().sum(-1) * self.ties
        shortest = length.argmin(-1)[:, :, None, None].expand(-1, -1, 1, 3)
        return choices.gather(2, shortest).squeeze(2)

    def g_vectors(self, reciprocal: Tensor) -> Tensor:
        """Return G in 1/Å, [B, count, 3], of reciprocal lattices [B, 3, 3], rows a*, b*, c* in 2π/Å."""
        return 2 * math.pi * self.miller_indices(reciprocal) @ reciprocal

    def density(self, reciprocal: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
        """Return ρ / ρ₀ [B, n, n, n] of reciprocal lattices [B, 3, 3] and factors c, s [B, count]."""
        g_vectors = self.g_vectors(reciprocal)
        cos, sin = axis_phases(g_vectors, self.axis.to(g_vectors.dtype))
        x_cos, y_cos, z_cos = cos[:, :, 0, :, None], cos[:, :, 1, None], cos[:, :, 2]
        x_sin, y_sin, z_sin = sin[:, :, 0, :, None], sin[:, :, 1, None], sin[:, :, 2]
        weight = 2 * blur_factor(g_vectors)[:, :, None, None]
        c, s = weight * cosines[:, :, None, None], weight * sines[:, :, None, None]
        xy_cos, xy_sin = x_cos * y_cos - x_sin * y_sin, x_sin * y_cos + x_cos * y_sin
        along_z = torch.cat((c * xy_cos + s * xy_sin, s * xy_cos - c * xy_sin), 1)
        return 1 + torch.einsum("bkxy,bkz->bxyz", along_z, torch.cat((z_cos, z_sin), 1))

    def fit(self, density: Tensor, reciprocal: Tensor, largest: float = LARGEST) -> tuple[Tensor, Tensor, Tensor]:
        """Return ρ₀ [B], c and s [B, count] whose sum is nearest to a density [B, n, n, n] of mean one.

        Ridge regression over voxels, with the variance of the factors and the noise above. As the voxels lie
        symmetrically about the cube's middle, cosines and sines do not mix.
        """
        g_vectors = self.g_vectors(reciprocal)
        g_vectors = torch.cat((torch.zeros_like(g_vectors[:, :1]), g_vectors), 1)
        weight = 2 * blur_factor(g_vectors)
        weight[:, 0] = 1
        cos, sin = axis_phases(g_vectors, self.axis.to(g_vectors.dtype))
        even, odd = fourier_sums(density.to(g_vectors.dtype), cos, sin)
        plus = cosine_sums(g_vectors[:, :, None] + g_vectors[:, None])
        minus = cosine_sums(g_vectors[:, :, None] - g_vectors[:, None])
        weights = weight[:, :, None] * weight[:, None] / 2
        c = ridge_regression(weights * (minus + plus), weight * even)
        s = ridge_regression((weights * (minus - plus))[:, 1:, 1:], (weight * odd)[:, 1:])
        mean = c[:, 0].clamp(0.1, 10)
        factors = (torch.cat((c[:, 1:], s), 1) / mean[:, None]).clamp(-largest, largest)
        return mean, factors[:, : s.size(1)], factors[:, s.size(1) :]


def blur_factor(g_vectors: Tensor, sigma: float = SIGMA) -> Tensor:
    """Return exp(-σ² G² / 2), the share of plane waves with G [..., 3] in 1/Å that Gaussians leave, [...]."""
    return torch.exp(-(sigma**2) / 2 * g_vectors.square().sum(-1))


def axis_phases(g_vectors: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return cosines and sines of the phases of G [B, K, 3] at x [n] along each axis, both [B, K, 3, n]."""
    phase = g_vectors.unsqueeze(-1) * x
    return phase.cos(), phase.sin()


def fourier_sums(density: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sums over voxels of ρ cos G·r and ρ sin G·r, both [B, K], from `axis_phases` [B, K, 3, n]."""
    z_cos = torch.einsum("bxyz,bkz->bkxy", density, cos[:, :, 2])
    z_sin = torch.einsum("bxyz,bkz->bkxy", density, sin[:, :, 2])
    y_cos, y_sin = cos[:, :, 1, None], sin[:, :, 1, None]
    yz_cos, yz_sin = (z_cos * y_cos - z_sin * y_sin).sum(-1), (z_sin * y_cos + z_cos * y_sin).sum(-1)
    x_cos, x_sin = cos[:, :, 0], sin[:, :, 0]
    return (yz_cos * x_cos - yz_sin * x_sin).sum(-1), (yz_sin * x_cos + yz_cos * x_sin).sum(-1)


def cosine_sums(g_vectors: Tensor, n: int = N, length: float = LENGTH) -> Tensor:
    """Return the sums over voxels of cos G·r for G [..., 3], [...].

    The sum is a product over the axes of sin(n G h / 2) / sin(G h / 2), with h between voxels.
    """
    half = g_vectors * (length / n / 2)
    denominator = half.sin()
    flat = denominator.abs() < 1e-9
    return torch.where(flat, float(n), (n * half).sin() / torch.where(flat, 1.0, denominator)).prod(-1)


def ridge_regression(squares: Tensor, target: Tensor, penalty: float = NOISE**2 * N**3 / VARIANCE) -> Tensor:
    """Return the solution [B, K] of normal equations [B, K, K] and [B, K], for factors of VARIANCE seen with NOISE."""
    unit = torch.eye(squares.size(1), dtype=squares.dtype, device=squares.device)
    factors: Tensor = torch.linalg.solve_ex(squares + penalty * unit, target.unsqueeze(-1))[0].squeeze(-1)
    return factors
