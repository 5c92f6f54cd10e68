"""The variational autoencoder of section 8.1: a density of 30³ voxels to a latent vector and back."""

import torch
from torch import Tensor, nn

N = 30
"""Voxels along each side that the networks are made for."""


def conv_block(inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0) -> list[nn.Module]:
    """Convolution, batch normalisation, LeakyReLU (section 3.2)."""
    conv = nn.Conv3d(inputs, outputs, kernel, stride, padding, bias=False)  # the normalisation has the bias
    return [conv, nn.BatchNorm3d(outputs), nn.LeakyReLU(inplace=True)]


class Encoder(nn.Module):
    """Section 8.1.1, convolutions without padding: 30³ → 13³ → 11³ → 9³ → 4³ → mu and log variance.

    channels: of the four convolutions; (16, 32, 64, 128) in the paper.
    extra: numbers per cube that join the flattened features before the last layer.
    """

    def __init__(self, channels: tuple[int, ...], latent_dim: int, extra: int = 0) -> None:
        super().__init__()
        a, b, c, d = channels
        self.convs = nn.Sequential(
            *conv_block(1, a, 5, stride=2), *conv_block(a, b, 3), *conv_block(b, c, 3), *conv_block(c, d, 3, stride=2)
        )
        self.latent = nn.Linear(d * 4**3 + extra, 2 * latent_dim)

    def forward(self, density: Tensor, extra: Tensor) -> tuple[Tensor, Tensor]:
        """density [B, 30, 30, 30] and extra [B, extra] to mu and log variance, each [B, latent_dim]."""
        features = self.convs(density.unsqueeze(1)).flatten(1)
        mu, logvar = self.latent(torch.cat((features, extra.to(features.dtype)), 1)).float().chunk(2, 1)
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
            last := nn.Conv3d(d, 1, 4),
            nn.ReLU(),
        )
        nn.init.ones_(last.get_parameter("bias"))  # about the mean density; all below zero, it never learns

    def forward(self, z: Tensor) -> Tensor:
        """z [B, latent_dim] to a density [B, 30, 30, 30], not negative."""
        return self.convs(self.start(z)).squeeze(1).float()


class VAE(nn.Module):
    """Encoder and decoder; densities outside are always Eq. (1), in 1/Å^3.

    With `relative`, the networks inside see each cube divided by its mean density, so that a crystal of hydrogen counts
    as much as one of uranium. The logarithm of the mean goes into the latent vector and comes back out of it.
    """

    def __init__(
        self, encoder: tuple[int, ...], decoder: tuple[int, ...], latent_dim: int = 300, relative: bool = False
    ) -> None:
        super().__init__()
        self.relative = relative
        self.encoder = Encoder(encoder, latent_dim, extra=1 if relative else 0)
        self.decoder = Decoder(decoder, latent_dim)
        self.log_mean = nn.Linear(latent_dim, 1) if relative else nn.Identity()

    @torch.jit.export
    def encode(self, density: Tensor) -> tuple[Tensor, Tensor]:
        """density [B, 30, 30, 30] to mu and log variance of q(z|M), each [B, latent_dim]."""
        if not self.relative:
            return self.encoder(density, density.new_zeros(len(density), 0))
        mean = density.mean((1, 2, 3)).clamp_min(1e-6)  # an empty cube has no scale of its own
        return self.encoder(density / mean[:, None, None, None], mean.log()[:, None])

    @torch.jit.export
    def decode(self, z: Tensor) -> Tensor:
        """z [B, latent_dim] to the density M̂ [B, 30, 30, 30] of Eq. (4)."""
        density = self.decoder(z)
        return density * self.log_mean(z).float().exp()[:, :, None, None] if self.relative else density
