"""Contacts: how near atoms of two species come to each other in crystals, and atoms that are nearer pushed apart."""

import torch
from torch import Tensor, nn

from ...geometry.lattices import neighbours
from ...geometry.orbits import Sites, symmetric
from ..segmentation.heads import SPECIES

LEAST = 0.1
"""Of the crystals that have two species, so many have their atoms nearer."""
FEW = 4.0
"""Crystals that are believed as much as what is known of each species by itself."""
USUAL = 1.3
"""Å, half of the distance between atoms of which nothing is known."""
PUSHES, STEP = 16, 0.3
"""How often atoms are pushed apart, and which part of what they lack each of the two moves."""


class Contacts(nn.Module):
    """The least distance of every two species, a tenth from the bottom of those in crystals.

    Of species that are rarely in a crystal together it is, more or less, the sum of a radius for each.
    """

    def __init__(self) -> None:
        super().__init__()
        self.least: Tensor
        self.register_buffer("least", torch.full((1 + SPECIES, 1 + SPECIES), 2 * USUAL))

    @torch.jit.ignore
    def fit(self, first: Tensor, second: Tensor, distance: Tensor) -> None:
        """From the shortest distance [N], Å, in a crystal, of two species of Z [N] and [N]."""
        order = torch.argsort(distance)
        order = order[torch.argsort((first * (1 + SPECIES) + second)[order], stable=True)]
        pairs, counts = torch.stack((first, second), 1)[order].unique_consecutive(dim=0, return_counts=True)
        low = distance[order][counts.cumsum(0) - counts + (LEAST * (counts - 1)).round().long()].double()
        radii = self.radii(pairs, low, counts.double())
        self.least.copy_(radii[:, None] + radii)
        a, b = pairs.unbind(1)
        known = counts / (counts + FEW)
        self.least[a, b] = self.least[b, a] = (known * low + (1 - known) * self.least[a, b]).to(self.least.dtype)

    @staticmethod
    def radii(pairs: Tensor, distance: Tensor, weight: Tensor) -> Tensor:
        """[1 + SPECIES] whose sums come nearest to distances [P] of pairs [P, 2]; the usual one for other species."""
        row = torch.arange(len(pairs), device=pairs.device)
        terms = torch.zeros(len(pairs), 1 + SPECIES, dtype=distance.dtype, device=distance.device)
        for species in pairs.unbind(1):
            terms[row, species] += 1
        squares = terms.T @ (weight[:, None] * terms)
        unit = torch.eye(1 + SPECIES, dtype=distance.dtype, device=distance.device)
        towards = terms.T @ (weight * distance) + USUAL
        return torch.linalg.solve(squares + unit, towards)

    def forward(
        self, places: Tensor, lattice: Tensor, numbers: Tensor, sites: Sites, pushes: int = PUSHES, step: float = STEP
    ) -> Tensor:
        """Fractional coordinates [B, K, 3] of atoms [B, K] in lattices [B, 3, 3] to such that are not too near.

        As far as their sites let them: no step breaks the symmetry.
        """
        real = numbers > 0
        pairs = real.unsqueeze(2) & real.unsqueeze(1) & ~torch.eye(real.size(1), dtype=torch.bool, device=real.device)
        least = self.least[numbers.unsqueeze(2), numbers.unsqueeze(1)] * pairs
        image, back = nearest_image(places, lattice), torch.linalg.inv_ex(lattice)[0]
        for _ in range(pushes):
            apart = (places.unsqueeze(2) - places.unsqueeze(1) - image).flatten(1, 2) @ lattice
            distance = apart.square().sum(2).clamp_min(1e-6).sqrt()  # not below 1 mÅ; the root of 0 has no gradient
            lacking = (least.flatten(1) - distance).clamp_min(0)
            push = (apart * (lacking / distance).unsqueeze(2)).view(image.shape).sum(2)
            places = places + symmetric(sites, step * push @ back)
        return places


def nearest_image(places: Tensor, lattice: Tensor) -> Tensor:
    """[B, K, K, 3]: whole vectors that, less, make differences of fractional coordinates the shortest there are."""
    between = places.unsqueeze(2) - places.unsqueeze(1)
    steps = neighbours(places.device)
    whole = between.round().unsqueeze(3) + steps
    length = ((between.unsqueeze(3) - whole).flatten(1, 3) @ lattice).square().sum(2)
    shortest = length.view(whole.shape[:4]).argmin(3)
    return between.round() + steps[shortest]
