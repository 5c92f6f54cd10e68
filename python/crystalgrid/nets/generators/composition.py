"""Composition of crystals: which elements occur together, in given numbers of atoms and a given space group."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...crystal import MAX_Z
from ...geometry.orbits import SPACE_GROUPS
from ..layers import perceptron

ELEMENTS = 6
"""The most different elements in one crystal; each has a slot, filled in the order of Z."""


class Composition(nn.Module):
    """An autoregressive distribution over the elements of a crystal, in the order of Z.

    The probabilities of each element depend on the lighter elements, the numbers of atoms of all, and the space group.

    atoms: the most atoms in a cell. width: the width of the two hidden layers.
    """

    def __init__(self, atoms: int, width: int = 192) -> None:
        super().__init__()
        self.elements = ELEMENTS
        self.element = nn.Embedding(MAX_Z + 1, 24)
        self.count = nn.Embedding(atoms + 1, 8)
        self.space_group = nn.Embedding(SPACE_GROUPS + 1, 24)
        sizes = (ELEMENTS * 33 + 24, width, width, MAX_Z + 1)
        self.next_element = perceptron(sizes, dropout=0.2)  # since there are few compositions to learn from
        self.slot_one_hot: Tensor
        self.register_buffer("slot_one_hot", torch.eye(ELEMENTS), persistent=False)

    def logits(self, elements: Tensor, counts: Tensor, space_group: Tensor, slot: int) -> Tensor:
        """Return the logits [B, 95] of the element in a slot, where class 0 is no element.

        Only elements heavier than the last and light enough to leave room for those that follow are possible.

        elements, counts: [B, ELEMENTS], of which elements before `slot` count; space_group: [B].
        """
        before = (torch.arange(elements.size(1), device=elements.device) < slot).long()
        embedded = torch.cat((self.element(elements * before), self.count(counts)), 2).flatten(1)
        one_hot = self.slot_one_hot[slot].expand(elements.size(0), -1)
        logits: Tensor = self.next_element(torch.cat((embedded, self.space_group(space_group), one_hot), 1))
        classes = torch.arange(logits.size(1), device=elements.device)
        heaviest = logits.size(1) - 1 - (counts[:, slot + 1 :] > 0).sum(1, keepdim=True)
        previous = elements[:, slot - 1, None] if slot > 0 else torch.zeros_like(heaviest)
        possible = torch.where(counts[:, slot, None] > 0, (classes > previous) & (classes <= heaviest), classes == 0)
        return logits.masked_fill(~possible, -math.inf)

    def loss(self, elements: Tensor, counts: Tensor, space_group: Tensor) -> Tensor:
        """Return the mean negative log probability of elements [B, ELEMENTS], given counts and space groups.

        Slots after the last element hold 0.
        """
        total = torch.zeros((), device=elements.device)
        for slot in range(ELEMENTS):
            total = total + F.cross_entropy(self.logits(elements, counts, space_group, slot), elements[:, slot])
        return total

    def forward(self, noise: Tensor, element_slots: Tensor, space_group: Tensor) -> Tensor:
        """Return atomic numbers [B, K] sampled from noise ~ N(0, 1) [B, ELEMENTS].

        element_slots: [B, K], 1 for atoms of the lightest element, 2 for the next …, 0 for no atom; space_group: [B].
        """
        counts = atoms_per_slot(element_slots)
        uniform = uniform_from_normal(noise)
        elements = torch.zeros_like(counts)
        for slot in range(self.elements):
            logits = self.logits(elements, counts, space_group, slot)
            elements[:, slot] = sample_by_inverse_cdf(logits, uniform[:, slot])
        return F.pad(elements, [1, 0]).gather(1, element_slots)


def uniform_from_normal(noise: Tensor) -> Tensor:
    """Return numbers uniform in [0, 1] for noise ~ N(0, 1): the probability of a smaller absolute value."""
    return torch.erf(noise.abs() / math.sqrt(2.0))


def atoms_per_slot(element_slots: Tensor, elements: int = ELEMENTS) -> Tensor:
    """Return the number of atoms in each element slot, [B, ELEMENTS], from the slots of atoms [B, K]."""
    return (element_slots.unsqueeze(2) == torch.arange(1, elements + 1, device=element_slots.device)).sum(1)


def sample_by_inverse_cdf(logits: Tensor, uniform: Tensor) -> Tensor:
    """Return classes [B] by inverse-CDF sampling of logits [B, C], classes in descending order of probability.

    uniform: [B], in [0, 1]; smaller numbers give more probable classes, 0 the most probable one.
    """
    probability, order = logits.softmax(1).sort(stable=True, dim=1, descending=True)
    rank = (probability.cumsum(1) < uniform.unsqueeze(1)).sum(1, keepdim=True)
    return order.gather(1, rank.clamp(max=order.size(1) - 1)).squeeze(1)
