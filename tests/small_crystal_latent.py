"""A small autoencoder of crystals, trained for a few steps on the prototypes."""

from pathlib import Path

from crystalgrid.training.train_generator import train_generator

RECIPE = """
[generator]
width = 24
depth = 1
orbits = 12
widths = [32]
atoms = 24
[latent]
size = 60
tokens = 4
encoder_depth = 1
shaper_depth = 1
kl = 0.03
[optimizer]
learning_rate = 3e-3
batch_size = 16
steps = 40
check_every = 20
"""


def train_small_latent(out: Path, data: Path | str, max_steps: int, **changes: object) -> None:
    """Train that autoencoder as `crystalgrid-train` does."""
    recipe = out.parent / f"{out.name}.toml"
    recipe.write_text(RECIPE)
    options = {
        "out": out, "data": str(data), "recipe": str(recipe), "start": None, "seed": 0, "max_steps": max_steps,
        "max_epochs": None, "minutes": None, "resume": False,
    }  # fmt: skip
    train_generator(**{**options, **changes})
