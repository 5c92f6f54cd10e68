"""Checkpoints of a training run: written whole, read with a clear word when they are not what they should be."""

import io
import pickle
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError
from ..files import written_whole
from ..nets.network import CrystalNet
from .recipe import recipe_from
from .state_names import state_from_file

FORMAT = 1
KEY = "crystalgrid"
"""Where a checkpoint says what it is: format, recipe, mode, grid, data, seed, versions, step, seconds."""
UNREADABLE = (
    zipfile.BadZipFile, zlib.error, pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError, KeyError,
)  # fmt: skip
"""What is thrown for a file that is no checkpoint."""


def last(run: Path) -> Path:
    """Where a run keeps its latest state."""
    return run / "checkpoints" / "last.ckpt"


def best(run: Path) -> Path:
    """Where a run keeps the state with the lowest validation loss."""
    return run / "checkpoints" / "best.ckpt"


def write_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint, which appears under its name whole or not at all."""
    with written_whole(path) as temporary:
        memory = io.BytesIO()  # what torch throws where a disk is full says nothing of it
        torch.save(content, memory)
        temporary.write_bytes(memory.getbuffer())


def weights_of(checkpoint: dict[str, Any]) -> dict[str, Tensor]:
    """Return the weights of the networks in a checkpoint, by their names in files."""
    return {name.removeprefix("net."): value for name, value in checkpoint["state_dict"].items()}


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint on the CPU; raises InputError when it is missing, truncated, of another format or not ours."""
    if not path.is_file():
        raise InputError(f"{path}: no such checkpoint")
    try:
        with zipfile.ZipFile(path) as archive:
            altered = archive.testzip()  # torch does not look at the archive's CRCs
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        reason = str(error).partition("\n")[0][:80] or type(error).__name__
        raise InputError(f"{path}: not a checkpoint, or a truncated one ({reason})") from None
    if altered is not None:
        raise InputError(f"{path}: damaged or altered (the CRC of {altered} in it does not match)")
    about = checkpoint.get(KEY) if isinstance(checkpoint, dict) else None
    if not isinstance(about, dict) or "state_dict" not in checkpoint:
        raise InputError(f"{path}: a PyTorch file, but not a checkpoint of crystalgrid-train")
    if about.get("format") != FORMAT:
        raise InputError(f"{path}: checkpoint format {about.get('format')}, this version reads format {FORMAT}")
    return checkpoint


def untrained(about: dict[str, Any], path: Path) -> CrystalNet:
    """The networks that the account of a run or a released model, read from `path`, is of."""
    return recipe_from(about["recipe"], str(path)).build(about.get("prior"))


def load_run(run: Path | str) -> tuple[CrystalNet, dict[str, Any]]:
    """The networks of a run, in evaluation mode on the CPU, and what the run says about itself.

    run: the folder given to `crystalgrid-train --out`, of which the best checkpoint counts (the last, if there was
    nothing to validate on), or a checkpoint file. Raises InputError for anything else.
    """
    run = Path(run)
    if not run.exists():
        raise InputError(f"{run}: no such run")
    path = run if run.is_file() else best(run) if best(run).is_file() else last(run)
    if not path.is_file():
        raise InputError(f"{run}: holds no checkpoint, wanted the folder of a training run")
    checkpoint = read_checkpoint(path)
    about = checkpoint[KEY]
    net = untrained(about, path)
    try:
        net.load_state_dict(state_from_file(net, weights_of(checkpoint)))
    except RuntimeError:
        raise InputError(f"{path}: its weights do not fit the networks of its recipe") from None
    return net.eval(), about
