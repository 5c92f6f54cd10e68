"""The encoding and decoding of many cubes by a model, a few at a time: densities, latent vectors, atoms."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..atoms import Atoms, find_atoms
from ..model import Model
from ..progress import progress

CUBES_AT_ONCE = 16
"""The number of cubes in one pass of the networks, which bounds memory."""


class Decoded(NamedTuple):
    """Latent vectors with the densities and atoms that they decode to, on the CPU."""

    z: Tensor
    """[B, latent_dim]."""
    density: Tensor
    """[B, n, n, n], 1/Å³."""
    atoms: Atoms
    """The atoms found in the species that are segmented from the density."""


def encode(model: Model, density: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and log variance of z, each [B, latent_dim] on the CPU, of densities [B, n, n, n]."""
    mu, logvar = model.encode(density.to(model.device))
    return mu.cpu(), logvar.cpu()


@torch.no_grad()
def decode(model: Model, z: Tensor, label: str | None = None) -> Decoded:
    """Decode latent vectors [B, latent_dim] to densities and atoms, with a progress bar if it has a label."""
    parts = z.split(CUBES_AT_ONCE)
    decoded = [_decode_and_segment(model, part) for part in (progress(parts, label) if label else parts)]
    density, species, confidence = map(torch.cat, zip(*decoded, strict=True))
    return Decoded(z, density, find_atoms(species, density, model.grid, confidence=confidence))


@torch.no_grad()
def decode_density(model: Model, z: Tensor) -> Tensor:
    """Return the densities [B, n, n, n] of z [B, latent_dim], on the CPU, in far less time than with atoms."""
    return torch.cat([model.decode(part.to(model.device)).cpu() for part in z.split(CUBES_AT_ONCE)])


def _decode_and_segment(model: Model, z: Tensor) -> tuple[Tensor, ...]:
    """Return density, species and the species' confidence, each [B, n, n, n] on the CPU."""
    density = model.decode(z.to(model.device))
    return tuple(grids.cpu() for grids in (density, *model.segment(density)))
