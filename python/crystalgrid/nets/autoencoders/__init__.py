"""The autoencoders, from a density of 30³ voxels to a latent vector and back. A new kind is one file and one line."""

from .atoms import AtomAutoencoder
from .base import Autoencoder
from .blur_modes import BlurModeAutoencoder
from .lattice import LatticeAutoencoder
from .paper import PaperAutoencoder

AUTOENCODERS: dict[str, type[Autoencoder]] = {
    "paper": PaperAutoencoder,
    "blur_modes": BlurModeAutoencoder,
    "lattice": LatticeAutoencoder,
    "atoms": AtomAutoencoder,
}
"""The kinds of autoencoders, by their names in recipes."""
