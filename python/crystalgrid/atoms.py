"""Atoms: found in species labels as connected components (section 4.2.2)."""

from typing import NamedTuple

import torch
from torch import Tensor

from . import _core
from .boundary import address, core_on, positive, thread_count
from .density import DEFAULT_GRID
from .errors import InputError
from .grid import Grid


class Atoms(NamedTuple):
    """Atoms found in B cubes; those of cube b are offsets[b]:offsets[b+1]."""

    positions: Tensor
    """[N, 3] float64, Å from the cube's corner."""
    numbers: Tensor
    """[N] int64, atomic numbers."""
    offsets: Tensor
    """[B+1] int64."""
    votes: Tensor
    """[N] int64, voxels that voted for the number."""


def find_atoms(
    species: Tensor,
    density: Tensor | None = None,
    grid: Grid = DEFAULT_GRID,
    threads: int | None = None,
    *,
    connectivity: int = 6,
    radius: float = 0.5,
) -> Atoms:
    """Atoms as components of labelled voxels: majority vote for the species, density-weighted mean for the position.

    species: uint8 [B, n, n, n], atomic numbers, 0 where there is no atom.
    density: float [B, n, n, n]; a voxel weighs what its density is, but at most half its atom's mean, so that
        neighbours do not pull and wrong labels hardly count. Without it all voxels weigh alike.
    connectivity: 6, voxels that share a face touch, or 26, also those that share an edge or a corner.
    radius: Å, of the balls that the labels were made with.

    Unlike labels that touch are told apart, while a few wrong voxels in a ball are outvoted: a component of one label
    joins an atom it touches if their centres are closer than 1.4 radii, or if it has less than a quarter of a ball's
    voxels.

    Raises InputError for shapes, types or options that do not fit.
    """
    if not isinstance(grid, Grid):
        raise InputError(f"grid: wanted a Grid, got {type(grid).__name__}")
    for name, value in {"species": species, **({} if density is None else {"density": density})}.items():
        if not isinstance(value, Tensor):
            raise InputError(f"{name}: wanted a tensor, got {type(value).__name__}")
    shape = (len(species), grid.n, grid.n, grid.n)
    if species.dtype != torch.uint8 or tuple(species.shape) != shape:
        raise InputError(f"species: wanted uint8 of shape {shape}, got {species.dtype} of {tuple(species.shape)}")
    if density is not None:
        if tuple(density.shape) != shape or density.device != species.device:
            raise InputError(
                f"density: wanted shape {shape} on {species.device}, got {tuple(density.shape)} on {density.device}"
            )
        density = density.detach().to(torch.float32).contiguous()
    if connectivity not in (6, 26):
        raise InputError(f"connectivity: wanted 6 or 26, got {connectivity!r}")
    species = species.contiguous()
    found = core_on(species.device).find_atoms(
        address(species),
        address(density),
        len(species),
        _core.Grid(grid.n, grid.length, grid.sigma),
        connectivity=connectivity,
        radius=positive("radius", radius),
        threads=thread_count(threads),
    )
    positions, numbers, offsets, votes = (torch.from_numpy(values) for values in found)
    return Atoms(positions.reshape(-1, 3), numbers, offsets, votes)
