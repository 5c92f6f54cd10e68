"""Hidden rotations: those of the lattice that bring a crystal onto itself, though its space group has none such."""

import torch
from torch import Tensor

from ...geometry.normaliser import HOLOHEDRIES
from ...geometry.wyckoff import standard_group
from .hidden_translations import TOLERANCE

MOST_ROTATIONS = 48
"""The rotations of a cubic lattice, improper ones too."""


def lattice_rotations() -> Tensor:
    """Return the rotations, improper ones too, of the lattices of each lattice system, [L, 48, 3, 3].

    They are of the conventional cell, in the order of `HOLOHEDRIES`; where there are fewer, the identity follows.
    """
    rotations = torch.eye(3, dtype=torch.float64).repeat(len(HOLOHEDRIES), MOST_ROTATIONS, 1, 1)
    for system, (_, full) in enumerate(HOLOHEDRIES):
        proper = torch.from_numpy(standard_group(full).rotations).double()
        rotations[system, : 2 * len(proper)] = torch.cat((proper, -proper))
    return rotations


def other_rotations(of_lattice: Tensor, own: Tensor, primitive: Tensor) -> Tensor:
    """Return the rotations of a lattice, of_lattice [H, 3, 3], that are not among a space group's `own` [M, 3, 3].

    Those returned, [R, 3, 3], act on rows of fractional coordinates in the primitive cell, whose basis in the
    conventional one is `primitive` [3, 3], and keep its lattice.
    """
    is_own = (of_lattice.unsqueeze(1) - own).abs().amax((2, 3)).amin(1) < 0.5
    rotations = primitive @ of_lattice[~is_own].mT @ torch.linalg.inv(primitive)
    keeps_lattice = (rotations - rotations.round()).abs().amax((1, 2)) < 0.01
    whole: Tensor = rotations[keeps_lattice].round()
    return whole


def has_hidden_rotation(
    frac_coords: Tensor, lattice: Tensor, numbers: Tensor, rotations: Tensor, tolerance: float = TOLERANCE
) -> bool:
    """Return whether one of the rotations [R, 3, 3], with some translation, brings a crystal onto itself.

    frac_coords: [N, 3]; lattice: [3, 3] Å; numbers: [N]; tolerance: in Å, within which atoms are in the same place.
    """
    is_like = numbers.unsqueeze(1) == numbers
    for rotation in rotations:
        turned = frac_coords @ rotation
        steps = frac_coords[is_like[0]] - turned[0]
        missing = (turned + steps.unsqueeze(1)).unsqueeze(2) - frac_coords
        squares = ((missing - missing.round()) @ lattice).square().sum(3)
        if bool(((squares < tolerance**2) & is_like).any(2).all(1).any()):
            return True
    return False
