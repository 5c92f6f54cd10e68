"""Checkpoints of a training run, which are written whole and checked when they are read."""

from __future__ import annotations

import hashlib
import io
import math
import pickle
import zipfile
import zlib
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..files import written_whole
from ..nets.generators.crystal_generator import CrystalGenerator
from ..progress import progress
from .cache import cached
from .generator_info import Info, Networks, info_from_dict
from .metadata import FORMAT
from .state_names import state_from_file

KEY = "crystalgrid"
"""The key of the run's description in a checkpoint."""
MANY_CRYSTALS = 10_000
"""The number of known crystals whose volumes take so many seconds that they are kept in the cache."""
UNREADABLE = (
    zipfile.BadZipFile, zlib.error, pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError, KeyError,
)  # fmt: skip
"""The exceptions that torch and zipfile raise for a file that is no checkpoint."""


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training run."""

    info: Info
    weights: dict[str, Tensor]
    """The state of the networks, under its names in files (see `state_names`)."""
    optimizer: dict[str, Any] = field(default_factory=dict)
    """The optimiser's `state_dict`."""
    lowest_val_loss: float = math.inf
    formulas: np.ndarray | None = None
    """Hashes of the reduced formulas that were trained on (see `data.formulas`), [F] uint64; None in old files."""

    @property
    def step(self) -> int:
        """The number of steps that were trained when it was written."""
        return (self.info.prior or self.info).step


def last(run: Path) -> Path:
    """Return the path of a run's latest checkpoint."""
    return run / "checkpoints" / "last.ckpt"


def best(run: Path) -> Path:
    """Return the path of a run's checkpoint with the lowest validation loss."""
    return run / "checkpoints" / "best.ckpt"


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, which appears under its name whole or not at all."""
    content = {
        KEY: checkpoint.info.to_dict(),
        "state_dict": {f"net.{name}": value for name, value in checkpoint.weights.items()},
        "optimizer_states": [checkpoint.optimizer],
        "global_step": checkpoint.step,
        "lowest_val_loss": checkpoint.lowest_val_loss,
    }
    if checkpoint.formulas is not None:
        content["formulas"] = torch.from_numpy(checkpoint.formulas.view(np.int64))
    with written_whole(path) as temporary:
        memory = io.BytesIO()  # torch's own error for a full disk does not say so
        torch.save(content, memory)
        temporary.write_bytes(memory.getbuffer())


def read_checkpoint(path: Path) -> Checkpoint:
    """Return a checkpoint, on the CPU; it may be one that Lightning wrote for earlier versions.

    Raises InputError if the file is missing, truncated, altered, of another format or no checkpoint of crystalgrid.
    """
    content = _load(path)
    description = content.get(KEY) if isinstance(content, dict) else None
    if not isinstance(description, dict) or "state_dict" not in content:
        raise InputError(f"{path}: a PyTorch file, but not a checkpoint of crystalgrid-train")
    if description.get("format") != FORMAT:
        raise InputError(f"{path}: checkpoint format {description.get('format')}, this version reads format {FORMAT}")
    weights = {name.removeprefix("net."): value for name, value in content["state_dict"].items()}
    by_lightning = content.get("callbacks", {}).get("Log", {}).get("lowest", math.inf)
    return Checkpoint(
        info_from_dict(description, str(path)),
        weights,
        content.get("optimizer_states", [{}])[0],
        content.get("lowest_val_loss", by_lightning),
        content["formulas"].numpy().view(np.uint64) if "formulas" in content else None,
    )


def _load(path: Path) -> Any:
    if not path.is_file():
        raise InputError(f"{path}: no such checkpoint")
    try:
        with zipfile.ZipFile(path) as archive:
            altered = archive.testzip()  # torch does not check the archive's CRCs
        content = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        reason = str(error).partition("\n")[0][:80] or type(error).__name__
        raise InputError(f"{path}: not a checkpoint, or a truncated one ({reason})") from None
    if altered is not None:
        raise InputError(f"{path}: damaged or altered (the CRC of {altered} in it does not match)")
    return content


def checkpoint_of(run: Path) -> Path:
    """Return the best checkpoint of a run, or the last without validation; raise InputError if there is none."""
    if not run.exists():
        raise InputError(f"{run}: no such run")
    path = run if run.is_file() else best(run) if best(run).is_file() else last(run)
    if not path.is_file():
        raise InputError(f"{run}: holds no checkpoint, wanted the folder of a training run")
    return path


def load_run(run: Path | str) -> tuple[Networks, Info]:
    """Return the networks of a run, in evaluation mode on the CPU, and the run's description.

    run: the folder given to `crystalgrid-train --out`, whose best checkpoint is read (the last, if there was nothing to
    validate on), or a checkpoint file. Raises InputError for anything else.
    """
    path = checkpoint_of(Path(run))
    checkpoint = read_checkpoint(path)
    network: Networks = checkpoint.info.build()
    try:
        network.load_state_dict(state_from_file(network, checkpoint.weights))
    except RuntimeError:
        raise InputError(f"{path}: its weights do not fit the networks of its recipe") from None
    network.eval()
    if isinstance(network, CrystalGenerator):
        _fit_volumes(network, checkpoint.weights)
    return network, checkpoint.info


def _fit_volumes(network: CrystalGenerator, weights: dict[str, Tensor]) -> None:
    """Compute the volumes of known crystals, which follow from the weights; of many, once.

    Those that a run has from the released generator that it started from stay as they are.
    """
    if weights["types.log_volume"].any():
        return
    if len(network.types.log_volume) < MANY_CRYSTALS:
        network.fit_volumes()
        return
    checksum = hashlib.sha256()
    for name in sorted(weights):
        checksum.update(name.encode() + weights[name].contiguous().flatten().view(torch.uint8).numpy().tobytes())
    file_name = f"volumes-{checksum.hexdigest()[:16]}.npy"
    volumes = network.types.log_volume

    def fit(file: Path) -> None:
        network.fit_volumes(partial(progress, what="volumes of known crystals"))
        with written_whole(file) as temporary, temporary.open("wb") as opened:
            np.save(opened, volumes.numpy())

    volumes.copy_(torch.from_numpy(np.load(cached(file_name, "computing the volumes of known crystals, once …", fit))))
