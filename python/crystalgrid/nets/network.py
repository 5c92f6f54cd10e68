"""The pair of networks that a model is."""

import torch
from torch import Tensor, nn

from .autoencoders.atoms import AtomVAE
from .autoencoders.lattice import LatticeVAE
from .autoencoders.paper import VAE
from .autoencoders.waves import WaveVAE
from .generators.cell_flow import CellFlow
from .generators.latent_flow import LatentFlow
from .segmentation.unet import UNet


class CrystalNet(nn.Module):
    """VAE and U-Net; the module that is trained, exported and sampled from. Densities are Eq. (1) in 1/Å^3 throughout.

    unet: channels, see `UNet`. waves: 0 for the networks of the paper, where encoder and decoder are channels (see
    `Encoder` and `Decoder`); else those that know the physics, with so many waves per axis (see `WaveVAE`).
    periodic, atomic: the autoencoders that know that crystals repeat, and that all atoms are in the cube (see
    `LatticeVAE` and `AtomVAE`), which have no layers.
    prior: widths of the prior; empty where draws are the VAE's own N(0, 1). It is a `LatentFlow` over latent vectors
    or, where the autoencoder knows a crystal's latent vector, a `CellFlow` over crystals of at most `atoms` atoms.
    """

    def __init__(
        self,
        unet: tuple[int, ...],
        encoder: tuple[int, ...] = (),
        decoder: tuple[int, ...] = (),
        latent_dim: int = 300,
        waves: int = 0,
        periodic: bool = False,
        atomic: bool = False,
        prior: tuple[int, ...] = (),
        atoms: int = 0,
    ) -> None:
        super().__init__()
        self.vae: LatticeVAE | AtomVAE | WaveVAE | VAE
        if periodic:
            self.vae = LatticeVAE(latent_dim)
        elif atomic:
            self.vae = AtomVAE(latent_dim)
        elif waves:
            self.vae = WaveVAE(encoder, decoder, latent_dim, waves)
        else:
            self.vae = VAE(encoder, decoder, latent_dim)
        exact = periodic or atomic
        self.unet = UNet(unet, physics=exact or waves > 0, exact=exact)
        self.flow = LatentFlow(latent_dim, prior) if prior and not exact else None
        self.cells = CellFlow(latent_dim, prior, atoms) if prior and exact else None

    @property
    def has_prior(self) -> bool:
        """Whether one was learned."""
        return self.flow is not None or self.cells is not None

    @torch.jit.export
    def encode(self, density: Tensor) -> tuple[Tensor, Tensor]:
        """density [B, 30, 30, 30] to mu and log variance, each [B, latent_dim]."""
        return self.vae.encode(density)

    @torch.jit.export
    def prior(self, noise: Tensor) -> Tensor:
        """noise ~ N(0, 1) to latent vectors, both [B, latent_dim]: the noise itself where no prior was learned."""
        if self.cells is not None:
            lattice, places, numbers = self.cells(noise)
            return self.vae.of_cells(lattice, places, numbers)  # type: ignore[operator]
        return noise if self.flow is None else self.flow(noise)

    @torch.jit.export
    def decode(self, z: Tensor) -> Tensor:
        """z [B, latent_dim] to density [B, 30, 30, 30]."""
        return self.vae.decode(z)

    @torch.jit.export
    def segment(self, density: Tensor) -> tuple[Tensor, Tensor]:
        """density [B, n, n, n] to species, uint8, 0 or Z, and the probability of that, both [B, n, n, n]."""
        return self.unet.segment(density)
