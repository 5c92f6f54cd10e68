"""Train the learned prior of a model, so that draws decode to crystals.

The KL divergence pulls latent vectors towards N(0, 1), the VAE's own prior. If that term is weak, to keep
reconstructions sharp, latent vectors of crystals fill only a thin part of that space, and draws from N(0, 1) miss it.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from ..artifacts.checkpoint import last, read_checkpoint
from ..artifacts.find import load_learner
from ..artifacts.formulas import join_formulas, trained_formulas
from ..artifacts.generator_info import the_autoencoder
from ..artifacts.metadata import RunInfo, StartInfo
from ..artifacts.short_runs import warn_if_short
from ..data.crystalset import CrystalSet
from ..errors import InputError
from ..nets.network import generator_kind
from .cell_flow_training import CellFlowTraining
from .clock import Clock
from .latent_flow_training import LatentFlowTraining
from .log import Log
from .loop import ENDLESS, Loop
from .prior import PriorRecipe, PriorTraining
from .processes import first_process, only_first_prints
from .run_data import describe_run, load_splits
from .run_folder import check_same_run, prepare_folder

TRAINING: dict[str, type[PriorTraining[Any, Any]]] = {"latent": LatentFlowTraining, "cells": CellFlowTraining}
"""The class that trains each kind of prior."""
HELD_OUT_CRYSTALS = 2048
"""The number of crystals of the validation split that are used while training."""


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
    prior_recipe: PriorRecipe | None = None,
) -> None:
    """Train a prior for a trained model, with the options of `crystalgrid-prior`.

    prior_recipe: the recipe of the prior; by default that of its kind.
    """
    clock = Clock(minutes)
    trained, model_info = the_autoencoder(load_learner(model), model)
    trained.generator, model_info = None, replace(model_info, prior=None)
    first_prior, start_info = load_first_prior(start)
    kind = TRAINING[generator_kind(model_info.recipe.network.kind)]
    prior_recipe = prior_recipe or kind.default_recipe
    recipe = replace(model_info.recipe, optimizer=prior_recipe.optimizer)
    *splits, data_info = load_splits(data, model_info.mode, seed)
    with only_first_prints():
        crystals, val = (learnable_crystals(kind, split, model_info.latent_dim, prior_recipe, data) for split in splits)
    if len(crystals) < 2:
        raise InputError(f"{data}: wanted two crystals or more for a prior to learn from, got {len(crystals)}")
    info = describe_run(model_info.mode, data_info, recipe, seed, start_info)
    if resume:
        check_resumed(out, model_info, info)
    prepare_folder(out, resume)
    training = kind(info, crystals, prior_recipe)
    with only_first_prints():
        held_out = training.prepare(trained, model_info, val[:HELD_OUT_CRYSTALS])
        if first_prior is not None:
            go_on_from(first_prior, training.generator, str(start))
    formulas_seen = [trained_formulas(source) for source in (model, start) if source is not None]
    training.formulas = join_formulas(training.formulas, *formulas_seen)
    steps = min(max_steps or ENDLESS, ENDLESS if minutes else prior_recipe.optimizer.steps)
    loop = Loop(training, Log(out), held_out, clock, steps=steps)
    loop.run(last(out) if resume else None)
    if first_process():
        warn_if_short(str(out), replace(info, step=loop.step), "crystalgrid-prior")


def load_first_prior(start: str | None) -> tuple[nn.Module | None, StartInfo | None]:
    """Return the prior to start from, and the description of its run; both None for a new one."""
    if start is None:
        return None, None
    net, info = the_autoencoder(load_learner(start), start)
    if info.prior is None:
        raise InputError(f"{start}: has no prior to start from")
    return net.generator, info.prior.as_start(start)


def go_on_from(first: nn.Module, learner: nn.Module, start: str) -> None:
    """Give a new prior the weights of another; buffers, known in closed form, stay as they are."""
    weights, buffers = first.state_dict(), dict(learner.named_buffers())
    try:
        learner.load_state_dict({**weights, **{name: buffers[name] for name in weights.keys() & buffers.keys()}})
    except RuntimeError:
        raise InputError(f"{start}: its prior is of another kind or size than that of this model and data") from None


def learnable_crystals(
    kind: type[PriorTraining[Any, Any]], crystals: CrystalSet, latent_dim: int, recipe: PriorRecipe, data: str
) -> CrystalSet:
    """Return the crystals that a prior can learn, and print how many it cannot."""
    learnable = kind.learnable(crystals, latent_dim, recipe)
    if len(crystals) and not learnable.any():
        raise InputError(f"{data}: no crystal is small enough for a prior")
    if not learnable.all():
        left_out = f"{(~learnable).sum():,} of {len(crystals):,} crystals have too many atoms or elements"
        print(f"prior: {left_out}, and are not learned", file=sys.stderr, flush=True)
    return crystals[learnable]


def check_resumed(out: Path, model: RunInfo, now: RunInfo) -> None:
    """Raise InputError unless the folder holds the run of a prior, the same run as `now`, of the same model."""
    before = read_checkpoint(last(out)).info
    if before.prior is None:
        raise InputError(f"{out}: a run of crystalgrid-train, wanted one of crystalgrid-prior to resume")
    check_same_run(now, before.prior, out)
    if replace(before, prior=None) != model:
        raise InputError(f"{out}: holds the prior of another model; give the same to resume")
