"""A search for models by name or path: released models, training runs and exported files."""

from pathlib import Path

from ..errors import InputError
from ..files import as_path
from ..nets.network import CrystalNet
from .checkpoint import best, checkpoint_of, last, load_run, read_checkpoint
from .generator_info import Info, Networks, the_autoencoder
from .metadata import RunInfo
from .released import WEIGHTS, load_released, released_info, released_models


def find_model(source: Path | str) -> Path:
    """Return the file or folder of a model, given its path or the name of a released model.

    Raises InputError if there is no such path or name.
    """
    path = as_path("model", source)
    if str(source) in released_models() and not _holds_model(path):
        return released_models()[str(source)]
    if path.exists():
        return path
    names = ", ".join(released_models()) or "none"
    raise InputError(f"{source}: no such file, run folder or released model (released: {names})")


def is_exported(path: Path) -> bool:
    """Return whether a path that `find_model` returned is an exported file, whose networks cannot be trained."""
    return not path.is_dir() and path.suffix != ".ckpt"


def load_networks(path: Path) -> tuple[Networks, Info]:
    """Return the networks of either kind and the description of their run, from a run's or a released model's path."""
    return load_released(path) if (path / WEIGHTS).is_file() else load_run(path)


def load_trained(path: Path) -> tuple[CrystalNet, RunInfo]:
    """Return an autoencoder with its U-Net and the description of the run, from the path of either.

    Raises InputError for a generator of crystals.
    """
    return the_autoencoder(load_networks(path), str(path))


def load_info(source: str) -> Info:
    """Return the description of a run or a released model by name or path, without its networks."""
    path = find_model(source)
    if (path / WEIGHTS).is_file():
        return released_info(path)
    return read_checkpoint(checkpoint_of(path)).info


def load_learner(source: str) -> tuple[Networks, Info]:
    """Return networks to train further and their run, by name or path.

    Raises InputError as `find_model` does, and for exported files.
    """
    path = find_model(source)
    if is_exported(path):
        raise InputError(f"{source}: wanted a training run or a released model, as an exported one cannot learn")
    return load_networks(path)


def _holds_model(path: Path) -> bool:
    """Return whether a path is a file, or a folder with weights; other folders do not hide a released model."""
    return path.is_file() or any(file.is_file() for file in (path / WEIGHTS, best(path), last(path)))
