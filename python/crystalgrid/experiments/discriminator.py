"""The discriminator, which estimates the noise of a latent vector from its density (section 9, Eq. 7, Fig. 13)."""

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
from ..report.decoding import CUBES_AT_ONCE, decode_density, encode
from ..report.panels import canvas, draw_pairs, label_axes, save
from .study import Study

STEPS = 300
BATCH_SIZE = 32
LEARNING_RATE = 3e-3
"""The highest learning rate of a one-cycle schedule that ends at zero."""
N_EXAMPLES = 2048
"""The number of mixtures, decoded once and reused, since a decoder can be far slower than the discriminator."""
WIDE = 2.0
"""The standard deviation of the latent vectors that count as out of the distribution."""
PAPER = {"real decodes": {"mean": 0.90, "std": 0.01}, "random draws": {"mean": 0.84, "std": 0.05}}
"""The scores that Hoffmann et al. 2019 report (section 9)."""


def run(study: Study, folder: Path, accurate: Study | None, draws_by_beta: dict[str, Tensor]) -> dict[str, Any]:
    """Train a discriminator and return its scores of real decodes, random draws and densities made without a decoder.

    Draws discriminator.png.

    accurate: a study of the same crystals by a model with a small beta, whose decoder then makes the examples and the
        real decodes, as in the paper; by default the study's own model does.
    draws_by_beta: more densities [B, n, n, n] to score, by their names.
    """
    teacher = accurate or study
    generator = torch.Generator().manual_seed(study.seed)
    network = train(*examples(teacher, generator), generator, STEPS)
    mixed, noise_share = mix(teacher.reconstruction.z, generator)
    predicted = scores(network, decode_density(teacher.model, mixed))
    densities = {
        "real decodes": teacher.reconstruction.density,
        "random draws": study.normal.density,
        **({"draws of the prior": study.drawn.density} if study.model.has_prior else {}),
        **draws_by_beta,
        "real densities": teacher.density,
        **out_of_distribution(study, generator),
    }
    scores_by_source = {source: scores(network, density) for source, density in densities.items() if len(density)}
    real_share = 1 - noise_share.numpy()
    _draw(folder / "discriminator.png", real_share, predicted, scores_by_source)
    return {
        "steps": STEPS,
        "taught_by": "the model with the smallest beta" if accurate else "the model",
        "lambda_mean_absolute_error": float(abs(real_share - predicted).mean()),
        "scores": {source: {"mean": float(s.mean()), "std": float(s.std())} for source, s in scores_by_source.items()},
        "paper": PAPER,
    }


