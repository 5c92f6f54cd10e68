"""Runs that were too short to learn anything: a warning where such a model is trained, evaluated or exported."""

from __future__ import annotations

import sys

from .generator_info import Info
from .metadata import RunInfo

ENOUGH = 0.1
"""The share of its recipe's steps from which on a run is not called short."""
FEW = 20
"""The number of steps from which on a run that started from another model is not called short."""


def advice(kind: str, command: str = "crystalgrid-train") -> str:
    """Return what to do about a model that has not learned enough.

    kind: a mode, "latent" for an autoencoder of crystals, or nothing for a generator. command: what trains it.
    """
    released = "-".join(filter(None, ("mp10a", kind)))
    return f"train longer, or start from a released model: {command} --start {released}"


def warn_if_short(model: str, info: Info, command: str = "crystalgrid-train") -> None:
    """Print a line if a model was trained for few of its recipe's steps, or for hardly any from another model on."""
    steps = info.recipe.optimizer.steps
    if info.start is None and info.step < ENOUGH * steps:
        trained, remedy = f"{info.step:,} of the {steps:,} steps of its recipe", advice(_kind(info), command)
    elif info.step < FEW:
        trained = f"{info.step} step{'s' * (info.step != 1)}"
        remedy = "train longer; --minutes includes the time in which the data are prepared"
    else:
        return
    print(f"warning: {model}: trained for {trained}, too few to have learned; {remedy}", file=sys.stderr, flush=True)


def _kind(info: Info) -> str:
    if isinstance(info, RunInfo):
        return info.mode
    return "" if info.recipe.latent is None else "latent"
