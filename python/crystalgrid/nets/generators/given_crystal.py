"""A given crystal, near which others are drawn: how conditions carry it."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from .conditions import listed


class GivenCrystal(NamedTuple):
    """A crystal of O orbits in the standard setting; orbits of one element have one slot."""

    space_group: Tensor
    """[1] int64."""
    lattice: Tensor
    """[1, 3, 3] float64, rows in Å, of the conventional cell."""
    letters: Tensor
    """[1, O] int64."""
    slots: Tensor
    """[1, O] int64, numbered as elements first occur."""
    elements: Tensor
    """[1, S] int64, Z of each slot; 0 after the last."""
    points: Tensor
    """[1, O, 3] float64, fractional coordinates of the first atoms."""
    fixed: Tensor
    """[1, O] bool, whether an orbit keeps its element and its coordinates."""


def given_crystal(conditions: dict[str, list[float]], orbits: int, most_slots: int) -> GivenCrystal:
    """Return the crystal of the conditions `like` and `fix`.

    `like` holds the space group, the lattice as nine numbers, and five for each orbit: letter, Z, and coordinates;
    `fix` the indices of orbits. orbits, most_slots: the numbers to which orbits and elements are padded.
    """
    values = torch.tensor(conditions["like"], dtype=torch.float64)
    words = values[10:].view(1, -1, 5)
    numbers, fixed = words[:, :, 1].long(), torch.zeros(1, words.size(1), dtype=torch.bool)
    fixed[:, torch.tensor(listed(conditions, "fix"), dtype=torch.int64)] = True
    elements = torch.zeros(1, most_slots, dtype=torch.int64)
    slots, number = torch.zeros_like(numbers), 0
    for orbit in range(numbers.size(1)):
        same = torch.where(elements[0] == numbers[0, orbit])[0]
        if len(same) == 0:
            elements[0, number] = numbers[0, orbit]
            slots[0, orbit] = number
            number += 1
        else:
            slots[0, orbit] = same[0]
    missing = orbits - words.size(1)
    return GivenCrystal(
        values[:1].long(),
        values[1:10].view(1, 3, 3),
        F.pad(words[:, :, 0].long(), [0, missing], value=-1.0),
        F.pad(slots, [0, missing]),
        elements,
        F.pad(words[:, :, 2:], [0, 0, 0, missing]),
        F.pad(fixed, [0, missing]),
    )


def fixed_elements(conditions: dict[str, list[float]], orbits: int, most_slots: int) -> Tensor:
    """Return the elements that slots keep because one of their orbits is fixed, [1, S]; 0 for those that are free."""
    if "fix" not in conditions:
        return torch.zeros(1, most_slots, dtype=torch.int64)
    crystal = given_crystal(conditions, orbits, most_slots)
    kept = torch.zeros_like(crystal.elements)
    slots = crystal.slots[crystal.fixed]
    kept[0, slots] = crystal.elements[0, slots]
    return kept
