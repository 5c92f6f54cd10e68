"""A variational autoencoder of a density's waves: the best linear one in closed form, and what networks add to it."""

import math
from collections.abc import Iterable
from itertools import pairwise

import torch
from torch import Tensor, nn

from .linear import LinearPart
from .paper import N


def perceptron(sizes: tuple[int, ...]) -> nn.Sequential:
    """Fully connected layers with SiLU between them; the last begins at zero."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.SiLU()]
    last = nn.Linear(sizes[-2], sizes[-1])
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(*layers[:-2], last)


class WaveVAE(nn.Module):
    """Densities outside are always Eq. (1), in 1/Å^3; inside, each cube is divided by its mean density.

    So a crystal of hydrogen counts as much as one of uranium; the first number of the latent vector is the logarithm of
    that mean, standardised. What is left of a density after the blur of Eq. (1) are `waves` waves along each axis:
    `LinearPart` turns their coefficients into a latent vector and back, and two perceptrons correct it.

    encoder, decoder: widths of the perceptrons' hidden layers.
    """

    fitted_to = 4096
    """Cubes that `fit` wants."""

    def __init__(self, encoder: tuple[int, ...], decoder: tuple[int, ...], latent_dim: int, waves: int) -> None:
        super().__init__()
        self.linear = LinearPart(N, waves, latent_dim)
        self.encoder = perceptron((waves**3, *encoder, 2 * latent_dim))
        self.decoder = perceptron((latent_dim, *decoder, waves**3))
        self.log_mean: Tensor
        self.begin: Tensor
        self.register_buffer("log_mean", torch.tensor([0.0, 1.0]))  # mean and standard deviation over the crystals
        self.register_buffer("begin", torch.zeros(latent_dim))  # log variance of q(z|M) in the linear model

    @torch.jit.ignore
    def fit(self, batches: Iterable[Tensor], beta: float) -> None:
        """Take from cubes (batches of [B, n, n, n]) what is known in closed form, before training."""
        logs, coefficients = [], []
        for density in batches:
            logs.append(log_means(density))
            coefficients.append(self.linear.coefficients(relative(density)))
        all_logs = torch.cat(logs)
        self.log_mean.copy_(torch.stack((all_logs.mean(), all_logs.std().clamp_min(0.1))))
        self.begin.copy_(self.linear.fit(torch.cat(coefficients), first=1, beta=beta))
        self.begin[0] = -math.log1p(2 * N**3 * float(self.log_mean[1]) ** 2 / max(beta, 1e-6))

    @torch.jit.export
    def encode(self, density: Tensor) -> tuple[Tensor, Tensor]:
        """density [B, 30, 30, 30] to mu and log variance of q(z|M), each [B, latent_dim]."""
        centred = self.linear.coefficients(relative(density)) - self.linear.centre
        mu, logvar = self.encoder(centred).float().chunk(2, 1)
        mu = mu + self.linear.encode(centred)
        scale = (log_means(density) - self.log_mean[0]) / self.log_mean[1]
        return torch.cat((scale[:, None], mu[:, 1:]), 1), logvar + self.begin

    @torch.jit.export
    def decode(self, z: Tensor) -> Tensor:
        """z [B, latent_dim] to the density M̂ [B, 30, 30, 30] of Eq. (4)."""
        coefficients = self.linear.decode(z) + self.decoder(z).float() + self.linear.centre
        density = torch.relu(self.linear.density(coefficients))
        return density * (self.log_mean[0] + self.log_mean[1] * z[:, 0]).exp()[:, None, None, None]

    @torch.jit.ignore
    def error(self, decoded: Tensor, density: Tensor) -> Tensor:
        """Mean over voxels of the squared error, in units of each cube's true mean."""
        return relative_error(decoded, density)


def relative(density: Tensor) -> Tensor:
    """Densities [B, n, n, n], each divided by its mean."""
    return density / log_means(density).exp()[:, None, None, None]


def relative_error(decoded: Tensor, density: Tensor) -> Tensor:
    """Mean over voxels of the squared error of densities [B, n, n, n], in units of each cube's true mean."""
    scale = log_means(density).exp()[:, None, None, None]
    return ((decoded - density) / scale).square().mean()


def log_means(density: Tensor) -> Tensor:
    """[B, n, n, n] to the logarithm of each cube's mean; an empty cube is given a very small one."""
    return density.mean((1, 2, 3)).clamp_min(1e-6).log()
