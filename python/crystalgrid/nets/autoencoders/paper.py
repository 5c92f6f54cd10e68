"""The variational autoencoder of section 8.1, with convolutions from 30³ voxels to a latent vector and back."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...errors import InputError
from ..layers import Upsample, conv_block
from .base import Autoencoder, AutoencoderConfig


@dataclass(frozen=True, kw_only=True)
class PaperConfig(AutoencoderConfig):
    """The sizes of a `PaperAutoencoder`.

    encoder: channels of the encoder's four convolutions; (16, 32, 64, 128) in the paper.
    decoder: channels of the decoder's 5³ grid and of its next three convolutions; (128, 64, 32, 16) in the paper.
    """

    encoder: tuple[int, ...]
    decoder: tuple[int, ...]

    def check(self) -> None:
        super().check()
        for key, channels in (("encoder", self.encoder), ("decoder", self.decoder)):
            if len(channels) != 4:
                raise InputError(f"{key} must have four channel numbers, got {len(channels)}")


class Encoder(nn.Module):
    """The encoder of section 8.1.1, without padding: 30³ → 13³ → 11³ → 9³ → 4³ → mu and log variance."""

    def __init__(self, channels: tuple[int, ...], latent_dim: int) -> None:
        super().__init__()
        a, b, c, d = channels
        self.convs = nn.Sequential(
            *conv_block(1, a, 5, stride=2), *conv_block(a, b, 3), *conv_block(b, c, 3), *conv_block(c, d, 3, stride=2)
        )
        self.latent = nn.Linear(d * 4**3, 2 * latent_dim)
        nn.init.constant_(self.latent.bias[latent_dim:], -6.0)  # noise of 5 % at first, which hides nothing

    def forward(self, density: Tensor) -> tuple[Tensor, Tensor]:
        """Return mu and log variance, each [B, latent_dim], of densities [B, 30, 30, 30]."""
        mu, logvar = self.latent(self.convs(density.unsqueeze(1)).flatten(1)).float().chunk(2, 1)
        return mu, logvar


class Decoder(nn.Module):
    """The decoder of section 8.1.2: 5³ → 10³ (14³) → 10³ → 20³ (22³) → 18³ → 36³ → 33³ → 30³.

    Sizes after padding are in brackets; it makes the output 30³. The decoder upsamples and convolves, since transposed
    convolutions leave checkerboards (section 3.2).
    """

    def __init__(self, channels: tuple[int, ...], latent_dim: int) -> None:
        super().__init__()
        a, b, c, d = channels
        self.start = nn.Linear(latent_dim, a * 5**3)
        self.convs = nn.Sequential(
            nn.Unflatten(1, (a, 5, 5, 5)),
            Upsample(),
            nn.ReplicationPad3d(2),
            *conv_block(a, b, 5),
            Upsample(),
            nn.ReplicationPad3d(1),
            *conv_block(b, c, 5),
            Upsample(),
            *conv_block(c, d, 4),
        )
        self.last = nn.Conv3d(d, 1, 4)
        nn.init.ones_(
            self.last.get_parameter("bias")
        )  # the output begins near the mean density, as the ReLU has no gradient below zero

    def forward(self, z: Tensor) -> Tensor:
        """Return densities [B, 30, 30, 30] of z [B, latent_dim], before the last ReLU cuts them at zero."""
        density: Tensor = self.last(self.convs(self.start(z))).squeeze(1).float()
        return density


class PaperAutoencoder(Autoencoder):
    """The encoder and decoder of section 8.1, on densities as they are, in 1/Å³."""

    config = PaperConfig

    def __init__(self, config: PaperConfig) -> None:
        super().__init__(config)
        self.encoder = Encoder(config.encoder, config.latent_dim)
        self.decoder = Decoder(config.decoder, config.latent_dim)

    @torch.jit.export
    def encode(self, density: Tensor) -> tuple[Tensor, Tensor]:
        posterior: tuple[Tensor, Tensor] = self.encoder(density)
        return posterior

    @torch.jit.export
    def decode(self, z: Tensor) -> Tensor:
        return torch.relu(self.decoder(z))
