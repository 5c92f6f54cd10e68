"""`crystalgrid-interpolate`: structures along the straight line between two crystals' latent vectors (Fig. 6B)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import tyro
from torch import Tensor

from .arguments import parsed
from .cubes import evaluation_cubes
from .data import load as load_crystals
from .errors import InputError, run_command
from .files import new_folder, written_whole
from .model import Model, load
from .sample import Flag, Sample, artifact

MOST_STEPS = 1_000_000


@dataclass
class Interpolate:
    """Encode two crystals, decode the straight line between their latent vectors.

    Writes OUT/latents.npy, and OUT/structures/ as crystalgrid-sample does: index 0 is A, the last one B.
    """

    a: tyro.conf.Positional[Path]
    """file with the first crystal; of several, the first that the model knows counts"""
    b: tyro.conf.Positional[Path]
    """file with the last one"""
    model: str = "mp10a-repeated"
    """model.pt, as crystalgrid-export writes it, or the name of a released model"""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("interpolation")
    """folder to write to, new or empty unless --resume"""
    steps: int = 9
    """how many structures, both ends included"""
    resume: Flag = False
    """go on where an interrupted run of the same command stopped"""


def encode_file(path: Path, model: Model) -> Tensor:
    """The mean latent vector [latent_dim] of the first crystal kept of a file, in evaluation's first cube of it.

    repeated mode: the cube's corner at the crystal's origin; single mode: centred, in a fixed random rotation. Raises
    InputError for a file without a crystal that the model knows.
    """
    crystals = load_crystals(str(path), mode=model.mode, grid=model.grid)
    (cubes,) = evaluation_cubes(crystals[:1], model.mode, model.grid, seed=0, per_crystal=1)
    with torch.no_grad():
        return model.encode(cubes.density(model.grid))[0][0]


def line(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """[steps, latent_dim]: evenly from a to b, both included."""
    share = torch.linspace(0, 1, steps)[:, None]
    return (1 - share) * a + share * b


def interpolate(options: Interpolate) -> Sample:
    """Write the latent vectors; returns what the sampler is then to do."""
    if not 2 <= options.steps <= MOST_STEPS:
        raise InputError(f"--steps: wanted 2 to {MOST_STEPS:,}, as both ends count, got {options.steps}")
    artifact(options.model)  # which the sampler needs, before there is anything in OUT
    model = load(options.model)
    a, b = (encode_file(path, model) for path in (options.a, options.b))
    if not options.resume:
        new_folder(options.out)
    latents = options.out / "latents.npy"
    with written_whole(latents) as temporary:
        np.save(temporary, line(a, b, options.steps).numpy())
    return Sample(
        options.model, options.out / "structures", resume=options.resume, shard="0/1", latents=latents, cif=True,
        save_density=True,
    )  # fmt: skip


def cli() -> None:
    """Entry point of `crystalgrid-interpolate`."""
    run_command(lambda: interpolate(parsed(Interpolate, "crystalgrid-interpolate")()).run())


if __name__ == "__main__":
    cli()
