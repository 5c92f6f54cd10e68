"""Potentials that compute many crystals at once, as models of torch-sim, on a GPU if torch finds one."""

from __future__ import annotations

import io
import warnings
from contextlib import redirect_stdout
from functools import cache
from typing import Any

import torch

from ..errors import InputError, require
from .potentials import NAMED, Potential, check_name, made_by


@cache
def batched_potential(name: str) -> Potential:
    """Return a potential by its name or by 'module:function', whose function makes a ModelInterface of torch-sim.

    Raises InputError in one line if it cannot be had.
    """
    require("torch_sim", "batched")
    check_name(name, "a ModelInterface of torch_sim")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):  # libraries report their devices
        warnings.simplefilter("ignore")
        if name not in NAMED:
            return Potential(name, _checked_model(name), None)
        return _chgnet(device) if name == "chgnet" else _sevennet(name, device)


def _chgnet(device: torch.device) -> Potential:
    require("chgnet", "relax")
    from .chgnet_calculator import LEARNED
    from .chgnet_model import CHGNetModel

    return Potential("chgnet", CHGNetModel(device), LEARNED)


def _sevennet(name: str, device: torch.device) -> Potential:
    require("sevenn", "relax")
    from .sevennet_model import SevenNetModel

    model = SevenNetModel(name, device)
    return Potential(name, model, model.elements)


def _checked_model(name: str) -> Any:
    """Return the model that the function of a module makes."""
    from torch_sim.models.interface import ModelInterface

    model = made_by(name)
    if not isinstance(model, ModelInterface):
        raise InputError(
            f"calculator {name}: for batches wanted a ModelInterface of torch_sim, got {type(model).__name__}"
        )
    if not (model.compute_forces and model.compute_stress):
        raise InputError(f"calculator {name}: wanted a model with compute_forces and compute_stress, got one without")
    return model
