"""`crystalgrid-train`: train the VAE and the U-Net together on crystals that are voxelised on the fly."""

import io
import logging
import math
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins.io import TorchCheckpointIO
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from .. import __version__
from ..artifacts.checkpoint import FORMAT, KEY, last, read_checkpoint
from ..artifacts.recipe import BY_MODE, Recipe, load_recipe, recipe_from
from ..data.crystalset import CrystalSet
from ..data.cubes import Cubes, check_mode, evaluation_cubes
from ..data.load import load_crystals
from ..errors import InputError
from ..files import new_folder, written_whole
from ..grid import Grid
from ..model import load_learner
from ..nets import CrystalNet
from .joint import Training
from .log import Log
from .precision import precision_here

HELD_OUT_CRYSTALS = 64
"""Of the validation split, as many are validated on while training."""
ENDLESS = sys.maxsize
"""Steps of a run that something else ends."""


def train_networks(
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
    devices: str,
) -> None:
    """Train an autoencoder and a U-Net together, with the options of `crystalgrid-train`."""
    settings, net, begun = begin(recipe, start, mode)
    here, nodes = processes(devices)
    with first_process_speaks():
        crystals, held_out, about = prepare(mode, data, settings, seed)
    about |= {"processes": here * nodes, **begun}
    steps = ENDLESS if minutes or max_epochs or max_steps else settings.optimizer.steps
    steps = min(steps, max_steps or ENDLESS)
    if max_epochs is not None:
        steps = min(steps, math.ceil(max_epochs * len(crystals) / (settings.optimizer.batch_size * here * nodes)))
    if resume:
        check_same(about, read_checkpoint(last(out))[KEY], out)
    if first_process():
        prepare_folder(out, resume)
    with first_process_speaks():
        training = Training(settings, crystals, Grid(), about, minutes, net)
    if steps < ENDLESS:
        training.last_step = max(training.last_step, steps)
    log = Log(out, held_out, settings.optimizer.check_every)
    fit(training, log, steps, here, nodes, last(out) if resume else None)


def begin(recipe: str | None, start: str | None, mode: str) -> tuple[Recipe, CrystalNet | None, dict[str, Any]]:
    """The recipe, the networks to begin with if not new ones, and what checkpoints say of whose they are."""
    if start is None:
        return for_mode(load_recipe(recipe or BY_MODE[check_mode(mode)]), mode), None, {}
    net, of = load_learner(start)
    its = recipe_from(of["recipe"], start)
    settings = load_recipe(recipe) if recipe else its
    if settings.network != its.network:
        raise InputError(f"{recipe}: its [network] is not that of {start}; give a recipe with the same, or none")
    if of["mode"] != mode:
        raise InputError(f"{start}: was trained in {of['mode']} mode, got --mode {mode}")
    net.flow = net.cells = None  # latent vectors change
    before = {key: of[key] for key in ("data", "step", "seconds", "start") if key in of}
    return settings, net, {"start": {"model": start, **before}}


def for_mode(recipe: Recipe, mode: str) -> Recipe:
    """The recipe, if its networks can learn that mode."""
    if recipe.network.periodic and mode == "single":
        raise InputError(f"{recipe.name}: this recipe is for --mode repeated, since a single cell does not repeat")
    if recipe.network.atomic and mode == "repeated":
        raise InputError(f"{recipe.name}: this recipe is for --mode single, where all atoms are in the cube")
    return recipe


def processes(devices: str) -> tuple[int, int]:
    """Processes on this machine, each with a GPU where there are some, and machines."""
    there = torch.cuda.device_count()
    if "LOCAL_WORLD_SIZE" in os.environ:  # torchrun has started them
        here = int(os.environ["LOCAL_WORLD_SIZE"])
        if there and here > there:
            raise InputError(f"torchrun: wanted at most a process for each of {there} GPUs, got {here} on this machine")
        return here, int(os.environ["GROUP_WORLD_SIZE"])
    if devices != "auto" and not (devices.isdecimal() and 1 <= int(devices) <= max(there, 1)):
        raise InputError(f'--devices: wanted "auto" or a number from 1 to {max(there, 1)}, got {devices!r}')
    return (there or 1) if devices == "auto" else int(devices), 1


def first_process() -> bool:
    """Whether this is the process that writes and prints."""
    return rank_zero_only.rank == 0  # type: ignore[attr-defined]


@contextmanager
def first_process_speaks() -> Iterator[None]:
    """What all processes would say alike is said once."""
    with open(os.devnull, "w") as nowhere, nullcontext() if first_process() else redirect_stderr(nowhere):
        yield


