"""The networks: tensors in, tensors out; every module can be compiled by `torch.jit.script` as it stands."""

from .autoencoders.atoms import AtomVAE
from .autoencoders.lattice import LatticeVAE
from .autoencoders.paper import VAE
from .autoencoders.waves import WaveVAE
from .network import CrystalNet
from .segmentation.unet import UNet

__all__ = ["VAE", "AtomVAE", "CrystalNet", "LatticeVAE", "UNet", "WaveVAE"]
