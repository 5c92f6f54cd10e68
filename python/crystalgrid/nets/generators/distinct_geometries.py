"""The comparison of geometries of one structure type with the same elements, wherever their origins are."""

import math
from itertools import product

import torch
from torch import Tensor

from ...geometry.lattices import parameters

MILLER_INDICES = [hkl for hkl in product(range(-2, 3), repeat=3) if hkl > (0, 0, 0)]
"""The structure factors that are compared."""
ALIKE = 0.1
"""The largest difference of the marks of geometries that are alike.

Of 916 pairs of candidates for seven formulas, StructureMatcher matches all 28 that are alike, and two others.
"""


def marks_of(frac_coords: Tensor, numbers: Tensor, lattice: Tensor, miller_indices: Tensor) -> Tensor:
    """Return numbers [B, M] that tell geometries apart: sizes of structure factors, and the lattice parameters.

    A choice of the origin changes neither. The sizes are shares of the largest possible, of atoms that weigh the root
    of Z.

    frac_coords, numbers: [B, K, 3] and [B, K], 0 for no atom; lattice: [B, 3, 3]; miller_indices: [H, 3].
    """
    weights = numbers.double().sqrt()
    phases = 2 * math.pi * frac_coords @ miller_indices.T
    real = (weights.unsqueeze(1) @ phases.cos()).squeeze(1)
    imaginary = (weights.unsqueeze(1) @ phases.sin()).squeeze(1)
    sizes = (real.square() + imaginary.square()).sqrt() / weights.sum(1, keepdim=True).clamp(min=1)
    return torch.cat((sizes, parameters(lattice)), 1)


def first_of_alike(keys: Tensor, marks: Tensor, largest: float) -> Tensor:
    """Return whether each crystal differs from all kept before it, by key or by more than `largest` in a mark, [B]."""
    is_first = torch.ones_like(keys, dtype=torch.bool)
    for b in range(1, len(keys)):
        before = torch.where((keys[:b] == keys[b]) & is_first[:b])[0]
        is_first[b] = ((marks[before] - marks[b]).abs().amax(1) > largest).all()
    return is_first
