"""Small autoencoders of densities and their priors, trained for a few steps, for several test files."""

from pathlib import Path

from crystalgrid.artifacts.recipe import Optimizer
from crystalgrid.training.prior import PriorRecipe
from crystalgrid.training.train_prior import train_prior

RECIPE = """
[network]
unet = [4]
fit_cubes = 256
{network}
[loss]
beta = 1e-2
[optimizer]
learning_rate = 1e-3
batch_size = 2
steps = 2
"""
NETWORKS = {
    "latent vectors": 'autoencoder = "blur_modes"\nencoder = [8]\ndecoder = [8]\nlatent_dim = 16\nmodes = 4',
    "unit cells": 'autoencoder = "lattice"\nlatent_dim = 60',
}
"""Networks of a recipe, by what a prior for them draws."""
SMALL_PRIOR = PriorRecipe(
    widths=(32, 48), optimizer=Optimizer(learning_rate=1e-3, batch_size=64, steps=1000, warmup=100, decay=True)
)


def write_recipe(path: Path, draws: str) -> Path:
    """Write a recipe of small networks, a key of `NETWORKS`."""
    path.write_text(RECIPE.format(network=NETWORKS[draws]))
    return path


def train_small_prior(
    model: Path | str,
    out: Path,
    data: Path,
    max_steps: int,
    start: Path | str | None = None,
    seed: int = 0,
    resume: bool = False,
) -> None:
    """Train a small prior as `crystalgrid-prior` does."""
    train_prior(
        model=str(model), out=out, data=str(data), start=start and str(start), seed=seed, max_steps=max_steps,
        minutes=None, resume=resume, prior_recipe=SMALL_PRIOR,
    )  # fmt: skip
