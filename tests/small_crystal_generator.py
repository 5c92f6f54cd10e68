"""A small generator of crystals and a small autoencoder of crystals, trained for a few steps on the prototypes."""

from pathlib import Path

from crystalgrid.training.train_generator import train_generator

RECIPE = """
[generator]
width = 24
depth = 1
orbits = 12
widths = [32]
atoms = 24
[optimizer]
learning_rate = 3e-3
batch_size = 16
steps = 40
check_every = 4
"""
LATENT = """
[latent]
size = 60
tokens = 4
encoder_depth = 1
shaper_depth = 1
kl = 0.03
"""
LATENT_RECIPE = RECIPE.replace("check_every = 4", "check_every = 20") + LATENT


def train_small(out: Path, data: Path | str, max_steps: int, **changes: object) -> None:
    """Train the generator as `crystalgrid-train` does."""
    _train(RECIPE, out, data, max_steps, changes)


def train_small_latent(out: Path, data: Path | str, max_steps: int, **changes: object) -> None:
    """Train the autoencoder as `crystalgrid-train` does."""
    _train(LATENT_RECIPE, out, data, max_steps, changes)


def _train(recipe: str, out: Path, data: Path | str, max_steps: int, changes: dict[str, object]) -> None:
    """Train by a recipe so small that a training step takes a moment; changes: options that are others."""
    recipe_file = out.parent / f"{out.name}.toml"
    recipe_file.write_text(recipe)
    options = {
        "out": out, "data": str(data), "recipe": str(recipe_file), "start": None, "seed": 0, "max_steps": max_steps,
        "max_epochs": None, "minutes": None, "resume": False,
    }  # fmt: skip
    train_generator(**{**options, **changes})
