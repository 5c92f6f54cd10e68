"""`crystalgrid-prior`: learn what latent vectors of crystals are like, so that draws decode to crystals.

The VAE's own prior, N(0, 1), is what the KL divergence pulls latent vectors towards. Where that term is weak, which
keeps reconstructions sharp, it leaves them on thin sheets of that space, and draws from N(0, 1) miss them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import tyro
from torch import Tensor

from .arguments import parsed
from .atoms import find_atoms
from .checkpoint import KEY, last, read_checkpoint
from .crystalset import CrystalSet
from .cubes import upright_cubes
from .errors import InputError, run_command
from .grid import Grid
from .latents import latents
from .log import Log
from .model import load_learner
from .nets import CrystalNet
from .nets.prior import Prior
from .progress import progress
from .recipe import Optimizer, recipe_from
from .train import (
    ENDLESS,
    check_numbers,
    check_same,
    first_process,
    first_process_speaks,
    fit,
    gather,
    prepare_folder,
    processes,
)
from .training import DRAWN, Training, stream

WIDTHS = (512, 512, 512, 512)
OPTIMIZER = Optimizer(
    learning_rate=1e-3, batch_size=512, steps=10_000, check_every=500, warmup=100, decay=True, weight_decay=1e-2,
    grad_clip=1.0,
)  # fmt: skip
ENCODED_AT_ONCE = 16


class Posteriors(NamedTuple):
    """q(z|M) of B crystals, each in its upright cube."""

    mu: Tensor
    """[B, latent_dim]."""
    logvar: Tensor
    """[B, latent_dim]."""


@torch.no_grad()
def posteriors(network: CrystalNet, crystals: CrystalSet, mode: str, grid: Grid) -> Posteriors:
    """Of all crystals: draws learn nothing from where else a cube could be cut, or how else a crystal be turned."""
    parts = np.array_split(np.arange(len(crystals)), max(1, len(crystals) // ENCODED_AT_ONCE))
    threads = torch.get_num_threads()
    encoded = [
        network.encode(upright_cubes(crystals, mode, grid, part).density(grid, threads))
        for part in progress(parts, "encoding crystals")
    ]
    return Posteriors(*map(torch.cat, zip(*encoded, strict=True)))


class PriorTraining(Training):
    """A prior learned from the latent vectors of crystals; the other networks stay as they are."""

    def build(self) -> CrystalNet:
        net = self.recipe.build(WIDTHS)
        for part in (net.vae, net.unet):
            part.requires_grad_(False)
        return net

    @property
    def flow(self) -> Prior:
        """The network that is trained."""
        assert self.net.flow is not None
        return self.net.flow

    def begin(self, trained: CrystalNet, of: dict[str, Any]) -> None:
        """Take the networks whose latent vectors these are, and what they say of themselves."""
        self.of = of
        self.net.load_state_dict(trained.state_dict(), strict=False)
        self.known = posteriors(trained, self.crystals, of["mode"], self.grid)
        self.flow.fit(self.lines(self.known, 0)[0])

    def lines(self, known: Posteriors, place: int) -> tuple[Tensor, Tensor, Tensor]:
        """A latent vector of each crystal, a noise and a time, which follow from the seed and `place`."""
        random = np.random.default_rng((self.about["seed"], place))
        noise = torch.from_numpy(random.standard_normal((2, *known.mu.shape), dtype=np.float32))
        time = torch.from_numpy(random.random(len(known.mu), dtype=np.float32))
        z = known.mu + noise[0] * (known.logvar / 2).exp()
        return z.to(self.device), noise[1].to(self.device), time.to(self.device)

    def training_step(self, _batch: object, _index: int) -> Tensor:
        size = self.recipe.optimizer.batch_size
        place = self.global_step * self.trainer.world_size + self.global_rank
        _, chosen = stream(len(self.crystals), self.about["seed"], place * size, size)
        loss = self.flow.loss(*self.lines(Posteriors(*(x[chosen] for x in self.known)), place))
        self.log_dict({"loss": loss}, prog_bar=True, sync_dist=True)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        options = self.recipe.optimizer
        groups = [{"params": self.flow.parameters(), "share": 1.0}]
        return torch.optim.AdamW(groups, lr=options.learning_rate, weight_decay=options.weight_decay)

    def validate(self, known: Posteriors) -> dict[str, Tensor]:  # type: ignore[override]
        """The loss on held-out crystals, on the same lines each time."""
        return {"loss": self.flow.loss(*self.lines(known, 0))}

    def draw(self, path: Path, _: Posteriors) -> None:  # type: ignore[override]
        """A picture of the first draws."""
        from . import plot

        noise = latents(self.about["seed"], 0, DRAWN, self.recipe.network.latent_dim).to(self.device)
        density = self.net.decode(self.net.prior(noise))
        density, species, confidence = (x.cpu() for x in (density, *self.net.segment(density)))
        plot.samples(path, density, find_atoms(species, density, self.grid, confidence=confidence), self.grid)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        spent = {"step": self.global_step, "seconds": self.seconds, "widths": WIDTHS}
        checkpoint[KEY] = {**self.of, "prior": {**self.about, **spent}}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.seconds_before = checkpoint[KEY]["prior"]["seconds"]


def prior(
    model: tyro.conf.Positional[str],
    out: Path,
    data: str = "prototypes",
    seed: int = 0,
    max_steps: int | None = None,
    minutes: float | None = None,
    resume: bool = False,
    devices: str = "auto",
) -> None:
    """Learn a prior for a trained model, so that its draws decode to crystals (`torchrun` for several processes).

    Writes a run of its own, OUT, with the model's networks as they are and the prior beside them; evaluate, export and
    sample from it as from the model's. Ctrl-C stops after the current step with a checkpoint; the same command with
    --resume goes on from it exactly.

    Args:
        model: folder of a training run, or the name of a released model.
        out: folder of the new run; must be new or empty, unless --resume.
        data: crystals that draws shall be like: "prototypes", a Parquet file, or a folder.
        seed: of the prior's first weights, the order of crystals, where cubes are cut, and the noise.
        max_steps: stop after so many steps in all; by default 10,000.
        minutes: stop after so many minutes of training in all.
        resume: go on from OUT/checkpoints/last.ckpt.
        devices: how many GPUs of this machine, or "auto" for all; without a GPU, the CPU. `torchrun` overrides it.
    """
    check_numbers(max_steps=max_steps, minutes=minutes)
    trained, of = load_learner(model)
    of.pop("prior", None)
    settings = replace(recipe_from(of["recipe"], model), optimizer=OPTIMIZER)
    here, nodes = processes(devices)
    with first_process_speaks():
        crystals, val, about = gather(of["mode"], data, settings, seed)
    about["processes"] = here * nodes
    steps = min(max_steps or ENDLESS, ENDLESS if minutes else OPTIMIZER.steps)
    if resume:
        check_resumed(out, of, about)
    if first_process():
        prepare_folder(out, resume)
    training = PriorTraining(settings, crystals, Grid(**of["grid"]), about, minutes)
    with first_process_speaks():
        training.begin(trained, of)
        held_out = [posteriors(trained, val, of["mode"], training.grid)] if len(val) else []
    fit(training, Log(out, held_out, OPTIMIZER.check_every), steps, here, nodes, last(out) if resume else None)


def check_resumed(out: Path, of: dict[str, Any], about: dict[str, Any]) -> None:
    """A resumed run must be the same run, of the same model."""
    then = read_checkpoint(last(out))[KEY]
    if "prior" not in then:
        raise InputError(f"{out}: a run of crystalgrid-train, wanted one of crystalgrid-prior to resume")
    check_same(about, then.pop("prior"), out)
    if then != of:
        raise InputError(f"{out}: holds the prior of another model; give the same to resume")


def cli() -> None:
    """Entry point of `crystalgrid-prior`."""
    run_command(lambda: parsed(prior, "crystalgrid-prior")())


if __name__ == "__main__":
    cli()
