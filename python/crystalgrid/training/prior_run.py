"""`crystalgrid-prior`: learn what crystals are like, so that draws decode to crystals.

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
from ..artifacts.recipe import Network, recipe_from
from ..data.crystalset import CrystalSet
from ..errors import InputError
from ..grid import Grid
from ..model import load_learner
from .cell_flow import CellFlowTraining
from .flow import PriorTraining
from .latent_flow import LatentFlowTraining
from .log import Log
from .run import (
    ENDLESS,
    check_same,
    first_process,
    first_process_speaks,
    fit,
    gather,
    prepare_folder,
    processes,
)

HELD_OUT_CRYSTALS = 2048
"""Of the validation split, as many are validated on while training."""


def train_prior(
    model: str,
    out: Path,
    data: str,
    start: str | None,
    seed: int,
    max_steps: int | None,
    minutes: float | None,
    resume: bool,
    devices: str,
) -> None:
    """Train a prior for a trained model, with the options of `crystalgrid-prior`."""
    trained, of = load_learner(model)
    trained.flow = trained.cells = None
    of.pop("prior", None)
    begun, about_start = begin(start)
    recipe = recipe_from(of["recipe"], model)
    kind = CellFlowTraining if recipe.network.periodic or recipe.network.atomic else LatentFlowTraining
    settings = replace(recipe, optimizer=kind.optimizer)
    here, nodes = processes(devices)
    with first_process_speaks():
        crystals, val, about = gather(of["mode"], data, settings, seed)
        crystals, val = (of_prior(kind, split, settings.network, data) for split in (crystals, val))
        if len(crystals) < 2:
            raise InputError(f"{data}: wanted two crystals or more for a prior to learn from, got {len(crystals)}")
    about |= {"processes": here * nodes, **about_start}
    steps = min(max_steps or ENDLESS, ENDLESS if minutes else kind.optimizer.steps)
    if resume:
        check_resumed(out, of, about)
    if first_process():
        prepare_folder(out, resume)
    training = kind(settings, crystals, Grid(**of["grid"]), about, minutes)
    with first_process_speaks():
        held_out = training.begin(trained, of, val[:HELD_OUT_CRYSTALS])
        if begun is not None:
            go_on_from(begun, training.learner, str(start))
    fit(training, Log(out, held_out, kind.optimizer.check_every), steps, here, nodes, last(out) if resume else None)


def begin(start: str | None) -> tuple[nn.Module | None, dict[str, Any]]:
    """The prior to begin with if not a new one, and what checkpoints say of whose it is."""
    if start is None:
        return None, {}
    net, of = load_learner(start)
    if "prior" not in of:
        raise InputError(f"{start}: has no prior to begin with")
    before = {key: of["prior"][key] for key in ("data", "step", "seconds", "start") if key in of["prior"]}
    return net.cells or net.flow, {"start": {"model": start, **before}}


def go_on_from(begun: nn.Module, learner: nn.Module, start: str) -> None:
    """Give a new prior the weights of another; what is known in closed form stays as it is."""
    weights, known = begun.state_dict(), dict(learner.named_buffers())
    try:
        learner.load_state_dict({**weights, **{name: known[name] for name in weights.keys() & known.keys()}})
    except RuntimeError:
        raise InputError(f"{start}: its prior is of another kind or size than that of this model and data") from None


def of_prior(kind: type[PriorTraining], crystals: CrystalSet, network: Network, data: str) -> CrystalSet:
    """Those that a prior can learn; says of how many that is not so."""
    learnable = kind.learnable(crystals, network)
    if len(crystals) and not learnable.any():
        raise InputError(f"{data}: no crystal is small enough for a prior")
    if not learnable.all():
        left_out = f"{(~learnable).sum():,} of {len(crystals):,} crystals have too many atoms or elements"
        print(f"prior: {left_out}, and are not learned", file=sys.stderr, flush=True)
    return crystals[learnable]


def check_resumed(out: Path, of: dict[str, Any], about: dict[str, Any]) -> None:
    """A resumed run must be the same run, of the same model."""
    then = read_checkpoint(last(out))[KEY]
    if "prior" not in then:
        raise InputError(f"{out}: a run of crystalgrid-train, wanted one of crystalgrid-prior to resume")
    check_same(about, then.pop("prior"), out)
    if then != of:
        raise InputError(f"{out}: holds the prior of another model; give the same to resume")
