"""The pair of networks that a model is."""

import torch
from torch import Tensor, nn

from .unet import UNet
from .vae import VAE


class CrystalNet(nn.Module):
    """VAE and U-Net; the module that is trained, exported and sampled from. Densities are Eq. (1) in 1/Å^3 throughout.

    encoder, decoder, unet: channels, see `Encoder`, `Decoder` and `UNet`. relative, waves: see `VAE` and `UNet`.
    together: see `segment`.
    """

    def __init__(
        self,
        encoder: tuple[int, ...],
        decoder: tuple[int, ...],
        unet: tuple[int, ...],
        latent_dim: int = 300,
        relative: bool = False,
        waves: int = 0,
        together: bool = False,
    ) -> None:
        super().__init__()
        self.together = together
        self.vae = VAE(encoder, decoder, latent_dim, relative, waves)
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
        """density [B, n, n, n] to species, uint8, 0 or Z, and the softmax probability of that class, both [B, n, n, n].

        The likeliest of the 95 classes (section 4.2.2). With `together`, a voxel has an atom if the species together
        are likelier than none, and then the likeliest species, so that where several compete the atom is not lost.
        """
        features = self.unet.features(density)
        species = torch.empty(density.shape, dtype=torch.uint8, device=density.device)
        confidence = torch.empty(density.shape, dtype=torch.float32, device=density.device)
        for b in range(len(density)):  # 95 numbers per voxel are held for one cube at a time
            logits = self.unet.classify(features[b : b + 1])[0].float()
            best, index = logits[1:].max(0)
            none, any_atom = logits[0], logits[1:].logsumexp(0)
            is_atom = (any_atom if self.together else best) > none
            species[b] = torch.where(is_atom, index + 1, 0).to(torch.uint8)
            confidence[b] = (torch.where(is_atom, best, none) - torch.logaddexp(any_atom, none)).exp()
        return species, confidence
