"""crystalgrid: periodic crystals to Gaussian density grids, to latent vectors, and back to atoms."""

from importlib.metadata import PackageNotFoundError, version

from .atoms import Atoms, find_atoms
from .crystal import Crystal, CrystalBatch, pack
from .density import voxelize
from .errors import InputError
from .grid import Grid
from .species import label_species

try:
    __version__ = version("crystalgrid")
except PackageNotFoundError:  # imported from a checkout that was not installed
    __version__ = "0"


def __getattr__(name: str):  # noqa: ANN202
    """`read` and `load` are imported when first used: one brings pymatgen, the other the networks."""
    if name == "read":
        from .read import read

        return read
    if name == "load":
        from .model import load

        return load
    raise AttributeError(f"module 'crystalgrid' has no attribute {name!r}")


__all__ = [
    "Atoms", "Crystal", "CrystalBatch", "Grid", "InputError", "find_atoms", "label_species", "load", "pack", "read", "voxelize",
]  # fmt: skip
