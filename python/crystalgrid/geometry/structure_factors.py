"""Structure factors: a periodic density as a sum of plane waves, and the sum that comes nearest to a cube of it.

    ρ(r) = ρ₀ (1 + 2 Σ exp(-σ² G² / 2) (c_G cos G·r + s_G sin G·r)),   G = h a* + k b* + l c*,

with r from the cube's middle. The Gaussians of Eq. (1) stand in the exponential, so that c_G - i s_G are the structure
factors of point atoms, divided by that of G = 0: of an absolute value of one at most; and of all G that are left out
the exponential is small.
"""

import math

import torch
from torch import Tensor, nn

from ..grid import DEFAULT_GRID
from .blur import LENGTH, SIGMA, centres

N = DEFAULT_GRID.n

NOISE = 3e-5
"""Of a wave, relative to the mean density; structure factors that do not stand above it are taken for zero."""
VARIANCE = 0.1
"""Of structure factors, before anything is known of them."""
LARGEST = 1.5
"""Of structure factors, which are 1 at most but for errors of the fit."""
REACH = 8
"""Largest Miller index."""
CHOICES = 4
"""Waves that share a place, of which each lattice has the shortest."""
CANDIDATES = 800
"""Waves that are given places."""
LATER = 1.019
"""By how much G² of a later choice must be smaller to be taken; of those that symmetry makes equal, the first is."""


class StructureFactors(nn.Module):
    """Of `count` pairs of opposite waves, one for each place.

    The blur leaves only short waves, which differ from lattice to lattice. But a place should mean the same for most
    lattices: so each has a few choices of Miller indices, and a lattice has there the one that is shortest in it.
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        self.choices: Tensor
        self.later: Tensor
        self.at: Tensor
        self.register_buffer("choices", torch.zeros(count, CHOICES, 3))  # Miller indices h, k, l
        self.register_buffer("later", LATER ** torch.arange(CHOICES), persistent=False)
        self.register_buffer("at", centres(N) - LENGTH / 2, persistent=False)
        self.choose(torch.eye(3)[None] / 5)

    @torch.jit.ignore
    def choose(self, reciprocal: Tensor) -> None:
        """Take those waves of which the blur leaves most, over reciprocal lattices [B, 3, 3].

        The first choices are the best on average. Then every other wave becomes a choice where it helps most, that is
        at the place whose choices are long in those lattices in which it is short.
        """
        reach = torch.arange(-REACH, REACH + 1, device=reciprocal.device)
        indices = torch.cartesian_prod(reach, reach, reach).to(reciprocal.dtype)
        indices = indices[len(indices) // 2 + 1 :]  # one of each pair, and not (0, 0, 0)
        left = blur(2 * math.pi * indices @ reciprocal).square()
        order = left.mean(0).argsort(descending=True, stable=True)
        count = len(self.choices)
        at_places = left[:, order[:count]]
        self.choices.copy_(indices[order[:count], None].expand(-1, CHOICES, -1))
        filled = torch.ones(count, dtype=torch.long, device=reciprocal.device)
        others = order[count:CANDIDATES]
        for wave in others[(left[:, others] > at_places.amin(1, keepdim=True)).any(0)]:
            gain = (left[:, wave, None] - at_places).relu().mean(0) * (filled < CHOICES)
            place = gain.argmax()
            if gain[place] > 0:
                self.choices[place, filled[place]] = indices[wave].to(self.choices.dtype)
                filled[place] += 1
                at_places[:, place] = torch.maximum(at_places[:, place], left[:, wave])

    def miller(self, reciprocal: Tensor) -> Tensor:
        """Reciprocal lattices [B, 3, 3], rows a*, b*, c* in 2π/Å, to the (h, k, l) that they have, [B, count, 3]."""
        choices = self.choices.to(reciprocal.dtype).expand(reciprocal.size(0), -1, -1, -1)
        length = (choices @ reciprocal.unsqueeze(1)).square().sum(-1) * self.later
        shortest = length.argmin(-1)[:, :, None, None].expand(-1, -1, 1, 3)
        return choices.gather(2, shortest).squeeze(2)

    def waves(self, reciprocal: Tensor) -> Tensor:
        """Reciprocal lattices [B, 3, 3] as above to G [B, count, 3] in 1/Å."""
        return 2 * math.pi * self.miller(reciprocal) @ reciprocal

    def density(self, reciprocal: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
        """ρ / ρ₀ [B, n, n, n] of reciprocal lattices [B, 3, 3] and factors c, s [B, count]."""
        waves = self.waves(reciprocal)
        cos, sin = phases(waves, self.at.to(waves.dtype))
        x_cos, y_cos, z_cos = cos[:, :, 0, :, None], cos[:, :, 1, None], cos[:, :, 2]
        x_sin, y_sin, z_sin = sin[:, :, 0, :, None], sin[:, :, 1, None], sin[:, :, 2]
        weight = 2 * blur(waves)[:, :, None, None]
        c, s = weight * cosines[:, :, None, None], weight * sines[:, :, None, None]
        xy_cos, xy_sin = x_cos * y_cos - x_sin * y_sin, x_sin * y_cos + x_cos * y_sin
        along_z = torch.cat((c * xy_cos + s * xy_sin, s * xy_cos - c * xy_sin), 1)
        return 1 + torch.einsum("bkxy,bkz->bxyz", along_z, torch.cat((z_cos, z_sin), 1))

    def fit(self, density: Tensor, reciprocal: Tensor, largest: float = LARGEST) -> tuple[Tensor, Tensor, Tensor]:
        """ρ₀ [B], c and s [B, count] with which the sum comes nearest to a density [B, n, n, n] of mean one.

        Least squares over voxels, with the variance of the factors and the noise above. As the voxels lie symmetrically
        about the cube's middle, cosines and sines do not mix.
        """
        waves = self.waves(reciprocal)
        waves = torch.cat((torch.zeros_like(waves[:, :1]), waves), 1)
        weight = 2 * blur(waves)
        weight[:, 0] = 1
        cos, sin = phases(waves, self.at.to(waves.dtype))
        even, odd = project(density.to(waves.dtype), cos, sin)
        plus, minus = overlap(waves[:, :, None] + waves[:, None]), overlap(waves[:, :, None] - waves[:, None])
        weights = weight[:, :, None] * weight[:, None] / 2
        c = ridge(weights * (minus + plus), weight * even)
        s = ridge((weights * (minus - plus))[:, 1:, 1:], (weight * odd)[:, 1:])
        mean = c[:, 0].clamp(0.1, 10)
        factors = (torch.cat((c[:, 1:], s), 1) / mean[:, None]).clamp(-largest, largest)
        return mean, factors[:, : s.size(1)], factors[:, s.size(1) :]


def blur(waves: Tensor, sigma: float = SIGMA) -> Tensor:
    """What Gaussians leave of waves [..., 3] in 1/Å."""
    return torch.exp(-(sigma**2) / 2 * waves.square().sum(-1))


def phases(waves: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the phases of G [B, K, 3] along each axis, at the points `at` [n]: both [B, K, 3, n]."""
    phase = waves.unsqueeze(-1) * at
    return phase.cos(), phase.sin()


