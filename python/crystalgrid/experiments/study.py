"""A study: a model, fixed cubes of crystals, their reconstructions, and random draws, shared by all experiments."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..atoms import Atoms, find_atoms
from ..data.crystalset import CrystalSet
from ..data.cubes import evaluation_cubes
from ..latents import latents
from ..model import Model
from ..report.decoding import Decoded, decode, encode
from ..report.evaluation import CUBES_PER_CRYSTAL
from ..report.metrics import TrueAtoms, true_atoms


class Study(NamedTuple):
    """B fixed cubes of crystals, their reconstructions by a model, and B random draws; all tensors are on the CPU."""

    model: Model
    crystals: CrystalSet
    """All crystals of the data, of every split."""
    seed: int
    chosen: CrystalSet
    """The crystals that the cubes are cut from, `CUBES_PER_CRYSTAL` cubes each in turn."""
    density: Tensor
    """[B, n, n, n], Eq. (1)."""
    true: list[TrueAtoms]
    """The true atoms of each cube."""
    extracted: Atoms
    """The atoms found in the true species and density, as reconstructed atoms are found in the networks'."""
    logvar: Tensor
    """[B, latent_dim] log variance of q(z|M)."""
    reconstruction: Decoded
    """The reconstructions, decoded from the mean latent vectors."""
    drawn: Decoded
    """The draws, decoded from the first latent vectors that `crystalgrid-sample` draws with this seed, from the model's
    prior if it has one."""
    normal: Decoded
    """The draws from z ~ N(0, 1), as in the paper; the same as `drawn` without a learned prior."""

    @property
    def ids(self) -> np.ndarray:
        """The id of each cube's crystal, [B] str."""
        return np.repeat(self.chosen.ids, CUBES_PER_CRYSTAL)


@torch.no_grad()
def study(model: Model, crystals: CrystalSet, chosen: CrystalSet, seed: int) -> Study:
    """Reconstruct the evaluation's fixed cubes of the `chosen` among `crystals`, and decode as many random draws."""
    grid = model.grid
    batches = evaluation_cubes(chosen, model.mode, grid, seed, CUBES_PER_CRYSTAL)
    density = torch.cat([cubes.density(grid) for cubes in batches])
    species = torch.cat([cubes.species(grid) for cubes in batches])
    true = [atoms for cubes in batches for atoms in true_atoms(cubes, grid)]
    z, logvar = encode(model, density)
    noise = latents(seed, 0, len(z), model.latent_dim)
    normal = drawn = decode(model, noise, "random draws")
    if model.has_prior:
        drawn = decode(model, model.prior(noise.to(model.device)).cpu(), "draws of the prior")
    return Study(
        model=model,
        crystals=crystals,
        seed=seed,
        chosen=chosen,
        density=density,
        true=true,
        extracted=find_atoms(species, density, grid),
        logvar=logvar,
        reconstruction=decode(model, z, "reconstructions"),
        drawn=drawn,
        normal=normal,
    )
