"""What crystals are made of: which elements stand together, and how many atoms there are of each."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .heads import SPECIES

ELEMENTS = 6
"""Different ones in a crystal, at most."""


class Composition(nn.Module):
    """Elements in the order of Z, and after each the number of its atoms; each step knows all before it.

    A noise u, uniform in [0, 1], becomes the choice up to which the probabilities, the largest first, come to u: so
    less noise means likelier choices.

    atoms: in one cell, at most.
    """

    def __init__(self, atoms: int, width: int = 192) -> None:
        super().__init__()
        self.atoms = atoms
        known = ELEMENTS * 32 + ELEMENTS
        self.element = nn.Embedding(SPECIES + 1, 24)
        self.count = nn.Embedding(atoms + 1, 8)
        self.next_element = perceptron(known, width, SPECIES + 1)
        self.next_count = perceptron(known + 24, width, atoms + 1)
        self.at: Tensor
        self.left: Tensor
        self.register_buffer("at", torch.eye(ELEMENTS), persistent=False)

    def known(self, elements: Tensor, counts: Tensor, place: int) -> Tensor:
        """What the first `place` of elements and counts [B, ELEMENTS] say, [B, known]."""
        embedded = torch.cat((self.element(elements), self.count(counts)), 2)
        before = (torch.arange(elements.size(1), device=elements.device) < place).to(embedded.dtype)
        return torch.cat(((embedded * before[:, None]).flatten(1), self.at[place].expand(elements.size(0), -1)), 1)

    def element_logits(self, elements: Tensor, counts: Tensor, place: int) -> Tensor:
        """[B, 95] of the next element, which is heavier than the last, or 0 where all are known."""
        logits = self.next_element(self.known(elements, counts, place))
        classes = torch.arange(logits.size(1), device=elements.device)
        if place == 0:
            return logits.masked_fill(classes == 0, -math.inf)
        last = elements[:, place - 1, None]
        room = counts[:, :place].sum(1, keepdim=True) < self.atoms
        possible = ((classes > last) & (last > 0) & room) | (classes == 0)
        return logits.masked_fill(~possible, -math.inf)

    def count_logits(self, elements: Tensor, counts: Tensor, place: int) -> Tensor:
        """[B, atoms + 1] of how many atoms of an element that is known; 0 for none."""
        known = torch.cat((self.known(elements, counts, place), self.element(elements[:, place])), 1)
        logits = self.next_count(known)
        left = self.atoms - counts[:, :place].sum(1, keepdim=True)
        classes = torch.arange(self.atoms + 1, device=elements.device)
        possible = torch.where(elements[:, place, None] > 0, (classes > 0) & (classes <= left), classes == 0)
        return logits.masked_fill(~possible, -math.inf)

    @torch.jit.ignore
    def loss(self, elements: Tensor, counts: Tensor) -> Tensor:
        """Mean negative log probability of elements and counts [B, ELEMENTS], zeros behind the last."""
        total = torch.zeros((), device=elements.device)
        for place in range(ELEMENTS):
            total = total + F.cross_entropy(self.element_logits(elements, counts, place), elements[:, place])
            total = total + F.cross_entropy(self.count_logits(elements, counts, place), counts[:, place])
        return total

    def forward(self, noise: Tensor, most: int = ELEMENTS) -> Tensor:
        """noise ~ N(0, 1) [B, 2 ELEMENTS] to the numbers of one cell's atoms [B, atoms], zeros behind the last."""
        uniform = torch.erf(noise.abs() / math.sqrt(2.0))
        elements = torch.zeros(noise.size(0), most, dtype=torch.long, device=noise.device)
        counts = torch.zeros_like(elements)
        for place in range(most):
            elements[:, place] = choice(self.element_logits(elements, counts, place), uniform[:, 2 * place])
            counts[:, place] = choice(self.count_logits(elements, counts, place), uniform[:, 2 * place + 1])
        ends = counts.cumsum(1)
        atom = torch.arange(self.atoms, device=noise.device).expand(noise.size(0), -1).contiguous()
        of = torch.searchsorted(ends, atom, right=True).clamp(max=most - 1)
        return torch.where(atom < ends[:, -1:], elements.gather(1, of), 0)


def choice(logits: Tensor, uniform: Tensor) -> Tensor:
    """[B]: of classes, the likeliest first, the one in which the sum of probabilities [B, C] passes `uniform` [B]."""
    probability, order = logits.softmax(1).sort(stable=True, dim=1, descending=True)
    passed = (probability.cumsum(1) < uniform.unsqueeze(1)).sum(1, keepdim=True)
    return order.gather(1, passed.clamp(max=order.size(1) - 1)).squeeze(1)


def perceptron(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """Three layers, which forget some of what they know while they learn: there are few compositions."""
    hidden = [nn.Linear(inputs, width), nn.SiLU(), nn.Dropout(0.2), nn.Linear(width, width), nn.SiLU(), nn.Dropout(0.2)]
    return nn.Sequential(*hidden, nn.Linear(width, outputs))
