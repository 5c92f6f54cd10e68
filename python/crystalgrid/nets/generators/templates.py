"""Templates: the symmetry of crystals that are known, of which a new one takes one (as in Jiao et al. 2024)."""

import torch
from torch import Tensor, nn

from ...geometry.orbits import WHOLE, Sites, as_used
from .composition import uniform

TEMPLATES = 4096
"""Crystals whose symmetry is kept: at random, so that the common ones are drawn often."""


class Templates(nn.Module):
    """Sites of crystals of at most so many atoms, and the places of their atoms' species in the order of Z.

    Unless fitted, all are of one atom without symmetry.
    """

    def __init__(self, atoms: int) -> None:
        super().__init__()
        one = (torch.arange(atoms) == 0).to(torch.int8)
        turn = WHOLE * one.unsqueeze(1) * torch.eye(3, dtype=torch.int8).flatten()  # not [3, 3]: rank 4 is for pictures
        of_one = {
            "turn": turn,
            "back": turn,
            "shift": torch.zeros(atoms, 3, dtype=torch.int16),
            "orbit": torch.arange(atoms, dtype=torch.int8),
            "metric": WHOLE * torch.eye(6, dtype=torch.int16),
            "group": torch.ones((), dtype=torch.int16),
            "kinds": one,
        }
        self.turn: Tensor
        self.back: Tensor
        self.shift: Tensor
        self.orbit: Tensor
        self.metric: Tensor
        self.group: Tensor
        self.kinds: Tensor
        for name, value in of_one.items():
            self.register_buffer(name, value.expand(TEMPLATES, *value.shape).clone())

    @torch.jit.ignore
    def fit(self, sites: Sites, kinds: Tensor) -> None:
        """Take `TEMPLATES` crystals' sites, in whole numbers, and `kinds` [TEMPLATES, K], the commonest first.

        kinds: 1 for an atom of the crystal's lightest species, 2 for the next, 0 for no atom.
        """
        alike = torch.cat((sites.group.unsqueeze(1), kinds), 1)
        _, of, number = alike.unique(dim=0, return_inverse=True, return_counts=True)
        order = (-number[of] * len(number) + of).argsort(stable=True)
        for name, values in (*sites._asdict().items(), ("kinds", kinds)):
            kept = getattr(self, name)
            kept.copy_(values[order].view_as(kept))

    def forward(self, noise: Tensor) -> tuple[Sites, Tensor]:
        """noise ~ N(0, 1) [B], of which less means commoner ones, to sites and kinds [B, K]."""
        chosen = (uniform(noise) * self.group.size(0)).long().clamp(max=self.group.size(0) - 1)
        sites = Sites(
            self.turn[chosen].unflatten(2, [3, 3]),
            self.back[chosen].unflatten(2, [3, 3]),
            self.shift[chosen],
            self.orbit[chosen],
            self.metric[chosen],
            self.group[chosen],
        )
        return as_used(sites), self.kinds[chosen].long()
