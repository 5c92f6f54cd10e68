"""The training that a recipe or a model to start from asks for: of networks for densities, or of a generator."""

from __future__ import annotations

from typing import Any

from ..errors import InputError
from .train_generator import is_for_generator, train_generator
from .train_networks import train_networks
from .train_property import PROPERTY, train_property
from .train_stability import STABILITY, train_stability

OF_COLUMNS = {PROPERTY: train_property, STABILITY: train_stability}
"""The trainings that learn a column of numbers, in place of a recipe's."""


def train(
    *, mode: str | None, recipe: str | None, start: str | None, column: str | None = None, **options: Any
) -> None:
    """Train what the recipe, or else the model to start from, is for, with the options of `crystalgrid-train`.

    Raises InputError if a mode is missing, or given for a generator, and for a column that no property is learned from.
    """
    if recipe in OF_COLUMNS:
        given = [name for name in ("max_steps", "max_epochs", "minutes", "resume") if options[name]]
        if mode is not None or given:
            raise InputError(f"--recipe {recipe}: wanted no --{'mode' if mode else given[0].replace('_', '-')}")
        OF_COLUMNS[recipe](out=options["out"], data=options["data"], start=start, column=column, seed=options["seed"])
    elif column is not None:
        raise InputError("--column: wanted --recipe property or stability, which learn to predict it")
    elif is_for_generator(recipe, start):
        if mode is not None:
            raise InputError("--mode: wanted none, since a generator of crystals decodes no cubes")
        train_generator(recipe=recipe, start=start, **options)
    elif mode is None:
        raise InputError("--mode: wanted repeated or single; only a generator (--recipe generator) has none")
    else:
        train_networks(mode=mode, recipe=recipe, start=start, **options)
