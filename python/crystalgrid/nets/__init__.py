"""The networks: tensors in, tensors out; every module can be compiled by `torch.jit.script` as it stands."""

from .atom_vae import AtomVAE
from .crystal import CrystalNet
from .lattice_vae import LatticeVAE
from .unet import UNet
from .vae import VAE
from .wave_vae import WaveVAE

__all__ = ["VAE", "AtomVAE", "CrystalNet", "LatticeVAE", "UNet", "WaveVAE"]
