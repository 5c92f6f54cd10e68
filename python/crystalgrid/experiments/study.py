"""What all experiments look at: a model, fixed cubes of crystals, and what the model makes of them."""

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
from ..progress import progress
from ..report.evaluation import CUBES_AT_ONCE, CUBES_PER_CRYSTAL, decoded, encoded
from ..report.metrics import TrueAtoms, true_atoms


class Decoded(NamedTuple):
    """What latent vectors decode to."""

    z: Tensor
    """[B, latent_dim]."""
    density: Tensor
    """[B, n, n, n], 1/Å³."""
    atoms: Atoms
    """Found in the species that are segmented from the density."""


class Study(NamedTuple):
    """B fixed cubes of crystals, what the model makes of them, and B random draws; all tensors are on the CPU."""

    model: Model
    crystals: CrystalSet
    """All there are, of every split."""
    seed: int
    chosen: CrystalSet
    """Those that the cubes are of, `CUBES_PER_CRYSTAL` each in turn."""
    density: Tensor
    """[B, n, n, n], Eq. (1)."""
    true: list[TrueAtoms]
    extracted: Atoms
    """Found in the true species and density, as atoms are found in what networks say."""
    logvar: Tensor
    """[B, latent_dim] of q(z|M)."""
    reconstruction: Decoded
    """Of the mean latent vectors."""
    drawn: Decoded
    """The first of the library `seed`, as `crystalgrid-sample` draws them, from the model's prior if it has one."""
    normal: Decoded
    """Of z ~ N(0, 1), the paper's draws; the same where no prior was learned."""

    @property
    def ids(self) -> np.ndarray:
        """[B] str, the crystal of each cube."""
        return np.repeat(self.chosen.ids, CUBES_PER_CRYSTAL)


@torch.no_grad()
def study(model: Model, crystals: CrystalSet, chosen: CrystalSet, seed: int) -> Study:
    """The evaluation's fixed cubes of the `chosen` among `crystals`, their reconstructions, and as many draws."""
    grid = model.grid
    batches = evaluation_cubes(chosen, model.mode, grid, seed, CUBES_PER_CRYSTAL)
    density = torch.cat([cubes.density(grid) for cubes in batches])
    species = torch.cat([cubes.species(grid) for cubes in batches])
    true = [atoms for cubes in batches for atoms in true_atoms(cubes, grid)]
    z, logvar = encoded(model, density)
    extracted = find_atoms(species, density, grid)
    reconstruction = decode(model, z, "reconstructions")
    noise = latents(seed, 0, len(z), model.latent_dim)
    normal = decode(model, noise, "random draws")
    drawn = (
        decode(model, model.prior(noise.to(model.device)).cpu(), "draws of the prior") if model.has_prior else normal
    )
    return Study(model, crystals, seed, chosen, density, true, extracted, logvar, reconstruction, drawn, normal)


@torch.no_grad()
def decode(model: Model, z: Tensor, what: str) -> Decoded:
    """Densities and atoms of latent vectors [B, latent_dim]; `what` they are is said while it takes its time."""
    parts = [decoded(model, part) for part in progress(z.split(CUBES_AT_ONCE), what)]
    density, species, confidence = map(torch.cat, zip(*parts, strict=True))
    return Decoded(z, density, find_atoms(species, density, model.grid, confidence=confidence))


@torch.no_grad()
def densities(model: Model, z: Tensor) -> Tensor:
    """Densities alone [B, n, n, n] of latent vectors [B, latent_dim], which takes far less time than atoms."""
    return torch.cat([model.decode(part.to(model.device)).cpu() for part in z.split(CUBES_AT_ONCE)])
