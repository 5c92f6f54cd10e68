"""The pair of networks that a model is."""

import torch
from torch import Tensor, nn

from .unet import UNet
from .vae import VAE


class CrystalNet(nn.Module):
    """VAE and U-Net; the module that is trained, exported and sampled from. Densities are Eq. (1) in 1/Å^3 throughout.

    encoder, decoder, unet: channels, see `Encoder`, `Decoder` and `UNet`. relative: see `VAE` and `UNet`.
    """

    def __init__(
        self,
        encoder: tuple[int, ...],
        decoder: tuple[int, ...],
        unet: tuple[int, ...],
        latent_dim: int = 300,
        relative: bool = False,
    ) -> None:
        super().__init__()
        self.vae = VAE(encoder, decoder, latent_dim, relative)
        self.unet = UNet(unet, relative)

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
        """density [B, n, n, n] to the likeliest class, uint8, and its softmax probability, both [B, n, n, n]."""
        features = self.unet.features(density)
        species = torch.empty(density.shape, dtype=torch.uint8, device=density.device)
        confidence = torch.empty(density.shape, dtype=torch.float32, device=density.device)
        for b in range(len(density)):  # 95 numbers per voxel are held for one cube at a time
            logits = self.unet.classify(features[b : b + 1])[0].float()
            best, index = logits.max(0)
            species[b] = index.to(torch.uint8)
            confidence[b] = (best - logits.logsumexp(0)).exp()
        return species, confidence
