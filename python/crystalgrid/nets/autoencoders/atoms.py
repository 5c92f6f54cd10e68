"""A variational autoencoder that knows what a density is of: the positions and atomic numbers of atoms in the cube."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...geometry.blur import LENGTH, centres
from .matching_pursuit import Pursuit, gaussians
from .paper import N
from .waves import relative_error

OF_EACH = 4
"""Numbers of an atom."""
AT_ONCE = 16
"""Cubes whose atoms are looked for together, which bounds memory."""
LARGEST = 5.5
"""Of ln(1 + Z)."""
LEAST_SHIFT, LEAST_CHANGE = 0.1, 0.05
"""Å and logarithms: deviations of numbers that hardly vary, such as those of atoms that few crystals have."""


class AtomVAE(nn.Module):
    """Densities outside are always Eq. (1), in 1/Å^3, of crystals in single mode: all their atoms are in the cube.

    A latent vector is, standardised over the training crystals, ln(1 + Z) and the position from the cube's middle of
    one atom after the other, the heaviest first; an atom that is not there has Z = 0. The encoder finds the atoms
    (`Pursuit`); the decoder is Eq. (1). There is nothing to learn but mean and deviation of each number.
    """

    fitted_to = 1024
    """Cubes that `fit` wants."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.pursuit = Pursuit(N, latent_dim // OF_EACH)
        self.voxels: Tensor
        self.centre: Tensor
        self.deviation: Tensor
        self.logvar: Tensor
        self.register_buffer("voxels", centres(N).float() - LENGTH / 2, persistent=False)
        self.register_buffer("centre", torch.zeros(latent_dim))
        self.register_buffer("deviation", torch.ones(latent_dim))
        self.register_buffer("logvar", torch.zeros(latent_dim))  # of q(z|M), the same for all

    @torch.jit.ignore
    def fit(self, batches: Iterable[Tensor], beta: float) -> None:
        """Take from cubes (batches of [B, n, n, n]) means, deviations and variances."""
        numbers = torch.cat([self.numbers(part) for density in batches for part in density.split(AT_ONCE)])
        least = torch.tensor([LEAST_CHANGE, *[LEAST_SHIFT] * 3], device=numbers.device)
        deviation = numbers.std(0).view(-1, OF_EACH)
        self.centre.copy_(numbers.mean(0))
        self.deviation.copy_(torch.maximum(deviation, least).flatten())
        sensitivity = self.sensitivity(numbers) * self.deviation.square()
        self.logvar.copy_(-torch.log1p(2 * N**3 / max(beta, 1e-6) * sensitivity))

    def sensitivity(self, numbers: Tensor) -> Tensor:
        """[latent_dim]: mean square, over voxels and crystals, of the relative density's derivative by each number.

        As if no atom were near a face: over all space, g² of a Gaussian comes to 1 / 8 π^(3/2), and (∂g/∂x)² to half.
        """
        weights = numbers.view(len(numbers), -1, OF_EACH)[:, :, 0].expm1()
        total = weights.sum(1, keepdim=True).clamp_min(1)
        by_weight = LENGTH**3 / (8 * math.pi**1.5) * ((1 + weights) / total).square().mean(0)
        by_position = LENGTH**3 / (16 * math.pi**1.5) * (weights / total).square().mean(0)
        return torch.stack((by_weight, by_position, by_position, by_position), 1).flatten()

    def numbers(self, density: Tensor, length: float = LENGTH) -> Tensor:
        """Density [B, n, n, n] to what the latent vector says of the atoms, [B, latent_dim]."""
        positions, weights = self.pursuit(density)
        return listed(torch.where(weights.unsqueeze(2) > 0, positions - length / 2, 0.0), weights)

    @torch.jit.export
    def encode(self, density: Tensor) -> tuple[Tensor, Tensor]:
        """density [B, 30, 30, 30] to mu and log variance of q(z|M), each [B, latent_dim]."""
        if torch.jit.is_scripting():
            numbers = self.numbers(density)
        else:
            with torch.autocast(density.device.type, enabled=False):
                numbers = self.numbers(density)
        mu = (numbers - self.centre) / self.deviation
        return mu, self.logvar.expand_as(mu)

    @torch.jit.export
    def of_cells(self, lattice: Tensor, places: Tensor, numbers: Tensor, tolerance: float = 1e-4) -> Tensor:
        """Latent vectors [B, latent_dim] of one cell each, its atoms' mean in the middle of the cube.

        lattice: [B, 3, 3] Å; places: fractional coordinates [B, K, 3], of which rounding leaves those at 0 where they
            are; numbers: [B, K], 0 for no atom.
        """
        weights = numbers.to(places.dtype)
        real = (weights > 0).unsqueeze(2)
        positions = (places - (places + tolerance).floor()) @ lattice * real
        away = (positions - positions.sum(1, keepdim=True) / real.sum(1, keepdim=True)) * real
        atoms = listed(away, weights)[:, : self.centre.size(0)]
        atoms = F.pad(atoms, [0, self.centre.size(0) - atoms.size(1)])
        return (atoms - self.centre) / self.deviation

    @torch.jit.export
    def decode(self, z: Tensor, largest: float = LARGEST) -> Tensor:
        """z [B, latent_dim] to the density M̂ [B, 30, 30, 30] of Eq. (4)."""
        atoms = (self.centre + self.deviation * z).view(z.size(0), -1, 4)
        weights = atoms[:, :, 0].clamp(0, largest).expm1()
        if torch.jit.is_scripting():
            density = gaussians(atoms[:, :, 1:], weights, self.voxels)
        else:
            with torch.autocast(z.device.type, enabled=False):
                density = gaussians(atoms[:, :, 1:], weights, self.voxels)
        return density

    @torch.jit.ignore
    def error(self, decoded: Tensor, density: Tensor) -> Tensor:
        """Mean over voxels of the squared error, in units of each cube's true mean."""
        return relative_error(decoded, density)


def listed(positions: Tensor, weights: Tensor) -> Tensor:
    """Atoms [B, K, 3] and [B, K] as ln(1 + Z) and position of one after the other, the heaviest first, [B, 4 K]."""
    order = heaviest_first(positions, weights).unsqueeze(2)
    numbers = torch.cat((weights.log1p().unsqueeze(2), positions), 2)
    return numbers.gather(1, order.expand_as(numbers)).flatten(1).float()


def heaviest_first(positions: Tensor, weights: Tensor, length: float = LENGTH) -> Tensor:
    """[B, K], an order of atoms: by atomic number, and of one species along a direction in which few are level."""
    along = positions @ torch.tensor([1.0, 0.3, 0.1], dtype=positions.dtype, device=positions.device)
    return (weights.round() * (10 * length) + along).argsort(dim=1, descending=True)
