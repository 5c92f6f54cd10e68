"""crystalgrid: periodic crystals to Gaussian density grids, to latent vectors, and back to atoms."""

from importlib.metadata import PackageNotFoundError, version

from .atoms import Atoms, find_atoms
from .crystal import Crystal, CrystalBatch
from .density import voxelize
from .errors import InputError
from .grid import Grid
from .read import read
from .species import label_species

try:
    __version__ = version("crystalgrid")
except PackageNotFoundError:  # imported from a checkout that was not installed
    __version__ = "0"


def __getattr__(name: str):
    """`load` is imported when first used: it brings the networks."""
    if name == "load":
        from .model import load

        return load
    raise AttributeError(f"module 'crystalgrid' has no attribute {name!r}")


__all__ = [
    "Atoms", "Crystal", "CrystalBatch", "Grid", "InputError", "find_atoms", "label_species", "load", "read", "voxelize",
]  # fmt: skip