def project(density: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
    """Sums over voxels of ρ cos G·r and ρ sin G·r, both [B, K], from phases along each axis, [B, K, 3, n]."""
    z_cos = torch.einsum("bxyz,bkz->bkxy", density, cos[:, :, 2])
    z_sin = torch.einsum("bxyz,bkz->bkxy", density, sin[:, :, 2])
    y_cos, y_sin = cos[:, :, 1, None], sin[:, :, 1, None]
    yz_cos, yz_sin = (z_cos * y_cos - z_sin * y_sin).sum(-1), (z_sin * y_cos + z_cos * y_sin).sum(-1)
    x_cos, x_sin = cos[:, :, 0], sin[:, :, 0]
    return (yz_cos * x_cos - yz_sin * x_sin).sum(-1), (yz_sin * x_cos + yz_cos * x_sin).sum(-1)


def overlap(waves: Tensor, n: int = N, length: float = LENGTH) -> Tensor:
    """Sums over voxels of cos G·r, of G [..., 3]: by each axis, sin(n G h / 2) / sin(G h / 2) with h between voxels."""
    half = waves * (length / n / 2)
    below = half.sin()
    flat = below.abs() < 1e-9
    return torch.where(flat, float(n), (n * half).sin() / torch.where(flat, 1.0, below)).prod(-1)


def ridge(squares: Tensor, towards: Tensor, least: float = NOISE**2 * N**3 / VARIANCE) -> Tensor:
    """Least squares from normal equations [B, K, K] and [B, K], for numbers of VARIANCE seen with NOISE."""
    unit = torch.eye(squares.size(1), dtype=squares.dtype, device=squares.device)
    return torch.linalg.solve_ex(squares + least * unit, towards.unsqueeze(-1))[0].squeeze(-1)
