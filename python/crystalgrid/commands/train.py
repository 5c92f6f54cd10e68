"""`crystalgrid train`: train an autoencoder and a U-Net on densities of crystals, or a generator of crystals."""

from pathlib import Path
from typing import Any, Literal

from ..errors import require
from .arguments import check_positive
from .signals import importing


def train(
    out: Path,
    mode: Literal["single", "repeated"] | None = None,
    data: str = "prototypes",
    recipe: str | None = None,
    start: str | None = None,
    column: str | None = None,
    seed: int = 0,
    max_steps: int | None = None,
    max_epochs: float | None = None,
    minutes: float | None = None,
    resume: bool = False,
    devices: str = "auto",
) -> None:
    """Train an autoencoder and a U-Net, or a generator of crystals (`torchrun` for several processes or nodes).

    Writes OUT/checkpoints/{last,best}.ckpt, OUT/metrics.csv and OUT/pictures/. Ctrl-C stops after the current step with
    a checkpoint; the same command with --resume goes on from it, on a CPU exactly.

    A recipe's batch_size is that of each process: N processes train as one would with N times the batch, normalisation
    included. The first process writes OUT; all of them read it for --resume, so nodes must share that folder.

    Args:
        out: folder of the run; must be new or empty, unless --resume.
        mode: "repeated": a cube is filled with all periodic images. "single": one unit cell, centred and rotated. A
            generator has no mode.
        data: "prototypes" (the AFLOW prototypes that pymatgen ships), a Parquet file, or a folder.
        recipe: name of a recipe in models/recipes, or path of a TOML file; by default that of --start, or else periodic
            for repeated mode and atomic for single mode. "generator" is that of a generator of crystals, "latent" that
            of an autoencoder of crystals; "property" learns to predict a column from latent vectors; "stability"
            teaches a generator energies above the hull of judged crystals, so that it draws fewer unstable ones.
        start: training run or released model whose weights to start from, in place of new ones, at the full learning
            rate of the recipe. The prior of an autoencoder is dropped and must be learned again; a generator keeps its
            known crystals beside those of the data.
        column: for --recipe property, the column of the Parquet file to predict from latent vectors of --start, such as
            band_gap; for --recipe stability, that of energies above the hull, by default energy_above_hull. The error
            on held-out formulas is printed and in OUT/metrics.json.
        seed: seed of the first weights, the order of crystals, the positions of cubes, and the noise.
        max_steps: stop after this many steps in total; by default the recipe's number. If it is more than that, a decay
            of the learning rate ends there; a resumed run keeps the end of its decay.
        max_epochs: stop after this many passes over the crystals; a decay ends as for max_steps.
        minutes: stop this many minutes after the start, with the last validation done; a decay then ends there, too.
            A resumed run counts the minutes before it, too.
        resume: go on from OUT/checkpoints/last.ckpt.
        devices: number of GPUs of this machine, or "auto" for all; without a GPU, the CPU. `torchrun` overrides it.
    """
    check_positive(max_steps=max_steps, max_epochs=max_epochs, minutes=minutes)
    _train_in_processes(
        devices, mode=mode, out=out, data=data, recipe=recipe, start=start, column=column, seed=seed,
        max_steps=max_steps, max_epochs=max_epochs, minutes=minutes, resume=resume,
    )  # fmt: skip


def _train_in_processes(devices: str, **options: Any) -> None:
    """Train in one process a GPU; what trains is imported only now, when the options are known to be good."""
    require("matplotlib", "train")
    with importing():
        from ..training.processes import run_in_processes
        from ..training.train import train as train_by_recipe
    run_in_processes(devices, train_by_recipe, **options)


COMMAND = train
