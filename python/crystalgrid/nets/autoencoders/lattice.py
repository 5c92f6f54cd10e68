"""A closed-form codec for periodic densities: a lattice and its structure factors."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...errors import InputError
from ...geometry.blur import N
from ...geometry.lattice_finder import LatticeFinder
from ...geometry.lattices import reduced
from ...geometry.structure_factors import MAX_INDEX, StructureFactors, blur_factor
from ..relative_density import log_mean, relative_density, relative_error
from .base import Autoencoder, FittedConfig

RECIPROCAL = 9
"""The number of components of a reciprocal lattice."""
SHORTEST, LONGEST = RECIPROCAL + 3, RECIPROCAL + (2 * MAX_INDEX + 1) ** 3
"""The lengths of a latent vector with one structure factor and with all, each a cosine and a sine."""
AT_ONCE = 16
"""The number of cubes whose lattices are searched together, which bounds memory."""
STEP = 1e-3
"""The change of a standardised latent number for derivatives of densities by finite differences."""


@dataclass(frozen=True, kw_only=True)
class LatticeConfig(FittedConfig):
    """The sizes of a `LatticeAutoencoder`."""

    def check(self) -> None:
        super().check()
        if not SHORTEST <= self.latent_dim <= LONGEST or self.latent_dim % 2:
            raise InputError(f"latent_dim must be even, from {SHORTEST} to {LONGEST}, got {self.latent_dim}")


class LatticeAutoencoder(Autoencoder):
    """A lattice and its structure factors, for crystals in repeated mode; nothing is learned but means and deviations.

    A latent vector is, standardised over the training crystals: the logarithm of the mean density ρ₀; the reciprocal
    lattice vectors a*, b*, c*; and structure factors c, then s (see `StructureFactors`). The encoder finds the lattice
    (`LatticeFinder`) and then the factors by least squares; the decoder is their sum. Any latent vector decodes to a
    periodic density, except that it is cut at zero.
    """

    config = LatticeConfig
    modes = ("repeated",)
    exact = True
    error_bound = 0.02  # for crystals whose shortest translations are below 9 Å, so that the cube shows them
    unet_input = "derivatives"
    encodes_cells = True
    log_mean: Tensor
    centre: Tensor
    deviation: Tensor
    logvar: Tensor

    def __init__(self, config: LatticeConfig) -> None:
        super().__init__(config)
        count = (config.latent_dim - 1 - RECIPROCAL) // 2
        self.parts = [RECIPROCAL, count, count]
        self.finder = LatticeFinder(N)
        self.factors = StructureFactors(count)
        self.register_buffer("log_mean", torch.tensor([0.0, 1.0]))  # mean and standard deviation over the crystals
        self.register_buffer("centre", torch.zeros(config.latent_dim - 1))
        self.register_buffer("deviation", torch.ones(config.latent_dim - 1))
        self.register_buffer("logvar", torch.zeros(config.latent_dim))  # of q(z|M), the same for all crystals

    def fit(self, batches: Iterable[Tensor], beta: float) -> None:
        parts: list[tuple[Tensor, Tensor]] = []
        for batch in batches:
            found = [(density, self.reciprocal(density)) for density in batch.split(AT_ONCE)]
            if not parts:
                self.factors.choose(torch.cat([reciprocal for _, reciprocal in found]))
            parts += [self.numbers(density, reciprocal) for density, reciprocal in found]
        logs, numbers = map(torch.cat, zip(*parts, strict=True))
        self.log_mean.copy_(torch.stack((logs.mean(), logs.std().clamp_min(0.1))))
        self.centre.copy_(numbers.mean(0))
        self.deviation.copy_(numbers.std(0).clamp_min(1e-3))
        self.logvar.copy_(-torch.log1p(2 * N**3 / max(beta, 1e-6) * self.sensitivity(numbers[:AT_ONCE])))

    def sensitivity(self, numbers: Tensor) -> Tensor:
        """Return how much each latent number changes the relative density, [latent_dim].

        It is the squared derivative, averaged over voxels and crystals. numbers: [B, latent_dim - 1].
        """
        unchanged, by_reciprocal = self.fourier_series(numbers), []
        for i in range(RECIPROCAL):
            changed = numbers.clone()
            changed[:, i] += STEP * self.deviation[i]
            by_reciprocal.append(((self.fourier_series(changed) - unchanged) / STEP).square().mean())
        g_vectors = self.factors.g_vectors(numbers[:, :RECIPROCAL].reshape(-1, 3, 3))
        by_factors = 2 * blur_factor(g_vectors).square().mean(0).repeat(2) * self.deviation[RECIPROCAL:].square()
        by_scale = self.log_mean[1].square() * unchanged.square().mean()
        return torch.cat((by_scale[None], torch.stack(by_reciprocal), by_factors))

    def reciprocal(self, density: Tensor) -> Tensor:
        """Return reciprocal lattices over 2π, rows a*, b*, c* in 1/Å, [B, 3, 3] float64, of [B, n, n, n]."""
        reciprocal: Tensor = torch.linalg.inv_ex(self.finder(density).double())[0].transpose(1, 2)
        return reciprocal

    def numbers(self, density: Tensor, reciprocal: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logarithm of ρ₀ [B], and reciprocal lattice and factors [B, latent_dim - 1], of densities."""
        mean, cosines, sines = self.factors.fit(relative_density(density), reciprocal)
        logs = log_mean(density) + mean.log().float()
        return logs, torch.cat((reciprocal.flatten(1), cosines, sines), 1).float()

    def fourier_series(self, numbers: Tensor) -> Tensor:
        """Return ρ / ρ₀ [B, n, n, n], perhaps negative, of reciprocal lattice and factors [B, latent_dim - 1]."""
        reciprocal, cosines, sines = numbers.split(self.parts, 1)
        return self.factors.density(reciprocal.view(-1, 3, 3), cosines, sines)

    @torch.jit.export
    def encode(self, density: Tensor) -> tuple[Tensor, Tensor]:
        if torch.jit.is_scripting():
            logs, numbers = self.numbers(density, self.reciprocal(density))
        else:
            with torch.autocast(density.device.type, enabled=False):
                logs, numbers = self.numbers(density, self.reciprocal(density))
        mu = self.standardised(logs, numbers)
        return mu, self.logvar.expand_as(mu)

    def standardised(self, logs: Tensor, numbers: Tensor) -> Tensor:
        """Return latent vectors of the logarithm of ρ₀ [B], and reciprocal lattice and factors [B, latent_dim - 1]."""
        scale = (logs - self.log_mean[0]) / self.log_mean[1]
        return torch.cat((scale[:, None], (numbers - self.centre) / self.deviation), 1)

    @torch.jit.export
    def encode_cells(self, lattice: Tensor, frac_coords: Tensor, numbers: Tensor, ties: float = 1e-3) -> Tensor:
        """Return latent vectors [B, latent_dim] of crystals whose origin is at the centre of the cube.

        lattice: [B, 3, 3] Å; frac_coords: [B, K, 3]; numbers: [B, K], atomic numbers, 0 for no atom; ties: see
        `lattices.reduced`.
        """
        reciprocal = torch.linalg.inv_ex(reduced(lattice, ties=ties))[0].transpose(1, 2)
        weights = numbers.to(frac_coords.dtype).unsqueeze(2)
        total = weights.sum(1)
        phase = frac_coords @ lattice @ self.factors.g_vectors(reciprocal).transpose(1, 2)
        cosines, sines = (weights * phase.cos()).sum(1) / total, (weights * phase.sin()).sum(1) / total
        logs = total.squeeze(1).log() - torch.linalg.det(lattice).abs().log()
        return self.standardised(logs, torch.cat((reciprocal.flatten(1), cosines, sines), 1))

    @torch.jit.export
    def decode(self, z: Tensor) -> Tensor:
        numbers = self.centre + self.deviation * z[:, 1:]
        if torch.jit.is_scripting():
            density = self.fourier_series(numbers)
        else:
            with torch.autocast(z.device.type, enabled=False):
                density = self.fourier_series(numbers)
        return torch.relu(density) * (self.log_mean[0] + self.log_mean[1] * z[:, 0]).exp()[:, None, None, None]

    def error(self, decoded: Tensor, density: Tensor) -> Tensor:
        """Return the mean squared error over voxels, in units of each cube's true mean."""
        return relative_error(decoded, density)

    def scale(self) -> tuple[int, float]:
        return 0, float(self.log_mean[1])
