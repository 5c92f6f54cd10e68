"""The crystals of a training run, and the description of the run in its checkpoints."""

import torch

from .. import __version__
from ..artifacts.metadata import DataInfo, RunInfo, StartInfo, Versions
from ..artifacts.recipe import Recipe
from ..data.crystalset import CrystalSet
from ..data.cubes import Cubes, evaluation_cubes
from ..data.filters import MAX_SIDE
from ..data.load import load_crystals
from ..errors import InputError
from ..grid import Grid
from .processes import only_first_prints, world_size

HELD_OUT_CRYSTALS = 64
"""The number of crystals of the validation split that are used while training."""
CRYSTALS_TOGETHER = 8
"""The number of crystals whose cubes are validated together, which bounds the memory of a paper-sized network."""


def load_splits(
    source: str, mode: str, seed: int, max_side: float = MAX_SIDE
) -> tuple[CrystalSet, CrystalSet, DataInfo]:
    """Return the crystals to train on, those to validate on, and the description of the data.

    Crystals whose longest side is `max_side` Å or longer are left out.
    """
    with only_first_prints():
        crystals = load_crystals(source, mode=mode, grid=Grid(), seed=seed, max_side=max_side)
    training = crystals.split("train")
    if len(training) == 0:
        raise InputError(f"{source}: no crystal in the split 'train'")
    return training, crystals.split("val"), DataInfo(source, crystals.checksum)


def held_out_cubes(val: CrystalSet, mode: str, seed: int) -> list[Cubes]:
    """Return batches of cubes to validate on."""
    val = val[:HELD_OUT_CRYSTALS]
    parts = [val[i : i + CRYSTALS_TOGETHER] for i in range(0, len(val), CRYSTALS_TOGETHER)]
    return [cubes for part in parts for cubes in evaluation_cubes(part, mode, Grid(), seed)]


def describe_run(mode: str, data: DataInfo, recipe: Recipe, seed: int, start: StartInfo | None = None) -> RunInfo:
    """Return the description of a run before its first step."""
    versions = Versions(__version__, str(torch.__version__))
    return RunInfo(recipe, mode, Grid(), data, seed, versions, processes=world_size(), start=start)
