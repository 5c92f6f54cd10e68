"""The variational autoencoder of section 8.1: a density of 30³ voxels to a latent vector and back."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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
    """Encoder and decoder of section 8.1, on densities as they are, in 1/Å^3."""

    def __init__(self, encoder: tuple[int, ...], decoder: tuple[int, ...], latent_dim: int = 300) -> None:
        super().__init__()
        self.encoder = Encoder(encoder, latent_dim)
        self.decoder = Decoder(decoder, latent_dim)

    @torch.jit.export
    def encode(self, density: Tensor) -> tuple[Tensor, Tensor]:
        """density [B, 30, 30, 30] to mu and log variance of q(z|M), each [B, latent_dim]."""
        return self.encoder(density)

    @torch.jit.export
    def decode(self, z: Tensor) -> Tensor:
        """z [B, latent_dim] to the density M̂ [B, 30, 30, 30] of Eq. (4)."""
        return torch.relu(self.decoder(z))

    @torch.jit.ignore
    def error(self, decoded: Tensor, density: Tensor) -> Tensor:
        """Mean over voxels of the squared error (Eq. 2)."""
        return F.mse_loss(decoded, density)