@torch.no_grad()
def examples(study: Study, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return decoded mixtures of random training cubes with noise, [B, 30, 30, 30], and the λ [B] of each."""
    crystals, model = study.crystals.split("train"), study.model
    chosen = torch.randint(len(crystals), (N_EXAMPLES,), generator=generator).numpy()
    epochs = np.arange(N_EXAMPLES)  # one each, so that a crystal chosen twice is cut in two ways
    cubes = training_cubes(crystals, model.mode, model.grid, generator.initial_seed(), epochs, chosen)
    mixed, noise_share = mix(encode(model, cubes.density(model.grid))[0], generator)
    parts = progress(mixed.split(CUBES_AT_ONCE), "mixtures of crystals and noise")
    return torch.cat([decode_density(model, part) for part in parts]), noise_share


def mix(z: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return ẑ = λ N(0, 1) + (1 - λ) z, Eq. (7), for z [B, latent_dim], and the random λ [B] in [0, 1)."""
    noise_share = torch.rand(len(z), generator=generator)
    noise = torch.randn(z.shape, generator=generator)
    return noise_share[:, None] * noise + (1 - noise_share[:, None]) * z, noise_share


def train(density: Tensor, noise_share: Tensor, generator: torch.Generator, steps: int) -> Discriminator:
    """Return a discriminator trained to predict the λ [B] of densities [B, 30, 30, 30].

    The labels (1 - λ, λ) of two classes are one number, and their cross entropy is the binary one.
    """
    with torch.random.fork_rng():
        torch.manual_seed(generator.initial_seed())
        network = Discriminator()
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    for _ in progress(range(steps), "training the discriminator"):
        chosen = torch.randint(len(noise_share), (BATCH_SIZE,), generator=generator)
        loss = F.binary_cross_entropy_with_logits(network(density[chosen]), 1 - noise_share[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval()


@torch.no_grad()
def scores(network: Discriminator, density: Tensor) -> np.ndarray:
    """Return the predicted 1 - λ [B] of densities [B, 30, 30, 30]: 1 for a real crystal's, 0 for noise."""
    return torch.cat([torch.sigmoid(network(part)) for part in density.split(BATCH_SIZE)]).numpy()


def out_of_distribution(study: Study, generator: torch.Generator) -> dict[str, Tensor]:
    """Return densities out of the distribution, by their names, as many of each as there are test cubes."""
    return {
        f"draws, {WIDE:g} times as wide": decode_density(study.model, WIDE * study.normal.z),
        "single atoms": single_atoms(len(study.density), study.model.grid, generator),
        "smoothed noise": smoothed_noise(study.density, study.model.grid, generator),
        "other mode": other_mode(study),
    }


def single_atoms(count: int, grid: Grid, generator: torch.Generator) -> Tensor:
    """Return densities [count, n, n, n] of one atom per cube, of a random species at a random position."""
    positions = torch.rand(count, 1, 3, generator=generator, dtype=torch.float64).numpy()
    numbers = torch.randint(1, MAX_Z + 1, (count, 1), generator=generator).numpy()
    lattice = grid.length * np.eye(3)
    crystals = [Crystal(lattice, frac_coords, z) for frac_coords, z in zip(positions, numbers, strict=True)]
    return voxelize(crystals, grid, periodic=False)


def smoothed_noise(density: Tensor, grid: Grid, generator: torch.Generator) -> Tensor:
    """Return white noise blurred by the Gaussian of Eq. (1) and cut off below 0.

    It has the mean and standard deviation of each density [B, n, n, n], but for the cut.
    """
    frequency = 2 * np.pi * torch.fft.fftfreq(grid.n, grid.spacing)
    gaussian = torch.exp(-0.5 * (grid.sigma * frequency) ** 2)
    transfer = gaussian[:, None, None] * gaussian[:, None] * gaussian
    spectrum = torch.fft.fftn(torch.randn(density.shape, generator=generator), dim=(1, 2, 3)) * transfer
    noise = torch.fft.ifftn(spectrum, dim=(1, 2, 3)).real
    deviation, mean = torch.std_mean(density, (1, 2, 3), keepdim=True)
    return torch.relu(mean + deviation * noise / noise.std((1, 2, 3), keepdim=True))


def other_mode(study: Study) -> Tensor:
    """Return densities of the same crystals in the mode that the model was not trained in, if they fit in the cube."""
    (mode,) = set(MODES) - {study.model.mode}
    grid, crystals = study.model.grid, study.chosen
    if mode == "single":
        crystals = crystals[fits(crystals, grid)]
    batches = evaluation_cubes(crystals, mode, grid, study.seed)
    return torch.cat([torch.zeros(0, *3 * (grid.n,)), *(cubes.density(grid) for cubes in batches)])


def _draw(path: Path, true: np.ndarray, predicted: np.ndarray, scores_by_source: dict[str, np.ndarray]) -> None:
    figure, panels = canvas(2, 3)
    axis = figure.add_subplot(panels[:, 0])
    draw_pairs(axis, true, predicted, (0.0, 1.0))
    label_axes(axis, "true 1 − λ", "predicted 1 − λ", "mixtures of test crystals and noise")
    _draw_scores(figure.add_subplot(panels[:, 1:3]), scores_by_source)
    save(figure, path)


def _draw_scores(axis: Any, scores_by_source: dict[str, np.ndarray]) -> None:
    """Draw one histogram per row, each as high as its row, and the paper's mean and deviation where it gives them."""
    rows = range(len(scores_by_source) - 1, -1, -1)
    for row, (source, values) in zip(rows, scores_by_source.items(), strict=True):
        counts, edges = np.histogram(values, np.linspace(0, 1, 51))
        axis.stairs(row + 0.8 * counts / counts.max(), edges, baseline=row, fill=True)
        if source in PAPER:
            mean, deviation = PAPER[source]["mean"], PAPER[source]["std"]
            axis.errorbar(mean, row + 0.4, xerr=deviation, fmt="kD", markersize=3, linewidth=1)
    names = [f"{source}\n{values.mean():.2f} ± {values.std():.2f}" for source, values in scores_by_source.items()]
    axis.set_yticks([row + 0.3 for row in rows], names)
    axis.set(xlim=(0, 1), ylim=(0, len(scores_by_source)))
    label_axes(
        axis, "score (1: as a real crystal's, 0: as noise's)", "", "scores; diamonds: the paper's, mean ± deviation"
    )
