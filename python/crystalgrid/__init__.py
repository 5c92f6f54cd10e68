"""crystalgrid: periodic crystals to Gaussian density grids, to latent vectors, and back to atoms."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for type checkers and editors; `_MODULES` says the same at run time
    from .atoms import Atoms as Atoms
    from .atoms import find_atoms as find_atoms
    from .crystal import Crystal as Crystal
    from .crystal import CrystalBatch as CrystalBatch
    from .data.reader import read as read
    from .density import voxelize as voxelize
    from .errors import InputError as InputError
    from .fit import fit_atoms as fit_atoms
    from .generation.generate import generate as generate
    from .grid import Grid as Grid
    from .model import load as load
    from .recovery import Recovered as Recovered
    from .recovery import recover as recover
    from .species import label_species as label_species
    from .worth.check import check as check
    from .worth.references import energy_above_hull as energy_above_hull
    from .worth.relax import relax as relax

    __version__: str

_MODULES = {
    "Atoms": "atoms", "Crystal": "crystal", "CrystalBatch": "crystal", "Grid": "grid", "InputError": "errors",
    "Recovered": "recovery", "check": "worth.check", "energy_above_hull": "worth.references",
    "find_atoms": "atoms", "fit_atoms": "fit",
    "generate": "generation.generate", "label_species": "species", "load": "model", "read": "data.reader",
    "recover": "recovery", "relax": "worth.relax", "voxelize": "density",
}  # fmt: skip
"""The module that each public name is imported from when it is first used."""

__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    """Import a name when it is first used, so that a command can answer before torch is loaded."""
    if name == "__version__":
        value: Any = _version()
    elif name in _MODULES:
        value = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    else:
        raise AttributeError(f"module 'crystalgrid' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names alone."""
    return sorted([*_MODULES, "__version__"])


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("crystalgrid")
    except PackageNotFoundError:  # imported from a checkout that was not installed
        return "0"
