"""A learned autoencoder on the blur modes of Eq. (1): principal components, corrected by two perceptrons."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...errors import InputError
from ...geometry.blur import N
from ..layers import perceptron
from ..relative_density import log_mean, relative_density, relative_error
from .base import Autoencoder, FittedConfig
from .principal_components import PrincipalComponents


@dataclass(frozen=True, kw_only=True)
class BlurModeConfig(FittedConfig):
    """The sizes of a `BlurModeAutoencoder`.

    modes: the number of blur modes along each axis that densities are expanded in.
    encoder, decoder: widths of the hidden layers of the perceptrons.
    """

    modes: int = 13
    encoder: tuple[int, ...] = ()
    decoder: tuple[int, ...] = ()
    fit_cubes: int = 4096

    def check(self) -> None:
        super().check()
        if not 1 <= self.modes <= N:
            raise InputError(f"modes must be from 1 to {N}, the voxels along an axis, got {self.modes}")


class BlurModeAutoencoder(Autoencoder):
    """An autoencoder by principal components of the blur modes' coefficients, corrected by two perceptrons.

    Inside, each cube is divided by its mean density, so that a crystal of hydrogen counts as much as one of uranium;
    the first latent number is the logarithm of that mean, standardised.
    """

    config = BlurModeConfig
    unet_input = "deblurred"
    log_mean: Tensor
    linear_logvar: Tensor

    def __init__(self, config: BlurModeConfig) -> None:
        super().__init__(config)
        latent_dim, coefficients = config.latent_dim, config.modes**3
        self.components = PrincipalComponents(N, config.modes, latent_dim)
        self.encoder = perceptron((coefficients, *config.encoder, 2 * latent_dim))
        self.decoder = perceptron((latent_dim, *config.decoder, coefficients))
        for network in (self.encoder, self.decoder):  # at first, the linear model acts alone
            for parameter in network[-1].parameters():
                nn.init.zeros_(parameter)
        self.register_buffer("log_mean", torch.tensor([0.0, 1.0]))  # mean and standard deviation over the crystals
        self.register_buffer("linear_logvar", torch.zeros(latent_dim))  # of q(z|M) in the linear model

    def fit(self, batches: Iterable[Tensor], beta: float) -> None:
        logs, coefficients = [], []
        for density in batches:
            logs.append(log_mean(density))
            coefficients.append(self.components.coefficients(relative_density(density)))
        all_logs = torch.cat(logs)
        self.log_mean.copy_(torch.stack((all_logs.mean(), all_logs.std().clamp_min(0.1))))
        self.linear_logvar.copy_(self.components.fit(torch.cat(coefficients), first=1, beta=beta))
        self.linear_logvar[0] = -math.log1p(2 * N**3 * float(self.log_mean[1]) ** 2 / max(beta, 1e-6))

    @torch.jit.export
    def encode(self, density: Tensor) -> tuple[Tensor, Tensor]:
        centred = self.components.coefficients(relative_density(density)) - self.components.centre
        mu, logvar = self.encoder(centred).float().chunk(2, 1)
        mu = mu + self.components.encode(centred)
        scale = (log_mean(density) - self.log_mean[0]) / self.log_mean[1]
        return torch.cat((scale[:, None], mu[:, 1:]), 1), logvar + self.linear_logvar

    @torch.jit.export
    def decode(self, z: Tensor) -> Tensor:
        coefficients = self.components.decode(z) + self.decoder(z).float() + self.components.centre
        density = torch.relu(self.components.density(coefficients))
        return density * (self.log_mean[0] + self.log_mean[1] * z[:, 0]).exp()[:, None, None, None]

    def error(self, decoded: Tensor, density: Tensor) -> Tensor:
        """Return the mean squared error over voxels, in units of each cube's true mean."""
        return relative_error(decoded, density)

    def scale(self) -> tuple[int, float]:
        return 0, float(self.log_mean[1])
