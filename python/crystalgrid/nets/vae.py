"""The variational autoencoder of section 8.1: a density of 30³ voxels to a latent vector and back."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from .linear import LinearPart

N = 30
"""Voxels along each side that the networks are made for."""


def conv_block(inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0) -> list[nn.Module]:
    """Convolution, batch normalisation, LeakyReLU (section 3.2)."""
    conv = nn.Conv3d(inputs, outputs, kernel, stride, padding, bias=False)  # the normalisation has the bias
    return [conv, nn.BatchNorm3d(outputs), nn.LeakyReLU(inplace=True)]


class Encoder(nn.Module):
    """Section 8.1.1, convolutions without padding: 30³ → 13³ → 11³ → 9³ → 4³ → mu and log variance.

    channels: of the four convolutions; (16, 32, 64, 128) in the paper.
    """

    def __init__(self, channels: tuple[int, ...], latent_dim: int) -> None:
        super().__init__()
        a, b, c, d = channels
        self.convs = nn.Sequential(
            *conv_block(1, a, 5, stride=2), *conv_block(a, b, 3), *conv_block(b, c, 3), *conv_block(c, d, 3, stride=2)
        )
        self.latent = nn.Linear(d * 4**3, 2 * latent_dim)
        nn.init.constant_(self.latent.bias[latent_dim:], -6.0)  # begins as an autoencoder: noise of 5 % drowns nothing

    def forward(self, density: Tensor) -> tuple[Tensor, Tensor]:
        """density [B, 30, 30, 30] to mu and log variance, each [B, latent_dim]."""
        mu, logvar = self.latent(self.convs(density.unsqueeze(1)).flatten(1)).float().chunk(2, 1)
        return mu, logvar


class Decoder(nn.Module):
    """Section 8.1.2, padded so that it ends at 30³: 5³ → 10³ (14³) → 10³ → 20³ (22³) → 18³ → 36³ → 33³ → 30³.

    Upsampling and convolution instead of transposed convolution, which leaves checkerboards (section 3.2).
    channels: of the 5³ grid and of the next three convolutions; (128, 64, 32, 16) in the paper.
    """

    def __init__(self, channels: tuple[int, ...], latent_dim: int) -> None:
        super().__init__()
        a, b, c, d = channels
        self.start = nn.Linear(latent_dim, a * 5**3)
        self.convs = nn.Sequential(
            nn.Unflatten(1, (a, 5, 5, 5)),
            nn.Upsample(scale_factor=2.0, mode="trilinear"),
            nn.ReplicationPad3d(2),
            *conv_block(a, b, 5),
            nn.Upsample(scale_factor=2.0, mode="trilinear"),
            nn.ReplicationPad3d(1),
            *conv_block(b, c, 5),
            nn.Upsample(scale_factor=2.0, mode="trilinear"),
            *conv_block(c, d, 4),
        )
        self.last = nn.Conv3d(d, 1, 4)
        nn.init.ones_(self.last.get_parameter("bias"))  # about the mean density; below zero, its ReLU would never learn

    def forward(self, z: Tensor) -> Tensor:
        """z [B, latent_dim] to a density [B, 30, 30, 30] that the last ReLU has yet to cut at zero."""
        return self.last(self.convs(self.start(z))).squeeze(1).float()


class VAE(nn.Module):
    """Encoder and decoder; densities outside are always Eq. (1), in 1/Å^3.

    relative: encoder and decoder see each cube divided by its mean density, so that a crystal of hydrogen counts as
    much as one of uranium. The first number of the latent vector is then the logarithm of that mean, standardised.
    waves: with a linear part of so many cosines per axis (`LinearPart`), to which the networks add; 0 for none.
    """

    def __init__(
        self,
        encoder: tuple[int, ...],
        decoder: tuple[int, ...],
        latent_dim: int = 300,
        relative: bool = False,
        waves: int = 0,
    ) -> None:
        super().__init__()
        self.relative = relative
        self.waves = waves
        self.encoder = Encoder(encoder, latent_dim)
        self.decoder = Decoder(decoder, latent_dim)
        self.linear = LinearPart(N, waves, latent_dim)
        self.log_mean: Tensor
        self.register_buffer("log_mean", torch.tensor([0.0, 1.0]))  # mean and standard deviation over the crystals

    @torch.jit.ignore
    def fit(self, batches: Iterable[Tensor], beta: float) -> None:
        """Take from cubes (batches of [B, n, n, n]) what is known in closed form, before training."""
        logs, coefficients = [], []
        for density in batches:
            logs.append(log_means(density))
            coefficients.append(self.linear.coefficients(self.scaled(density)))
        if self.relative:
            all_logs = torch.cat(logs)
            self.log_mean.copy_(torch.stack((all_logs.mean(), all_logs.std().clamp_min(0.1))))
        if self.waves:
            logvar = self.linear.fit(torch.cat(coefficients), int(self.relative), beta)
            if self.relative:
                logvar[0] = -math.log1p(2 * N**3 * float(self.log_mean[1]) ** 2 / max(beta, 1e-6))
            self._begin_as_linear(logvar)

    def _begin_as_linear(self, logvar: Tensor) -> None:
        """Let the networks add nothing to the linear part until they have learned what."""
        latent, last = self.encoder.latent, self.decoder.last
        for parameter in (latent.weight, latent.bias, *last.parameters()):
            nn.init.zeros_(parameter)
        latent.bias.data[len(logvar) :] = logvar

    def scaled(self, density: Tensor) -> Tensor:
        """What the networks see of densities [B, n, n, n]."""
        return density / log_means(density).exp()[:, None, None, None] if self.relative else density

    @torch.jit.export
    def encode(self, density: Tensor) -> tuple[Tensor, Tensor]:
        """density [B, 30, 30, 30] to mu and log variance of q(z|M), each [B, latent_dim]."""
        scaled = self.scaled(density)
        mu, logvar = self.encoder(scaled)
        if self.waves > 0:
            mu = mu + self.linear.encode(scaled)
        if self.relative:
            scale = (log_means(density) - self.log_mean[0]) / self.log_mean[1]
            mu = torch.cat((scale[:, None], mu[:, 1:]), 1)
        return mu, logvar

    @torch.jit.export
    def decode(self, z: Tensor) -> Tensor:
        """z [B, latent_dim] to the density M̂ [B, 30, 30, 30] of Eq. (4)."""
        density = self.decoder(z)
        if self.waves > 0:
            density = density + self.linear.decode(z)
        density = torch.relu(density)
        if self.relative:
            density = density * (self.log_mean[0] + self.log_mean[1] * z[:, 0]).exp()[:, None, None, None]
        return density


def log_means(density: Tensor) -> Tensor:
    """[B, n, n, n] to the logarithm of each cube's mean; an empty cube is given a very small one."""
    return density.mean((1, 2, 3)).clamp_min(1e-6).log()
