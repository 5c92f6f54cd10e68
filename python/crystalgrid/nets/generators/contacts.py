"""Contacts: how near the atoms of crystals come to each other, measured by their radii."""

import math

import torch
from torch import Tensor

from ...geometry.lattices import neighbours

BONDING_GAP = 0.7
"""The length in Å that is added to two radii."""


def closest_contact(
    frac_coords: Tensor, lattice: Tensor, numbers: Tensor, radii: Tensor, bonding_gap: float = BONDING_GAP
) -> Tensor:
    """Return the least ratio of a distance to the sum of both radii and the bonding gap, [B].

    The images of the 27 cells around the rounded difference are looked at. An atom's own images are left out, so that
    a crystal of one atom has no contact: infinity.

    frac_coords: [B, K, 3]; lattice: [B, 3, 3] Å; numbers: [B, K], 0 for no atom; radii: [94 + 1] Å.
    """
    difference = frac_coords.unsqueeze(2) - frac_coords.unsqueeze(1)
    difference = (difference - difference.round()) @ lattice.unsqueeze(1)
    radius = radii[numbers]
    length = radius.unsqueeze(2) + radius.unsqueeze(1) + bonding_gap
    is_atom = numbers > 0
    other = ~torch.eye(numbers.size(1), dtype=torch.bool, device=numbers.device)
    is_pair = is_atom.unsqueeze(2) & is_atom.unsqueeze(1) & other
    squares = difference.square().sum(3)
    for step in neighbours(numbers.device):
        image = difference + (step.to(lattice.dtype) @ lattice)[:, None, None]
        squares = torch.minimum(squares, image.square().sum(3))
    return (squares.sqrt() / length).masked_fill(~is_pair, math.inf).flatten(1).amin(1)
