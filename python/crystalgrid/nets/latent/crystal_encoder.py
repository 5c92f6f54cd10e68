"""The encoder of crystals: a normal distribution of latent vectors for the orbits and the lattice of each."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...crystal import MAX_Z
from ...geometry.lattices import LATTICE_PARAMS
from ..generators.wyckoff_words import HEADS, SLOTS
from .full_attention import FullAttention

WAVES = 4
"""The number of sines and cosines that represent a fractional coordinate."""
DIRECT_ORBITS = 16
"""The number of orbits whose points also have a linear way to z and back; nine of ten crystals have no more."""


class CrystalEncoder(nn.Module):
    """Attention over the orbits of a crystal and over a few learned tokens, whose features become z.

    A linear map of elements, points and lattice is added to the mean, by which little is lost from the first step on.

    width, depth: of the transformer; tokens: the number of learned tokens; latent: the size of z.
    """

    def __init__(self, width: int, depth: int, tokens: int, latent: int) -> None:
        super().__init__()
        self.tokens, self.per_token = tokens, latent // tokens
        self.learned = nn.Parameter(0.1 * torch.randn(tokens, width))
        self.point = nn.Linear(6 * WAVES, width)
        self.lattice = nn.Linear(LATTICE_PARAMS, width)
        self.attention = FullAttention(width, depth, HEADS)
        self.head = nn.Linear(width, 2 * self.per_token)
        self.direct_points = 6 * WAVES * DIRECT_ORBITS
        self.classes = MAX_Z + 1
        self.direct = nn.Linear(SLOTS * self.classes + self.direct_points + LATTICE_PARAMS, latent)
        self.frequencies: Tensor
        self.register_buffer("frequencies", 2 * math.pi * torch.arange(1.0, 1 + WAVES), persistent=False)

    def forward(
        self, group: Tensor, orbits: Tensor, is_orbit: Tensor, elements: Tensor, points: Tensor, lattice: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return mean and logarithm of the variance of the latent vectors, both [B, latent].

        group: [B, 1, width], the token of the space group; orbits: [B, O, width], those of the orbits; is_orbit:
        [B, O]; elements: [B, S], Z of each slot; points: [B, O, 3], fractional coordinates; lattice: [B, 6],
        standardised lattice parameters.
        """
        phases = (points.unsqueeze(3) * self.frequencies).flatten(2)
        waves = torch.cat((phases.sin(), phases.cos()), 2) * is_orbit.unsqueeze(2)
        placed = orbits + self.point(waves)
        whole = group + self.lattice(lattice).unsqueeze(1)
        learned = self.learned.expand(len(group), -1, -1)
        always = torch.ones(len(group), self.tokens + 1, dtype=torch.bool, device=group.device)
        features = self.attention(torch.cat((learned, whole, placed), 1), torch.cat((always, is_orbit), 1))
        mu, logvar = self.head(features[:, : self.tokens]).float().chunk(2, 2)
        named = F.one_hot(elements, self.classes).flatten(1).to(waves.dtype)
        parts = (
            padded(named, self.direct.in_features - self.direct_points - lattice.size(1)),
            padded(waves.flatten(1), self.direct_points),
            lattice,
        )
        mu = mu.flatten(1) + self.direct(torch.cat(parts, 1)).float()
        return mu, logvar.flatten(1).clamp(-12.0, 4.0)


def padded(values: Tensor, size: int) -> Tensor:
    """Return values [B, n] cut, or filled with zeros, to [B, size]."""
    return F.pad(values, [0, max(0, size - values.size(1))])[:, :size]
