"""The discriminator: how much noise is in a latent vector, told from its density (section 9, Eq. 7, Fig. 13)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..crystal import MAX_Z, Crystal
from ..data.cubes import MODES, evaluation_cubes, fits, training_cubes
from ..density import voxelize
from ..grid import Grid
from ..nets.discriminator import Discriminator
from ..progress import progress
from ..report.evaluation import CUBES_AT_ONCE, encoded
from ..report.panels import canvas, draw_pairs, label_axes, save
from .study import Study, densities

STEPS = 300
BATCH_SIZE = 32
LEARNING_RATE = 3e-3
"""Its highest, after which it falls to zero: the scores of an unfinished training say little."""
EXAMPLES = 2048
"""Mixtures that are decoded once: where a decoder is slow, it is slower than the discriminator by far."""
WIDE = 2.0
"""Standard deviations of latent vectors that are out of the distribution."""
PAPER = {"real decodes": {"mean": 0.90, "std": 0.01}, "random draws": {"mean": 0.84, "std": 0.05}}


def run(study: Study, folder: Path, accurate: Study | None, further: dict[str, Tensor]) -> dict[str, Any]:
    """Scores of true decodes, random draws and densities that no decoder made; discriminator.png.

    accurate: of the same crystals by a model with a small beta, whose decoder then makes what the discriminator learns
    from and what counts as true decodes, as in the paper; without one, the model's own does.
    further: densities [B, n, n, n] to score, by what they are called.
    """
    teacher = accurate or study
    generator = torch.Generator().manual_seed(study.seed)
    network = fit(*examples(teacher, generator), generator, STEPS)
    mixed, weight = mix(teacher.reconstruction.z, generator)
    predicted = scores(network, densities(teacher.model, mixed))
    kinds = {
        "real decodes": teacher.reconstruction.density,
        "random draws": study.normal.density,
        **({"draws of the prior": study.drawn.density} if study.model.has_prior else {}),
        **further,
        "real densities": teacher.density,
        **strangers(study, generator),
    }
    scored = {kind: scores(network, density) for kind, density in kinds.items() if len(density)}
    _draw(folder / "discriminator.png", 1 - weight.numpy(), predicted, scored)
    return {
        "steps": STEPS,
        "taught_by": "the model with the smallest beta" if accurate else "the model",
        "lambda_mean_absolute_error": float(abs(1 - weight.numpy() - predicted).mean()),
        "scores": {kind: {"mean": float(s.mean()), "std": float(s.std())} for kind, s in scored.items()},
        "paper": PAPER,
    }


@torch.no_grad()
def examples(study: Study, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Decoded mixtures [B, 30, 30, 30] of random cubes of the training split with noise, and the λ [B] of each."""
    crystals, model = study.crystals.split("train"), study.model
    chosen = torch.randint(len(crystals), (EXAMPLES,), generator=generator).numpy()
    cubes = training_cubes(crystals, model.mode, model.grid, generator.initial_seed(), np.arange(EXAMPLES), chosen)
    mixed, weight = mix(encoded(model, cubes.density(model.grid))[0], generator)
    parts = progress(mixed.split(CUBES_AT_ONCE), "mixtures of crystals and noise")
    return torch.cat([densities(model, part) for part in parts]), weight


