"""Learn what crystals are like, so that draws decode to crystals.

The VAE's own prior, N(0, 1), is what the KL divergence pulls latent vectors towards. Where that term is weak, which
keeps reconstructions sharp, it leaves them on thin sheets of that space, and draws from N(0, 1) miss them.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from ..artifacts.checkpoint import KEY, last, read_checkpoint
from ..artifacts.recipe import recipe_from
from ..data.crystalset import CrystalSet
from ..errors import InputError
from ..grid import Grid
from ..model import load_learner
from ..nets.network import generator_kind
from .cell_flow_training import CellFlowTraining
from .clock import Clock
from .generator import GeneratorRecipe, GeneratorTraining
from .latent_flow_training import LatentFlowTraining
from .log import Log
from .loop import ENDLESS, Loop
from .processes import only_first_prints
from .run_data import describe_run, load_splits
from .run_folder import check_same_run, prepare_folder

TRAINING: dict[str, type[GeneratorTraining[Any, Any]]] = {"latent": LatentFlowTraining, "cells": CellFlowTraining}
"""How each kind of generator is trained."""
HELD_OUT_CRYSTALS = 2048
"""Crystals of the validation split that are validated on while training."""


def train_prior(
    *,
    model: str,
    out: Path,
    data: str,
    start: str | None,
    seed: int,
    max_steps: int | None,
    minutes: float | None,
    resume: bool,
    generator_recipe: GeneratorRecipe | None = None,
) -> None:
    """Train a prior for a trained model, with the options of `crystalgrid-prior`.

    generator_recipe: how it is trained; by default as its kind is.
    """
    clock = Clock(minutes)
    trained, metadata = load_learner(model)
    trained.generator = None
    metadata.pop("prior", None)
    first_prior, about_start = load_first_prior(start)
    recipe = recipe_from(metadata["recipe"], model)
    kind = TRAINING[generator_kind(recipe.network.kind)]
    generator_recipe = generator_recipe or kind.default_recipe
    settings = replace(recipe, optimizer=generator_recipe.optimizer)
    *splits, checksum = load_splits(data, metadata["mode"], seed)
    with only_first_prints():
        crystals, val = (
            learnable_crystals(kind, split, recipe.network.latent_dim, generator_recipe, data) for split in splits
        )
    if len(crystals) < 2:
        raise InputError(f"{data}: wanted two crystals or more for a prior to learn from, got {len(crystals)}")
    about = {**describe_run(metadata["mode"], data, checksum, settings, seed), **about_start}
    if resume:
        check_resumed(out, metadata, about)
    prepare_folder(out, resume)
    training = kind(settings, crystals, Grid(**metadata["grid"]), about, generator_recipe)
    with only_first_prints():
        held_out = training.prepare(trained, metadata, val[:HELD_OUT_CRYSTALS])
        if first_prior is not None:
            go_on_from(first_prior, training.generator, str(start))
    steps = min(max_steps or ENDLESS, ENDLESS if minutes else generator_recipe.optimizer.steps)
    Loop(training, Log(out), held_out, clock, steps=steps).run(last(out) if resume else None)


def load_first_prior(start: str | None) -> tuple[nn.Module | None, dict[str, Any]]:
    """Return the prior to start from if not a new one, and what checkpoints say of whose it is."""
    if start is None:
        return None, {}
    net, metadata = load_learner(start)
    if "prior" not in metadata:
        raise InputError(f"{start}: has no prior to begin with")
    prior = metadata["prior"]
    before = {key: prior[key] for key in ("data", "step", "seconds", "start", "atoms") if key in prior}
    return net.generator, {"start": {"model": start, **before}}


def go_on_from(first: nn.Module, learner: nn.Module, start: str) -> None:
    """Give a new prior the weights of another; what is known in closed form stays as it is."""
    weights, known = first.state_dict(), dict(learner.named_buffers())
    try:
        learner.load_state_dict({**weights, **{name: known[name] for name in weights.keys() & known.keys()}})
    except RuntimeError:
        raise InputError(f"{start}: its prior is of another kind or size than that of this model and data") from None


def learnable_crystals(
    kind: type[GeneratorTraining[Any, Any]], crystals: CrystalSet, latent_dim: int, recipe: GeneratorRecipe, data: str
) -> CrystalSet:
    """Return the crystals that a prior can learn, and print how many it cannot."""
    learnable = kind.learnable(crystals, latent_dim, recipe)
    if len(crystals) and not learnable.any():
        raise InputError(f"{data}: no crystal is small enough for a prior")
    if not learnable.all():
        left_out = f"{(~learnable).sum():,} of {len(crystals):,} crystals have too many atoms or elements"
        print(f"prior: {left_out}, and are not learned", file=sys.stderr, flush=True)
    return crystals[learnable]


def check_resumed(out: Path, model: dict[str, Any], now: dict[str, Any]) -> None:
    """Raise InputError unless the folder holds the run of a prior, the same run as `now`, of the same model."""
    then = read_checkpoint(last(out))[KEY]
    if "prior" not in then:
        raise InputError(f"{out}: a run of crystalgrid-train, wanted one of crystalgrid-prior to resume")
    check_same_run(now, then.pop("prior"), out)
    if then != model:
        raise InputError(f"{out}: holds the prior of another model; give the same to resume")
