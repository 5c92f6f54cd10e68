"""Runs that were too short to learn anything: a warning where such a model is trained, evaluated or exported."""

from __future__ import annotations

import sys

from .metadata import RunInfo

ENOUGH = 0.1
"""The share of its recipe's steps from which on a run is not called short."""


def advice(mode: str, command: str = "crystalgrid-train") -> str:
    """Return what to do about a model of a mode that has not learned enough; command: what trains such a model."""
    return f"train longer, or start from a released model: {command} --start mp10a-{mode}"


def warn_if_short(model: str, info: RunInfo, command: str = "crystalgrid-train") -> None:
    """Print a line if a model was trained for few of its recipe's steps and did not start from another model."""
    if info.start is None and info.step < ENOUGH * info.recipe.optimizer.steps:
        print(
            f"warning: {model}: trained for {info.step:,} of the {info.recipe.optimizer.steps:,} steps of its recipe, "
            f"too few to have learned; {advice(info.mode, command)}",
            file=sys.stderr,
            flush=True,
        )
