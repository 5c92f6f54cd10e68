"""A variational autoencoder that knows that crystals repeat: a lattice and what is in one cell of it."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ...geometry.lattice_finder import Periods
from ...geometry.lattices import reduced
from ...geometry.structure_factors import StructureFactors, blur
from .paper import N
from .waves import log_means, relative, relative_error

RECIPROCAL = 9
"""Numbers of a reciprocal lattice."""
AT_ONCE = 16
"""Cubes whose lattices are looked for together, which bounds memory."""
STEP = 1e-3
"""By which latent numbers are altered, to see what that does to densities."""


class LatticeVAE(nn.Module):
    """Densities outside are always Eq. (1), in 1/Å^3, of crystals in repeated mode.

    A latent vector is, standardised over the training crystals: the logarithm of the mean density ρ₀; the reciprocal
    lattice vectors a*, b*, c*; and structure factors c, then s (see `StructureFactors`). The encoder finds the lattice
    (`Periods`) and then the factors by least squares; the decoder is their sum. There is nothing to learn but mean and
    deviation of each number. Any latent vector decodes to a periodic density, except that it is cut at zero.
    """

    fitted_to = 1024
    """Cubes that `fit` wants."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.count = (latent_dim - 1 - RECIPROCAL) // 2
        self.periods = Periods(N)
        self.factors = StructureFactors(self.count)
        self.log_mean: Tensor
        self.centre: Tensor
        self.deviation: Tensor
        self.logvar: Tensor
        self.register_buffer("log_mean", torch.tensor([0.0, 1.0]))  # mean and standard deviation over the crystals
        self.register_buffer("centre", torch.zeros(latent_dim - 1))
        self.register_buffer("deviation", torch.ones(latent_dim - 1))
        self.register_buffer("logvar", torch.zeros(latent_dim))  # of q(z|M), the same for all

    @torch.jit.ignore
    def fit(self, batches: Iterable[Tensor], beta: float) -> None:
        """Take from cubes (batches of [B, n, n, n]) which waves to use, and means, deviations and variances."""
        seen: list[tuple[Tensor, Tensor]] = []
        for batch in batches:
            parts = [(density, self.reciprocal(density)) for density in batch.split(AT_ONCE)]
            if not seen:
                self.factors.choose(torch.cat([reciprocal for _, reciprocal in parts]))
            seen += [self.numbers(density, reciprocal) for density, reciprocal in parts]
        logs, numbers = map(torch.cat, zip(*seen, strict=True))
        self.log_mean.copy_(torch.stack((logs.mean(), logs.std().clamp_min(0.1))))
        self.centre.copy_(numbers.mean(0))
        self.deviation.copy_(numbers.std(0).clamp_min(1e-3))
        self.logvar.copy_(-torch.log1p(2 * N**3 / max(beta, 1e-6) * self.sensitivity(numbers[:AT_ONCE])))

    def sensitivity(self, numbers: Tensor) -> Tensor:
        """[latent_dim]: mean square, over voxels and crystals, of the relative density's derivative by each number."""
        plain, slopes = self.relative_density(numbers), []
        for i in range(RECIPROCAL):
            altered = numbers.clone()
            altered[:, i] += STEP * self.deviation[i]
            slopes.append(((self.relative_density(altered) - plain) / STEP).square().mean())
        waves = self.factors.waves(numbers[:, :RECIPROCAL].reshape(-1, 3, 3))
        of_factors = 2 * blur(waves).square().mean(0).repeat(2) * self.deviation[RECIPROCAL:].square()
        of_scale = self.log_mean[1].square() * plain.square().mean()
        return torch.cat((of_scale[None], torch.stack(slopes), of_factors))

    def reciprocal(self, density: Tensor) -> Tensor:
        """Density [B, n, n, n] to reciprocal lattice vectors over 2π, rows a*, b*, c* in 1/Å, [B, 3, 3] float64."""
        return torch.linalg.inv_ex(self.periods(density).double())[0].transpose(1, 2)

    def numbers(self, density: Tensor, reciprocal: Tensor) -> tuple[Tensor, Tensor]:
        """Density to the logarithm of ρ₀ [B], and lattice and factors [B, latent_dim - 1]."""
        mean, cosines, sines = self.factors.fit(relative(density), reciprocal)
        logs = log_means(density) + mean.log().float()
        return logs, torch.cat((reciprocal.flatten(1), cosines, sines), 1).float()

    def relative_density(self, numbers: Tensor) -> Tensor:
        """Lattice and factors [B, latent_dim - 1] to ρ / ρ₀ [B, n, n, n], which may be negative in places."""
        reciprocal, cosines, sines = numbers.split([9, self.count, self.count], 1)
        return self.factors.density(reciprocal.view(-1, 3, 3), cosines, sines)

    @torch.jit.export
    def encode(self, density: Tensor) -> tuple[Tensor, Tensor]:
        """density [B, 30, 30, 30] to mu and log variance of q(z|M), each [B, latent_dim]."""
        if torch.jit.is_scripting():
            logs, numbers = self.numbers(density, self.reciprocal(density))
        else:
            with torch.autocast(density.device.type, enabled=False):
                logs, numbers = self.numbers(density, self.reciprocal(density))
        mu = self.standardised(logs, numbers)
        return mu, self.logvar.expand_as(mu)

    def standardised(self, logs: Tensor, numbers: Tensor) -> Tensor:
        """The logarithm of ρ₀ [B], and lattice and factors [B, latent_dim - 1], as a latent vector."""
        scale = (logs - self.log_mean[0]) / self.log_mean[1]
        return torch.cat((scale[:, None], (numbers - self.centre) / self.deviation), 1)

    @torch.jit.export
    def of_cells(self, lattice: Tensor, places: Tensor, numbers: Tensor, ties: float = 1e-3) -> Tensor:
        """Latent vectors [B, latent_dim] of crystals whose own origin is in the middle of the cube.

        lattice: [B, 3, 3] Å; places: fractional coordinates [B, K, 3]; numbers: [B, K], 0 for no atom.
        """
        reciprocal = torch.linalg.inv_ex(reduced(lattice, ties=ties))[0].transpose(1, 2)
        weights = numbers.to(places.dtype).unsqueeze(2)
        total = weights.sum(1)
        phase = places @ lattice @ self.factors.waves(reciprocal).transpose(1, 2)
        cosines, sines = (weights * phase.cos()).sum(1) / total, (weights * phase.sin()).sum(1) / total
        logs = total.squeeze(1).log() - torch.linalg.det(lattice).abs().log()
        return self.standardised(logs, torch.cat((reciprocal.flatten(1), cosines, sines), 1))

    @torch.jit.export
    def decode(self, z: Tensor) -> Tensor:
        """z [B, latent_dim] to the density M̂ [B, 30, 30, 30] of Eq. (4)."""
        numbers = self.centre + self.deviation * z[:, 1:]
        if torch.jit.is_scripting():
            density = self.relative_density(numbers)
        else:
            with torch.autocast(z.device.type, enabled=False):
                density = self.relative_density(numbers)
        return torch.relu(density) * (self.log_mean[0] + self.log_mean[1] * z[:, 0]).exp()[:, None, None, None]

    @torch.jit.ignore
    def error(self, decoded: Tensor, density: Tensor) -> Tensor:
        """Mean over voxels of the squared error, in units of each cube's true mean."""
        return relative_error(decoded, density)
