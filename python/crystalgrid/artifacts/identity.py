"""The identity of exported files: a checksum of what they hold that is the same however often a model is exported."""

import hashlib

import torch
from torch import nn

from .. import __version__
from .state_names import state_for_file


def identity(network: nn.Module, form: str) -> str:
    """Return the SHA-256 of the weights, the form and the versions: the same however often a model is exported.

    Files differ: TorchScript lists the constants of its modules in an order that is not always the same.
    """
    total = hashlib.sha256(f"{form} {__version__} {torch.__version__}".encode())
    for name, value in sorted(state_for_file(network).items()):
        total.update(f"\n{name} {value.dtype} {tuple(value.shape)}\n".encode() + value.contiguous().numpy().tobytes())
    return total.hexdigest()
