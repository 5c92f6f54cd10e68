"""Charge balance of crystals: whether the charges of a crystal's atoms can add up to zero."""

import torch
from torch import Tensor, nn

from ...geometry.elements import NONMETALS, OXIDATION_STATES

LARGEST_CHARGE = 600
"""The largest sum of charges on the way to zero that is looked at; 64 atoms of the charge 9 have 576."""


class ChargeBalance(nn.Module):
    """A test of whether oxidation states, one an element, can add up to zero; an element alone and metals pass."""

    def __init__(self) -> None:
        super().__init__()
        self.largest_charge = LARGEST_CHARGE
        most = max(len(states) for states in OXIDATION_STATES)
        padded = [(states or [0]) + (states or [0])[:1] * (most - max(1, len(states))) for states in OXIDATION_STATES]
        self.states: Tensor
        self.is_metal: Tensor
        is_metal = [number not in NONMETALS for number in range(len(OXIDATION_STATES))]
        self.register_buffer("states", torch.tensor(padded), persistent=False)
        self.register_buffer("is_metal", torch.tensor(is_metal), persistent=False)

    def forward(self, elements: Tensor, counts: Tensor) -> Tensor:
        """Return whether the charges can balance, [B] bool, of elements and their numbers of atoms, [B, S]."""
        charge = torch.arange(-self.largest_charge, self.largest_charge + 1, device=elements.device)
        possible = (charge == 0).repeat(len(elements), 1)
        for slot in range(elements.size(1)):
            reached = torch.zeros_like(possible)
            for state in self.states[elements[:, slot]].T:
                before = torch.arange(len(charge), device=elements.device) - (state * counts[:, slot]).unsqueeze(1)
                inside = (before >= 0) & (before < len(charge))
                reached = reached | (possible.gather(1, before.clamp(0, len(charge) - 1)) & inside)
            possible = reached
        alone = (elements > 0).sum(1) == 1
        metallic = (self.is_metal[elements] | (elements == 0)).all(1)
        return possible[:, self.largest_charge] | alone | metallic
