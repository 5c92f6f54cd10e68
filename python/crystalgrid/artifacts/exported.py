"""The networks in exported files, of which a .pt is TorchScript and a .pt2 is compiled."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..errors import InputError
from ..nets.fuse import fuse_batch_norm
from .compiled import Compiled, built_for
from .metadata import ArtifactInfo


def script_network(network: nn.Module) -> bytes:
    """Return a network as a TorchScript archive."""
    buffer = io.BytesIO()
    with _without_deprecations():
        torch.jit.save(torch.jit.script(fuse_batch_norm(network)), buffer)
    return buffer.getvalue()


def open_network(path: Path) -> Any:
    """Return an object with the methods of an exported file, by the file's ending."""
    if path.suffix == ".pt2":
        return Compiled(path)
    with _without_deprecations():
        return torch.jit.load(path, map_location="cpu")


def check_machine(path: Path, metadata: ArtifactInfo) -> None:
    """Raise InputError for a .pt2 that was compiled for another torch or another kind of CPU."""
    if path.suffix == ".pt2" and metadata.built_for != built_for():
        raise InputError(
            f"{path}: compiled for {metadata.built_for}, this is {built_for()}; `crystalgrid-export RUN -o model.pt2` "
            "makes one for this machine, and a model.pt runs on any"
        )


@contextmanager
def _without_deprecations() -> Iterator[None]:
    """Ignore that TorchScript is deprecated from torch 2.10 on, since users cannot change that."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit")
        yield
