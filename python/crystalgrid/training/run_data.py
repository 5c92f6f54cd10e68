"""The crystals of a training run, and what its checkpoints say of the run."""

from dataclasses import asdict
from typing import Any

import torch

from .. import __version__
from ..artifacts.checkpoint import FORMAT
from ..artifacts.recipe import Recipe
from ..data.crystalset import CrystalSet
from ..data.cubes import Cubes, evaluation_cubes
from ..data.load import load_crystals
from ..errors import InputError
from ..grid import Grid
from .processes import only_first_prints, world_size

HELD_OUT_CRYSTALS = 64
"""Crystals of the validation split that are validated on while training."""
CRYSTALS_TOGETHER = 8
"""Crystals whose cubes are validated together, which bounds the memory of a paper-sized network."""


def load_splits(source: str, mode: str, seed: int) -> tuple[CrystalSet, CrystalSet, str]:
    """Return the crystals to train on, those to validate on, and the checksum of all of them."""
    with only_first_prints():
        crystals = load_crystals(source, mode=mode, grid=Grid(), seed=seed)
    training = crystals.split("train")
    if len(training) == 0:
        raise InputError(f"{source}: no crystal in the split 'train'")
    return training, crystals.split("val"), crystals.checksum


def held_out_cubes(val: CrystalSet, mode: str, seed: int) -> list[Cubes]:
    """Return batches of cubes to validate on."""
    val = val[:HELD_OUT_CRYSTALS]
    parts = [val[i : i + CRYSTALS_TOGETHER] for i in range(0, len(val), CRYSTALS_TOGETHER)]
    return [cubes for part in parts for cubes in evaluation_cubes(part, mode, Grid(), seed)]


def describe_run(mode: str, source: str, checksum: str, recipe: Recipe, seed: int) -> dict[str, Any]:
    """Return what checkpoints say of a run."""
    return {
        "format": FORMAT,
        "recipe": recipe.to_dict(),
        "mode": mode,
        "grid": asdict(Grid()),
        "data": {"source": source, "checksum": checksum},
        "seed": seed,
        "versions": {"crystalgrid": __version__, "torch": str(torch.__version__)},
        "processes": world_size(),
    }
