"""Minimum distances: how near atoms of two species come in crystals, and a repulsion of atoms that are nearer."""

import torch
from torch import Tensor, nn

from ...crystal import MAX_Z
from ...geometry.nearest_images import nearest_translations
from ...geometry.orbits import Orbits, symmetrize_steps

QUANTILE = 0.1
"""The share of the crystals with two species whose atoms are nearer than the minimum distance of that pair."""
PRIOR_COUNT = 4.0
"""The number of crystals with a pair that weigh as much as the sum of the radii of its two species."""
DEFAULT_RADIUS = 1.3
"""The radius in Å of a species that is in no crystal."""
REPULSION_STEPS, STEP = 16, 0.3
"""The number of repulsion steps, and the share of the missing distance that each of two atoms moves in one."""


class MinimumDistances(nn.Module):
    """The minimum distance of every two species: the tenth percentile of their shortest distances in crystals.

    For pairs with few crystals it is shrunk towards the sum of the radii of the two species.
    """

    def __init__(self) -> None:
        super().__init__()
        self.repulsion_steps, self.step = REPULSION_STEPS, STEP
        self.minimum: Tensor
        self.register_buffer("minimum", torch.full((1 + MAX_Z, 1 + MAX_Z), 2 * DEFAULT_RADIUS))

    def fit(self, first: Tensor, second: Tensor, distance: Tensor) -> None:
        """Estimate the minimum distances from the shortest ones [N], Å, of species of Z [N] and [N] in crystals."""
        order = torch.argsort(distance)
        order = order[torch.argsort((first * (1 + MAX_Z) + second)[order], stable=True)]
        pairs = torch.stack((first, second), 1)[order]
        pairs, counts = torch.unique_consecutive(pairs, dim=0, return_counts=True)
        start = counts.cumsum(0) - counts
        quantile = distance[order][start + (QUANTILE * (counts - 1)).round().long()].double()
        radii = self.fit_radii(pairs, quantile, counts.double())
        self.minimum.copy_(radii[:, None] + radii)
        a, b = pairs.unbind(1)
        weight = counts / (counts + PRIOR_COUNT)
        self.minimum[a, b] = self.minimum[b, a] = (weight * quantile + (1 - weight) * self.minimum[a, b]).to(
            self.minimum.dtype
        )

    @staticmethod
    def fit_radii(pairs: Tensor, distance: Tensor, weight: Tensor) -> Tensor:
        """Return the radii [1 + MAX_Z] whose sums come nearest to the distances [P] of pairs of species [P, 2].

        Weighted least squares, regularised towards the default radius.
        """
        row = torch.arange(len(pairs), device=pairs.device)
        design = torch.zeros(len(pairs), 1 + MAX_Z, dtype=distance.dtype, device=distance.device)
        for species in pairs.unbind(1):
            design[row, species] += 1
        normal_matrix = design.T @ (weight[:, None] * design)
        unit = torch.eye(1 + MAX_Z, dtype=distance.dtype, device=distance.device)
        radii: Tensor = torch.linalg.solve(normal_matrix + unit, design.T @ (weight * distance) + DEFAULT_RADIUS)
        return radii

    def forward(self, frac_coords: Tensor, lattice: Tensor, numbers: Tensor, orbits: Orbits) -> Tensor:
        """Return fractional coordinates [B, K, 3] after atoms that are too near each other were pushed apart.

        No step breaks the symmetry, so atoms on Wyckoff positions that cannot move may stay too near.

        frac_coords: [B, K, 3]; lattice: [B, 3, 3] Å; numbers: [B, K], 0 for no atom.
        """
        is_atom = numbers > 0
        not_itself = ~torch.eye(is_atom.size(1), dtype=torch.bool, device=is_atom.device)
        is_pair = is_atom.unsqueeze(2) & is_atom.unsqueeze(1) & not_itself
        minimum = (self.minimum[numbers.unsqueeze(2), numbers.unsqueeze(1)] * is_pair).flatten(1)
        translations, inverse = nearest_translations(frac_coords, lattice), torch.linalg.inv_ex(lattice)[0]
        for _ in range(self.repulsion_steps):
            difference = frac_coords.unsqueeze(2) - frac_coords.unsqueeze(1) - translations
            vectors = difference.flatten(1, 2) @ lattice
            distance = vectors.square().sum(2).clamp_min(1e-6).sqrt()  # not below 1 mÅ; the root of 0 has no gradient
            missing = (minimum - distance).clamp_min(0)
            push = (vectors * (missing / distance).unsqueeze(2)).view(translations.shape).sum(2)
            frac_coords = frac_coords + symmetrize_steps(orbits, self.step * push @ inverse)
        return frac_coords
