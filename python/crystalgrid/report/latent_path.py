"""`crystalgrid-interpolate`: structures along the straight line between two crystals' latent vectors (Fig. 6B)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..artifacts.sampler import artifact, become_sampler
from ..data.cubes import evaluation_cubes
from ..data.load import load_crystals
from ..errors import InputError
from ..files import new_folder, written_whole
from ..model import Model, load

MOST_STEPS = 1_000_000


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


def write_path(a: Path, b: Path, model: str, out: Path, steps: int, resume: bool) -> None:
    """Write the latent vectors on the way from one crystal to another, then become the sampler that decodes them."""
    if not 2 <= steps <= MOST_STEPS:
        raise InputError(f"--steps: wanted 2 to {MOST_STEPS:,}, as both ends count, got {steps}")
    artifact(model)  # which the sampler needs, before there is anything in OUT
    loaded = load(model)
    ends = [encode_file(path, loaded) for path in (a, b)]
    if not resume:
        new_folder(out)
    latents = out / "latents.npy"
    with written_whole(latents) as temporary:
        np.save(temporary, line(ends[0], ends[1], steps).numpy())
    options = ["--out", str(out / "structures"), "--shard", "0/1", "--latents", str(latents), "--cif", "--save-density"]
    become_sampler(model, [*options, *["--resume"] * resume])