def prepare_folder(out: Path, resume: bool) -> None:
    """Make a run's folder, or clear a resumed one of checkpoints that were being written when the run was killed."""
    if not resume:
        new_folder(out)
        (out / "checkpoints").mkdir()
    for unfinished in (out / "checkpoints").glob(".*.ckpt"):
        unfinished.unlink()


def prepare(mode: str, source: str, recipe: Recipe, seed: int) -> tuple[CrystalSet, list[Cubes], dict[str, Any]]:
    """The crystals to train on, cubes to validate on, and what checkpoints say about the run."""
    crystals, val, about = gather(mode, source, recipe, seed)
    val = val[:HELD_OUT_CRYSTALS]
    few = [val[i : i + 8] for i in range(0, len(val), 8)]  # which bounds the memory of a paper-sized validation
    return crystals, [cubes for some in few for cubes in evaluation_cubes(some, mode, Grid(), seed)], about


def gather(mode: str, source: str, recipe: Recipe, seed: int) -> tuple[CrystalSet, CrystalSet, dict[str, Any]]:
    """The crystals to train on, those to validate on, and what checkpoints say about the run."""
    grid = Grid()
    crystals = load_crystals(source, mode=mode, grid=grid, seed=seed)
    chosen = crystals.split("train")
    if len(chosen) == 0:
        raise InputError(f"{source}: no crystal in the split 'train'")
    about = {
        "format": FORMAT,
        "recipe": recipe.to_dict(),
        "mode": mode,
        "grid": asdict(grid),
        "data": {"source": source, "checksum": crystals.checksum},
        "seed": seed,
        "versions": {"crystalgrid": __version__, "torch": str(torch.__version__)},
    }
    return chosen, crystals.split("val"), about


def fit(training: Training, log: Log, steps: int, here: int, nodes: int, resume_from: Path | None) -> None:
    """Run the loop until `steps`, the time limit or Ctrl-C, in `here` processes on each of `nodes` machines."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)  # its tips
    logging.getLogger("lightning.fabric").setLevel(logging.ERROR)
    torch.backends.cudnn.allow_tf32 = False  # what a recipe calls float32 is that
    bar = sys.stderr.isatty()
    with first_process_speaks():
        precision = precision_here(training.recipe.optimizer.precision)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You're resuming from a checkpoint")  # steps know their own place in the data
        warnings.filterwarnings("ignore", "Grad strides do not match")  # of kernels of one voxel, where all are alike
        warnings.filterwarnings("ignore", ".*isinstance.treespec, LeafSpec.", FutureWarning)  # lightning's own
        trainer = L.Trainer(
            accelerator="gpu" if torch.cuda.is_available() else "cpu",
            devices=here,
            num_nodes=nodes,
            precision=precision,  # type: ignore[arg-type]
            max_steps=steps,
            callbacks=[log, *([Bar()] if bar else [])],
            enable_progress_bar=bar,
            plugins=[WholeCheckpoints()],
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        with stop_on_interrupt() as log.signals:
            trainer.fit(training, range(steps), ckpt_path=resume_from)
    if log.signals:
        raise KeyboardInterrupt


class Bar(TQDMProgressBar):
    """Lightning's bar, which knows no total where there is none."""

    @property
    def total_train_batches(self) -> int | float:
        total = super().total_train_batches
        return math.inf if total == ENDLESS else total


class WholeCheckpoints(TorchCheckpointIO):
    """Checkpoints appear under their name whole or not at all."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Path | str, storage_options: object = None) -> None:
        with written_whole(path) as temporary:
            memory = io.BytesIO()  # what torch throws where a disk is full says nothing of it
            torch.save(checkpoint, memory)
            temporary.write_bytes(memory.getbuffer())


@contextmanager
def stop_on_interrupt() -> Iterator[list[int]]:
    """Ctrl-C lets the step finish and the run save itself; a second one stops at once. Yields the signals that came."""
    came: list[int] = []

    def stop(number: int, _frame: object) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(number)
        if first_process():
            print("\nstopping after this step, with a checkpoint; go on with --resume", file=sys.stderr, flush=True)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield came
    finally:
        signal.signal(signal.SIGINT, before)


def check_same(now: dict[str, Any], then: dict[str, Any], out: Path) -> None:
    """A resumed run must be the same run."""
    if now["processes"] != then.get("processes", 1):  # which runs of one process once did not say
        raise InputError(f"{out}: was trained by {then.get('processes', 1)} processes; resume with as many")
    for key, name in (("mode", "--mode"), ("start", "--start"), ("recipe", "--recipe"), ("seed", "--seed")):
        if now.get(key) != then.get(key):
            raise InputError(f"{out}: was trained with another {name}; give the same to resume")
    if now["data"]["checksum"] != then["data"]["checksum"]:
        raise InputError(
            f"{out}: was trained on other crystals ({then['data']['source']}); give the same --data to resume"
        )
