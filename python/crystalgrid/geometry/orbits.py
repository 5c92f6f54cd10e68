"""Wyckoff orbits: the positions of atoms and the shapes of lattices that the symmetry of crystals allows."""

import math
from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from .lattices import from_parameters, parameters_of, products

SPACE_GROUPS = 230
"""The number of space groups."""
LINEAR_UNITS = 48
"""The units per 1 of affine maps and projectors, which are averages over 1 to 48 operations: multiples of 1/48."""
OFFSET_UNITS = 1 << 14
"""The units per 1 of offsets, which are rounded to multiples of 1/16384: 0.6 mÅ in a cell of 10 Å."""


class Orbits(NamedTuple):
    """The Wyckoff orbits of B crystals, padded to K atoms each.

    Atoms that symmetry operations take to each other are an orbit. The position of each follows from one free point u
    of its orbit: affine · u + offset, in fractional coordinates.

    In files and in memory they are whole numbers (int8 and int16, in the units below); `to_float` converts them for the
    functions of this module. The orbits of a single crystal lack the first dimension.
    """

    affine: Tensor
    """[B, K, 3, 3], in units of 1 / LINEAR_UNITS; zero where there is no atom."""
    projector: Tensor
    """[B, K, 3, 3], maps a step of an atom to the step of its orbit's free point; in units of 1 / LINEAR_UNITS."""
    offset: Tensor
    """[B, K, 3], in units of 1 / OFFSET_UNITS."""
    orbit: Tensor
    """[B, K], the index of the first atom of the atom's orbit."""
    metric_projector: Tensor
    """[B, 6, 6], maps the `products` of a lattice to their mean over the rotations; in units of 1 / LINEAR_UNITS."""
    space_group: Tensor
    """[B], the number of the space group."""


def pad_orbits(crystals: Iterable[Orbits], count: int, atoms: int) -> Orbits:
    """Return the orbits of `count` crystals, each given without a batch dimension, padded to the same number of atoms.

    Each missing atom is an orbit of its own, with zeros in all other fields.
    """
    batch = Orbits(
        torch.zeros(count, atoms, 3, 3, dtype=torch.int8),
        torch.zeros(count, atoms, 3, 3, dtype=torch.int8),
        torch.zeros(count, atoms, 3, dtype=torch.int16),
        torch.arange(atoms, dtype=torch.int8).repeat(count, 1),
        torch.zeros(count, 6, 6, dtype=torch.int16),
        torch.zeros(count, dtype=torch.int16),
    )
    for b, crystal in enumerate(crystals):
        for padded, values in zip(batch[:4], crystal[:4], strict=True):
            padded[b, : len(values)] = values
        batch.metric_projector[b] = crystal.metric_projector
        batch.space_group[b] = crystal.space_group
    return batch


def single_precision(orbits: Orbits) -> Orbits:
    """Return orbits whose numbers are float32."""
    return Orbits(
        orbits.affine.float(),
        orbits.projector.float(),
        orbits.offset.float(),
        orbits.orbit,
        orbits.metric_projector.float(),
        orbits.space_group,
    )


def to_float(orbits: Orbits, linear_units: int = LINEAR_UNITS, offset_units: int = OFFSET_UNITS) -> Orbits:
    """Return orbits stored in whole numbers as float32 maps and int64 indices."""
    return Orbits(
        orbits.affine.float() / linear_units,
        orbits.projector.float() / linear_units,
        orbits.offset.float() / offset_units,
        orbits.orbit.long(),
        orbits.metric_projector.float() / linear_units,
        orbits.space_group.long(),
    )


def from_first_atoms(orbits: Orbits, values: Tensor) -> Tensor:
    """Return for each atom the value [B, K, 3] of the first atom of its orbit."""
    return values.gather(1, orbits.orbit.unsqueeze(2).expand_as(values))


def orbit_steps(orbits: Orbits, free_steps: Tensor) -> Tensor:
    """Return the steps [B, K, 3] of all atoms for steps of free points [B, K, 3]; only those of first atoms count."""
    return (orbits.affine @ from_first_atoms(orbits, free_steps).unsqueeze(3)).squeeze(3)


def orbit_positions(orbits: Orbits, free_points: Tensor) -> Tensor:
    """Return the fractional coordinates [B, K, 3] of all atoms for free points [B, K, 3]; only first atoms' count."""
    return orbit_steps(orbits, free_points) + orbits.offset


def symmetrize_steps(orbits: Orbits, steps: Tensor) -> Tensor:
    """Return the part of the atoms' steps [B, K, 3], in fractional coordinates, that keeps the symmetry.

    It is the mean over each orbit, projected onto steps that keep the atoms on their Wyckoff positions.
    """
    same_orbit = (orbits.orbit.unsqueeze(2) == orbits.orbit.unsqueeze(1)).to(steps.dtype)
    free_steps = same_orbit @ (orbits.projector @ steps.unsqueeze(3)).squeeze(3) / same_orbit.sum(2, keepdim=True)
    return orbit_steps(orbits, free_steps)


def symmetrize_lattice(orbits: Orbits, lattice_params: Tensor) -> Tensor:
    """Return the `parameters` [B, 6] of the lattices whose metric is the mean over the rotations of the given ones."""
    metric = products(from_parameters(lattice_params)).unsqueeze(2)
    return parameters_of((orbits.metric_projector @ metric).squeeze(2))


def shortest_free_steps(orbits: Orbits, steps: Tensor, rounds: int = 3, linear_units: int = LINEAR_UNITS) -> Tensor:
    """Return steps [B, K, 3] from one free point to the nearest image of another, given steps to any of its images.

    Only lattice translations t with affine · t = t keep the symmetry and are tried. Only steps of first atoms count.
    Each round tries translations of up to two cells along each axis.
    """
    cells = torch.tensor([0.0, -1.0, 1.0, -2.0, 2.0]).to(steps)  # (x, 2 x, z) repeats after (1, 2, 0)
    translations = torch.cartesian_prod(cells, cells, cells)
    mapped = (orbits.affine.unsqueeze(2) @ translations.unsqueeze(2)).squeeze(4)
    allowed = (mapped - translations).abs().amax(3) < 0.5 / linear_units
    for _ in range(rounds):
        length = (steps.unsqueeze(2) + translations).square().sum(3).masked_fill(~allowed, math.inf)
        steps = steps + translations[length.argmin(2)]
    return steps
