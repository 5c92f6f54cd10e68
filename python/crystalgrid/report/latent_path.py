"""A path in latent space: the line between two crystals' latent vectors, decoded by the sampler (Fig. 6B)."""

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
from ..generation.latent_model import LatentModel
from ..latents import line
from ..model import Model, load
from .latent.crystal_path import write_crystal_path

MAX_STEPS = 1_000_000


def encode_file(path: Path, model: Model) -> Tensor:
    """Return the mean latent vector [latent_dim] of the first crystal in a file that the model accepts.

    The crystal is encoded in the first of its evaluation cubes: in repeated mode with the cube's corner at its origin,
    in single mode centred and in a fixed random rotation. Raises InputError for a file without such a crystal.
    """
    crystals = load_crystals(str(path), mode=model.mode, grid=model.grid)
    (cubes,) = evaluation_cubes(crystals[:1], model.mode, model.grid, seed=0, per_crystal=1)
    with torch.no_grad():
        return model.encode(cubes.density(model.grid))[0][0]


def write_path(a: Path, b: Path, model: str, out: Path, *, steps: int, resume: bool) -> None:
    """Write what is between two crystals: crystals by an autoencoder of crystals, or else densities by the sampler."""
    loaded = load(model)
    if isinstance(loaded, LatentModel):
        if resume:
            raise InputError("--resume: wanted a model of densities; crystals between two are written whole")
        write_crystal_path(loaded, model, a, b, out, steps)
    elif isinstance(loaded, Model):
        write_density_path(loaded, a, b, model, out, steps=steps, resume=resume)
    else:
        raise InputError(f"{model}: a generator that encodes no crystals, wanted an autoencoder, such as mp10a-latent")


def write_density_path(loaded: Model, a: Path, b: Path, model: str, out: Path, *, steps: int, resume: bool) -> None:
    """Write the latent vectors from one crystal to another, then replace this process by the sampler to decode them."""
    if not 2 <= steps <= MAX_STEPS:
        raise InputError(f"--steps: wanted 2 to {MAX_STEPS:,}, as both ends count, got {steps}")
    artifact(model)  # the sampler needs one; this raises before anything is written
    start, end = (encode_file(path, loaded) for path in (a, b))
    if not resume:
        new_folder(out)
    latents = out / "latents.npy"
    with written_whole(latents) as temporary:
        np.save(temporary, line(start, end, steps).numpy())
    options = ["--out", str(out / "structures"), "--shard", "0/1", "--latents", str(latents), "--save-density"]
    become_sampler(model, [*options, *["--resume"] * resume])
