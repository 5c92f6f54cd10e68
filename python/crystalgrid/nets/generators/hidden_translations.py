"""Hidden translations: those that bring the atoms of a cell onto each other, so that a smaller cell would do."""

import torch
from torch import Tensor

TOLERANCE = 0.01
"""The distance in Å within which atoms are in the same place, as in the search for symmetry."""


def has_hidden_translation(
    frac_coords: Tensor, lattice: Tensor, numbers: Tensor, tolerance: float = TOLERANCE
) -> Tensor:
    """Return whether a translation that is none of the lattice brings each crystal onto itself, [B] bool.

    frac_coords: [B, K, 3]; lattice: [B, 3, 3] Å; numbers: [B, K], 0 for no atom, of which the first is an atom.
    """
    is_atom = numbers > 0
    is_like = (numbers.unsqueeze(2) == numbers.unsqueeze(1)) & is_atom.unsqueeze(1)
    difference = frac_coords.unsqueeze(2) - frac_coords.unsqueeze(1)
    found = torch.zeros(len(numbers), dtype=torch.bool, device=numbers.device)
    for other in range(1, numbers.size(1)):
        step = frac_coords[:, other] - frac_coords[:, 0]
        moved = difference + step[:, None, None]
        squares = ((moved - moved.round()) @ lattice.unsqueeze(1)).square().sum(3)
        meets_like = ((squares < tolerance**2) & is_like).any(2)
        found = found | (is_like[:, 0, other] & (meets_like | ~is_atom).all(1))
    return found
