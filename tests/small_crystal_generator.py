"""A small generator of crystals, trained for a few steps on the prototypes."""

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


def write_generator_recipe(path: Path) -> Path:
    """Write the recipe of a generator so small that a training step takes a moment."""
    path.write_text(RECIPE)
    return path


def train_small(out: Path, data: Path | str, max_steps: int, **changes: object) -> None:
    """Train that generator as `crystalgrid-train` does."""
    options = {
        "out": out, "data": str(data), "recipe": str(write_generator_recipe(out.parent / f"{out.name}.toml")),
        "start": None, "seed": 0, "max_steps": max_steps, "max_epochs": None, "minutes": None, "resume": False,
    }  # fmt: skip
    train_generator(**{**options, **changes})
