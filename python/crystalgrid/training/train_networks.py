"""The training of an autoencoder and a U-Net together, on crystals that are voxelised on the fly."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from ..artifacts.checkpoint import last, read_checkpoint
from ..artifacts.find import load_learner
from ..artifacts.formulas import join_formulas, trained_formulas
from ..artifacts.generator_info import the_autoencoder
from ..artifacts.metadata import StartInfo
from ..artifacts.recipe import BY_MODE, Optimizer, Recipe, load_recipe
from ..artifacts.short_runs import warn_if_short
from ..data.cubes import check_mode
from ..errors import InputError
from ..nets.network import CrystalNet
from .clock import Clock
from .joint import JointTraining
from .log import Log
from .loop import ENDLESS, Loop
from .processes import first_process, only_first_prints, world_size
from .run_data import describe_run, held_out_cubes, load_splits
from .run_folder import check_same_run, prepare_folder


def train_networks(
    *,
    mode: str,
    out: Path,
    data: str,
    recipe: str | None,
    start: str | None,
    seed: int,
    max_steps: int | None,
    max_epochs: float | None,
    minutes: float | None,
    resume: bool,
) -> None:
    """Train an autoencoder and a U-Net together, with the options of `crystalgrid-train`."""
    clock = Clock(minutes)
    settings, net, start_info = first_networks(recipe, start, mode)
    crystals, val, data_info = load_splits(data, mode, seed)
    info = describe_run(mode, data_info, settings, seed, start_info)
    steps = total_steps(settings.optimizer, len(crystals), max_steps, max_epochs, minutes)
    if resume:
        check_same_run(info, read_checkpoint(last(out)).info, out)
    prepare_folder(out, resume)
    with only_first_prints():
        training = JointTraining(info, crystals, net)
    if start is not None:
        training.formulas = join_formulas(training.formulas, trained_formulas(start))
    decay_ends = settings.optimizer.steps if steps == ENDLESS else max(settings.optimizer.steps, steps)
    loop = Loop(training, Log(out), held_out_cubes(val, mode, seed), clock, steps=steps, decay_ends=decay_ends)
    loop.run(last(out) if resume else None)
    if first_process():
        warn_if_short(str(out), replace(info, step=loop.step))


def first_networks(
    recipe: str | None, start: str | None, mode: str
) -> tuple[Recipe, CrystalNet | None, StartInfo | None]:
    """Return the recipe, the networks to start from, and the description of these; both None for new networks."""
    if start is None:
        mode = check_mode(mode)
        return load_recipe(recipe or BY_MODE[mode]).for_mode(mode), None, None
    net, info = the_autoencoder(load_learner(start), start)
    settings = load_recipe(recipe) if recipe else info.recipe
    if settings.network != info.recipe.network:
        raise InputError(f"{recipe}: its [network] is not that of {start}; give a recipe with the same, or none")
    if info.mode != mode:
        raise InputError(f"{start}: was trained in {info.mode} mode, got --mode {mode}")
    net.generator = None  # it was trained on latent vectors that will change
    return settings, net, info.as_start(start)


def total_steps(
    optimizer: Optimizer, n_crystals: int, max_steps: int | None, max_epochs: float | None, minutes: float | None
) -> int:
    """Return the steps of a run: the recipe's, unless another limit is given."""
    steps = ENDLESS if minutes or max_epochs or max_steps else optimizer.steps
    steps = min(steps, max_steps or ENDLESS)
    if max_epochs is not None:
        steps = min(steps, math.ceil(max_epochs * n_crystals / (optimizer.batch_size * world_size())))
    return steps
