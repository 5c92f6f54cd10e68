"""crystalgrid: periodic crystals to Gaussian density grids, to latent vectors, and back to atoms."""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .atoms import Atoms, find_atoms
    from .crystal import Crystal, CrystalBatch
    from .data.reader import read
    from .density import voxelize
    from .errors import InputError
    from .fit import fit_atoms
    from .grid import Grid
    from .model import load
    from .recovery import Recovered, recover
    from .species import label_species

try:
    __version__ = version("crystalgrid")
except PackageNotFoundError:  # imported from a checkout that was not installed
    __version__ = "0"

_MODULES = {
    "Atoms": "atoms", "Crystal": "crystal", "CrystalBatch": "crystal", "Grid": "grid", "InputError": "errors",
    "Recovered": "recovery", "find_atoms": "atoms", "fit_atoms": "fit", "label_species": "species", "load": "model",
    "read": "data.reader", "recover": "recovery", "voxelize": "density",
}  # fmt: skip
__all__ = [
    "Atoms", "Crystal", "CrystalBatch", "Grid", "InputError", "Recovered", "find_atoms", "fit_atoms",
    "label_species", "load", "read", "recover", "voxelize",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Names are imported when first used, so that a command can answer before torch is loaded."""
    if name not in _MODULES:
        raise AttributeError(f"module 'crystalgrid' has no attribute {name!r}")
    value = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    globals()[name] = value
    return value
