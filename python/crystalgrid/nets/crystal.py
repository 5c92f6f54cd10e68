"""The pair of networks that a model is."""

import torch
from torch import Tensor, nn

from .unet import UNet
from .vae import VAE
from .wave_vae import WaveVAE


class CrystalNet(nn.Module):
    """VAE and U-Net; the module that is trained, exported and sampled from. Densities are Eq. (1) in 1/Å^3 throughout.

    unet: channels, see `UNet`. waves: 0 for the networks of the paper, where encoder and decoder are channels (see
    `Encoder` and `Decoder`); else those that know the physics, with so many waves per axis (see `WaveVAE`).
    """

    def __init__(
        self,
        encoder: tuple[int, ...],
        decoder: tuple[int, ...],
        unet: tuple[int, ...],
        latent_dim: int = 300,
        waves: int = 0,
    ) -> None:
        super().__init__()
        self.vae = WaveVAE(encoder, decoder, latent_dim, waves) if waves else VAE(encoder, decoder, latent_dim)
        self.unet = UNet(unet, physics=waves > 0)

    @torch.jit.export
    def encode(self, density: Tensor) -> tuple[Tensor, Tensor]:
        """density [B, 30, 30, 30] to mu and log variance, each [B, latent_dim]."""
        return self.vae.encode(density)

    @torch.jit.export
    def decode(self, z: Tensor) -> Tensor:
        """z [B, latent_dim] to density [B, 30, 30, 30]."""
        return self.vae.decode(z)

    @torch.jit.export
    def segment(self, density: Tensor) -> tuple[Tensor, Tensor]:
        """density [B, n, n, n] to species, uint8, 0 or Z, and the probability of that, both [B, n, n, n]."""
        return self.unet.segment(density)