def mix(z: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """ẑ = λ N(0, 1) + (1 - λ) z, Eq. (7), for z [B, latent_dim], and λ [B] ~ U(0, 1)."""
    weight = torch.rand(len(z), generator=generator)
    noise = torch.randn(z.shape, generator=generator)
    return weight[:, None] * noise + (1 - weight[:, None]) * z, weight


def fit(density: Tensor, weight: Tensor, generator: torch.Generator, steps: int) -> Discriminator:
    """A discriminator that tells the λ [B] of densities [B, 30, 30, 30], which are drawn from them at random.

    The labels (1 - λ, λ) of two classes are one number, and their cross entropy the binary one.
    """
    with torch.random.fork_rng():
        torch.manual_seed(generator.initial_seed())
        network = Discriminator()
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    for _ in progress(range(steps), "training the discriminator"):
        chosen = torch.randint(len(weight), (BATCH_SIZE,), generator=generator)
        loss = F.binary_cross_entropy_with_logits(network(density[chosen]), 1 - weight[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval()


@torch.no_grad()
def scores(network: Discriminator, density: Tensor) -> np.ndarray:
    """[B] the predicted 1 - λ of densities [B, 30, 30, 30]: 1 for a real crystal's, 0 for noise."""
    return torch.cat([torch.sigmoid(network(part)) for part in density.split(BATCH_SIZE)]).numpy()


def strangers(study: Study, generator: torch.Generator) -> dict[str, Tensor]:
    """Densities out of the distribution, as many of each kind as there are test cubes."""
    return {
        f"draws, {WIDE:g} times as wide": densities(study.model, WIDE * study.normal.z),
        "single atoms": single_atoms(len(study.density), study.model.grid, generator),
        "smoothed noise": smoothed_noise(study.density, study.model.grid, generator),
        "other mode": other_mode(study),
    }


def single_atoms(count: int, grid: Grid, generator: torch.Generator) -> Tensor:
    """[count, n, n, n]: one atom in each cube, of any species, anywhere."""
    places = torch.rand(count, 1, 3, generator=generator, dtype=torch.float64).numpy()
    numbers = torch.randint(1, MAX_Z + 1, (count, 1), generator=generator).numpy()
    cell = grid.length * np.eye(3)
    return voxelize([Crystal(cell, place, z) for place, z in zip(places, numbers, strict=True)], grid, periodic=False)


def smoothed_noise(density: Tensor, grid: Grid, generator: torch.Generator) -> Tensor:
    """White noise blurred by the Gaussian of Eq. (1), with mean and deviation of each density [B, n, n, n]; above 0."""
    frequency = 2 * np.pi * torch.fft.fftfreq(grid.n, grid.spacing)
    along = torch.exp(-0.5 * (grid.sigma * frequency) ** 2)
    blur = along[:, None, None] * along[:, None] * along
    waves = torch.fft.fftn(torch.randn(density.shape, generator=generator), dim=(1, 2, 3)) * blur
    noise = torch.fft.ifftn(waves, dim=(1, 2, 3)).real
    deviation, mean = torch.std_mean(density, (1, 2, 3), keepdim=True)
    return torch.relu(mean + deviation * noise / noise.std((1, 2, 3), keepdim=True))


def other_mode(study: Study) -> Tensor:
    """The same crystals as the mode shows them in which the model was not trained; those that fit in the cube."""
    (mode,) = set(MODES) - {study.model.mode}
    grid, crystals = study.model.grid, study.chosen
    if mode == "single":
        crystals = crystals[fits(crystals, grid)]
    cubes = evaluation_cubes(crystals, mode, grid, study.seed)
    return torch.cat([torch.zeros(0, *3 * (grid.n,)), *(some.density(grid) for some in cubes)])


def _draw(path: Path, true: np.ndarray, predicted: np.ndarray, scored: dict[str, np.ndarray]) -> None:
    figure, cells = canvas(2, 3)
    axis, wide = figure.add_subplot(cells[:, 0]), figure.add_subplot(cells[:, 1:3])
    draw_pairs(axis, true, predicted, (0.0, 1.0))
    label_axes(axis, "true 1 − λ", "predicted 1 − λ", "mixtures of test crystals and noise")
    _draw_scores(wide, scored)
    save(figure, path)


def _draw_scores(axis: Any, scored: dict[str, np.ndarray]) -> None:
    """One histogram under another, each as high as its row; the paper's mean and deviation where it gives them."""
    rows = range(len(scored) - 1, -1, -1)
    for row, (kind, values) in zip(rows, scored.items(), strict=True):
        counts, edges = np.histogram(values, np.linspace(0, 1, 51))
        axis.stairs(row + 0.8 * counts / counts.max(), edges, baseline=row, fill=True)
        if kind in PAPER:
            mean, deviation = PAPER[kind]["mean"], PAPER[kind]["std"]
            axis.errorbar(mean, row + 0.4, xerr=deviation, fmt="kD", markersize=3, linewidth=1)
    names = [f"{kind}\n{values.mean():.2f} ± {values.std():.2f}" for kind, values in scored.items()]
    axis.set_yticks([row + 0.3 for row in rows], names)
    axis.set(xlim=(0, 1), ylim=(0, len(scored)))
    label_axes(
        axis, "score (1: as a real crystal's, 0: as noise's)", "", "scores; diamonds: the paper's, mean ± deviation"
    )
