"""What crystals are made of: which elements stand together, in such numbers and such symmetry."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...geometry.orbits import GROUPS
from ..segmentation.heads import SPECIES

ELEMENTS = 6
"""Different ones in a crystal, at most."""


class Composition(nn.Module):
    """Elements in the order of Z, each of which knows those before it, how many atoms there are of all, and the group.

    A noise u, uniform in [0, 1], becomes the choice up to which the probabilities, the largest first, come to u: so
    less noise means likelier choices.

    atoms: in one cell, at most.
    """

    def __init__(self, atoms: int, width: int = 192) -> None:
        super().__init__()
        self.element = nn.Embedding(SPECIES + 1, 24)
        self.count = nn.Embedding(atoms + 1, 8)
        self.group = nn.Embedding(GROUPS + 1, 24)
        self.next_element = perceptron(ELEMENTS * 33 + 24, width, SPECIES + 1)
        self.at: Tensor
        self.register_buffer("at", torch.eye(ELEMENTS), persistent=False)

    def logits(self, elements: Tensor, counts: Tensor, group: Tensor, place: int) -> Tensor:
        """[B, 95] of the next element, heavier than the last and leaving room for the rest; 0 where there is none.

        elements, counts: [B, ELEMENTS], of which the first `place` of elements are known; group: [B].
        """
        before = (torch.arange(elements.size(1), device=elements.device) < place).long()
        embedded = torch.cat((self.element(elements * before), self.count(counts)), 2).flatten(1)
        at = self.at[place].expand(elements.size(0), -1)
        logits = self.next_element(torch.cat((embedded, self.group(group), at), 1))
        classes = torch.arange(logits.size(1), device=elements.device)
        heaviest = logits.size(1) - 1 - (counts[:, place + 1 :] > 0).sum(1, keepdim=True)
        last = elements[:, place - 1, None] if place > 0 else torch.zeros_like(heaviest)
        possible = torch.where(counts[:, place, None] > 0, (classes > last) & (classes <= heaviest), classes == 0)
        return logits.masked_fill(~possible, -math.inf)

    @torch.jit.ignore
    def loss(self, elements: Tensor, counts: Tensor, group: Tensor) -> Tensor:
        """Mean negative log probability of elements [B, ELEMENTS], given counts and group; zeros behind the last."""
        total = torch.zeros((), device=elements.device)
        for place in range(ELEMENTS):
            total = total + F.cross_entropy(self.logits(elements, counts, group, place), elements[:, place])
        return total

    def forward(self, noise: Tensor, kinds: Tensor, group: Tensor, most: int = ELEMENTS) -> Tensor:
        """noise ~ N(0, 1) [B, ELEMENTS] to the numbers of atoms [B, K], of which `kinds` says which are alike."""
        counts = counts_of(kinds)
        at = uniform(noise)
        elements = torch.zeros_like(counts)
        for place in range(most):
            elements[:, place] = choice(self.logits(elements, counts, group, place), at[:, place])
        return F.pad(elements, [1, 0]).gather(1, kinds)


def uniform(noise: Tensor) -> Tensor:
    """noise ~ N(0, 1) to numbers that are uniform in [0, 1], nearer to 0 where there is less noise."""
    return torch.erf(noise.abs() / math.sqrt(2.0))


def counts_of(kinds: Tensor, most: int = ELEMENTS) -> Tensor:
    """[B, ELEMENTS]: how many atoms [B, K] are of the first kind, 1, and so on."""
    return (kinds.unsqueeze(2) == torch.arange(1, most + 1, device=kinds.device)).sum(1)


def choice(logits: Tensor, uniform: Tensor) -> Tensor:
    """[B]: of classes, the likeliest first, the one in which the sum of probabilities [B, C] passes `uniform` [B]."""
    probability, order = logits.softmax(1).sort(stable=True, dim=1, descending=True)
    passed = (probability.cumsum(1) < uniform.unsqueeze(1)).sum(1, keepdim=True)
    return order.gather(1, passed.clamp(max=order.size(1) - 1)).squeeze(1)


def perceptron(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """Three layers, which forget some of what they know while they learn: there are few compositions."""
    hidden = [nn.Linear(inputs, width), nn.SiLU(), nn.Dropout(0.2), nn.Linear(width, width), nn.SiLU(), nn.Dropout(0.2)]
    return nn.Sequential(*hidden, nn.Linear(width, outputs))
