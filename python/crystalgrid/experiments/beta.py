"""The weight of the KL divergence: reconstruction against sample quality (section 4.2.1, Fig. 12)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..artifacts.checkpoint import last, read_checkpoint
from ..artifacts.metadata import RunInfo
from ..model import Model, load_model
from ..nets.network import CrystalNet
from ..nets.segmentation.unet import UNet
from ..report.distances import wasserstein
from ..report.metrics import Tally
from ..report.panels import canvas, label_axes, save
from ..training.clock import Clock
from ..training.joint import JointTraining
from ..training.log import Log
from ..training.loop import Loop
from ..training.run_data import describe_run, held_out_cubes, load_splits
from ..training.run_folder import check_same_run
from .draws import atoms_by_source, neighbour_distances
from .study import Study

AXES = {
    "voxel_rel_l2": "relative error of the density (L2)",
    "species_exact": "species exact, share of found atoms",
}
FINISHED = 0.9
"""The share of its minutes after which a run counts as finished: it stops early for its last validation."""


def train(info: RunInfo, unet: UNet, data: str, *, beta: float, minutes: float, seed: int, run: Path) -> Model:
    """Return a model trained with another beta by a model's recipe, for `minutes` in all; the folder `run` is resumed.

    info: the model's run. unet: its U-Net, which training starts from, since it hardly depends on beta; the autoencoder
    starts with new weights.
    """
    clock = Clock(minutes)
    recipe = replace(info.recipe, loss=replace(info.recipe.loss, beta=beta))
    crystals, val, data_info = load_splits(data, info.mode, seed)
    this_run = describe_run(info.mode, data_info, recipe, seed)
    seconds, resume_from = 0.0, None
    if last(run).is_file():
        before, resume_from = read_checkpoint(last(run)).info, last(run)
        check_same_run(this_run, before, run)
        seconds = before.seconds
    if seconds < FINISHED * 60 * minutes:
        last(run).parent.mkdir(parents=True, exist_ok=True)
        training = JointTraining(this_run, crystals)
        training.net.unet.load_state_dict(unet.state_dict())
        Loop(training, Log(run), held_out_cubes(val, info.mode, seed), clock).run(resume_from)
    return load_model(run)


def sweep(
    model: tuple[CrystalNet, RunInfo], data: str, betas: Sequence[float], *, minutes: float, seed: int, folder: Path
) -> dict[float, Model]:
    """Return a model trained with each of `betas`, each kept in its own folder inside `folder`."""
    network, info = model
    return {
        beta: train(info, network.unet, data, beta=beta, minutes=minutes, seed=seed, run=folder / f"{beta:g}")
        for beta in sorted(betas)
    }


def run(studies: dict[float, Study], folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the numbers of models trained with each beta, on cubes of the validation split; draw beta.png."""
    rows = [{"beta": beta, **numbers(study)} for beta, study in studies.items()]
    _draw(folder / "beta.png", rows)
    return {"table": rows}


def numbers(study: Study) -> dict[str, Any]:
    """Return a model's reconstruction errors, the KL term in nats, and the distance of its draws' spacing from real."""
    tally = Tally(study.model.grid)
    tally.add(study.reconstruction.atoms, study.true, study.reconstruction.density, study.density)
    spaced = neighbour_distances(atoms_by_source(study))
    kl = 0.5 * (study.reconstruction.z.square() + study.logvar.exp() - 1 - study.logvar).sum(1)
    summary = tally.summary()
    return {
        **{key: summary[key] for key in ("n_cubes", *AXES, "recall_0p5A", "precision_0p5A")},
        "kl_nats": float(kl.mean()),
        "wasserstein_A": wasserstein(spaced["drawn"], spaced["real"]),
    }


def _draw(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    figure, cells = canvas(1, 2)
    for column, (key, label) in enumerate(AXES.items()):
        axis = figure.add_subplot(cells[0, column])
        points = [row for row in rows if row[key] is not None and row["wasserstein_A"] is not None]
        axis.plot([row[key] for row in points], [row["wasserstein_A"] for row in points], "o-", markersize=4)
        for row in points:
            place = (row[key], row["wasserstein_A"])
            axis.annotate(f"{row['beta']:g}", place, (0, 5), textcoords="offset points", ha="center", fontsize=7)
        axis.margins(0.2)
        axis.locator_params(nbins=5)
        label_axes(
            axis,
            label,
            "Wasserstein distance of spacings\nin draws and real crystals, Å",
            "validation cubes, each point with its β",
        )
    save(figure, path)
