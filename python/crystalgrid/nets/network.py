"""The networks of a model as one module."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from .autoencoders.base import Autoencoder
from .generators import GENERATORS
from .generators.base import Generator
from .segmentation.unet import UNet


class CrystalNet(nn.Module):
    """An autoencoder, a U-Net and perhaps a generator: the module that is trained, exported and sampled from.

    Densities are Eq. (1) in 1/Å³ throughout. Without a generator, latent vectors are drawn from N(0, 1).
    """

    def __init__(self, autoencoder: Autoencoder, unet: UNet, generator: Generator | None = None) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        self.unet = unet
        self.generator = generator

    @torch.jit.export
    def encode(self, density: Tensor) -> tuple[Tensor, Tensor]:
        """Return mu and log variance of z, each [B, latent_dim], of densities [B, 30, 30, 30]."""
        return self.autoencoder.encode(density)

    @torch.jit.export
    def prior(self, noise: Tensor) -> Tensor:
        """Return latent vectors of noise ~ N(0, 1), both [B, latent_dim]: the noise itself without a generator."""
        if self.generator is None:
            return noise
        if self.generator.draws_cells:
            lattice, frac_coords, numbers = self.generator(noise)
            return self.autoencoder.encode_cells(lattice, frac_coords, numbers)
        z: Tensor = self.generator(noise)
        return z

    @torch.jit.export
    def decode(self, z: Tensor) -> Tensor:
        """Return densities [B, 30, 30, 30] of latent vectors z [B, latent_dim]."""
        return self.autoencoder.decode(z)

    @torch.jit.export
    def segment(self, density: Tensor) -> tuple[Tensor, Tensor]:
        """Return species, uint8, 0 or Z, and their probability, both [B, n, n, n], of densities [B, n, n, n]."""
        return self.unet.segment(density)


def generator_kind(autoencoder: type[Autoencoder]) -> str:
    """Return the name in `GENERATORS` of the generator that fits an autoencoder of this kind."""
    return "cells" if autoencoder.encodes_cells else "latent"


def build_network(
    autoencoder: Autoencoder, unet: tuple[int, ...], generator: Mapping[str, Any] | None = None
) -> CrystalNet:
    """Return untrained networks for an autoencoder.

    unet: channels of the U-Net's levels. generator: the generator's `sizes` by name, among other things; None or none
    of them: there is no generator.
    """
    network = CrystalNet(autoencoder, UNet(unet, autoencoder.unet_input))
    if generator and generator.get("widths"):
        kind = GENERATORS[generator_kind(type(autoencoder))]
        network.generator = kind(autoencoder.latent_dim, **{size: generator[size] for size in kind.sizes})
    return network
