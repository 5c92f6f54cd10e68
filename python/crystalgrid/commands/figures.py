"""`crystalgrid figures`: repeat the paper's experiments with one model."""

from pathlib import Path
from typing import Literal

import tyro

from ..errors import require
from .arguments import check_positive
from .signals import importing


def figures(
    model: tyro.conf.Positional[str],
    out: Path,
    data: str = "prototypes",
    split: Literal["train", "val", "test"] = "test",
    max_cubes: int = 120,
    seed: int = 0,
    betas: tuple[float, ...] = (),
    minutes_each: float = 10.0,
) -> None:
    """Repeat the paper's experiments with one model: every figure as PNG (and GIF), every number in OUT/figures.json.

    Reconstruction, interpolation, random draws and the crystals in them, conditioning on the largest density, and the
    discriminator take a few minutes. The sweep over beta trains a model for each of --betas, kept in OUT/betas, and
    runs only if they are given; the same command resumes a sweep that was stopped. docs/experiments.md says what
    each figure shows.

    Args:
        model: folder of a training run, an exported model.pt, or the name of a released model.
        out: folder for the figures; files of the same names are replaced.
        data: "prototypes", a Parquet file, or a folder.
        split: "train", "val" or "test": the crystals to reconstruct and to compare draws with.
        max_cubes: use about this many cubes, three per crystal, and as many draws.
        seed: seed of the choice of crystals and their cubes, the draws, the discriminator, the models of the sweep, and
            the split if the data has none.
        betas: weights of the KL divergence for the sweep, such as 1e-4 1e-3 1e-2 1e-1, in the recipe's unit.
        minutes_each: minutes of training for each of --betas.
    """
    check_positive(max_cubes=max_cubes, minutes_each=minutes_each)
    for beta in betas:
        check_positive(betas=beta)
    require("pymatgen", "data")
    require("matplotlib", "plot")
    with importing():
        from ..experiments.figures import run_experiments
    run_experiments(model, out, data, split, max_cubes=max_cubes, seed=seed, betas=betas, minutes_each=minutes_each)


COMMAND = figures
