"""Neighbours: the pairs of atoms within a distance of each other, of many periodic crystals at once, on any device."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Neighbours(NamedTuple):
    """The P ordered pairs of atoms within a cutoff; each pair is listed from both of its atoms."""

    first: Tensor
    """[P] int64, the atom that the pair is listed from."""
    second: Tensor
    """[P] int64."""
    vectors: Tensor
    """[P, 3], in Å from the first atom to the periodic image of the second."""


def neighbours(positions: Tensor, lattice: Tensor, crystal: Tensor, cutoff: float) -> Neighbours:
    """Return all pairs of atoms of the same crystal that are nearer than a cutoff, images in other cells among them.

    positions: [N, 3] Å, inside of the cells or not. lattice: [B, 3, 3], rows Å. crystal: [N] int64, the crystal of each
    atom, in order. cutoff: in Å.
    """
    inverse = torch.linalg.inv(lattice)
    frac_coords = torch.einsum("nj,njk->nk", positions, inverse[crystal])
    cells = frac_coords.floor()
    in_cell = frac_coords - cells
    n_atoms = torch.bincount(crystal, minlength=len(lattice))
    reach = torch.ceil(cutoff * torch.linalg.norm(inverse, dim=1)).long()  # cells, for atoms that are in the first cell
    n_images = 2 * reach + 1
    n_candidates = n_atoms.square() * n_images.prod(dim=1)
    of_pair = torch.repeat_interleave(n_candidates)
    number = torch.arange(len(of_pair), device=crystal.device) - (n_candidates.cumsum(0) - n_candidates)[of_pair]
    first_atom = (n_atoms.cumsum(0) - n_atoms)[of_pair]
    image = torch.empty(len(of_pair), 3, dtype=torch.int64, device=crystal.device)
    for axis in range(3):
        image[:, axis] = number % n_images[of_pair, axis] - reach[of_pair, axis]
        number = number // n_images[of_pair, axis]
    first = first_atom + number % n_atoms[of_pair]
    second = first_atom + number // n_atoms[of_pair]
    vectors = torch.einsum("pj,pjk->pk", in_cell[second] + image - in_cell[first], lattice[of_pair])
    itself = (first == second) & (image == 0).all(dim=1)
    near = (vectors.square().sum(dim=1) < cutoff**2) & ~itself
    return Neighbours(first[near], second[near], vectors[near])
