"""The interface of every generator, from noise to latent vectors or to unit cells that an autoencoder encodes."""

from typing import ClassVar

from torch import nn


class Generator(nn.Module):
    """A learned map from noise ~ N(0, 1), [B, latent_dim], to crystals, as `forward`.

    A kind is a subclass with a line in `GENERATORS`. Its constructor takes latent_dim, and by name the sizes below.
    """

    __constants__ = ("draws_cells",)  # a condition on it is decided when TorchScript compiles
    draws_cells: bool = False
    """True if `forward` returns lattices [B, 3, 3], fractional coordinates [B, K, 3] and numbers [B, K]; False if z."""
    sizes: ClassVar[tuple[str, ...]] = ("widths",)
    """The names of the constructor's arguments, which files record."""
