"""The shaper of crystals: the free coordinates and the lattice that a latent vector gives to known orbits."""

import math

import torch
from torch import Tensor, nn

from ...geometry.lattices import LATTICE_PARAMS
from ..generators.wyckoff_words import HEADS
from .crystal_encoder import DIRECT_ORBITS, padded
from .full_attention import FullAttention


class CrystalShaper(nn.Module):
    """Attention over the orbits of a crystal and the tokens of its latent vector, and a linear map of the vector.

    width, depth: of the transformer; latent: the size of the vector.
    """

    def __init__(self, width: int, depth: int, latent: int) -> None:
        super().__init__()
        self.attention = FullAttention(width, depth, HEADS)
        self.point_head, self.lattice_head = nn.Linear(width, 6), nn.Linear(width, LATTICE_PARAMS)
        self.direct = nn.Linear(latent, 6 * DIRECT_ORBITS + LATTICE_PARAMS)

    def forward(
        self, z: Tensor, latent: Tensor, group: Tensor, orbits: Tensor, is_orbit: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return cosines and sines of the first points [B, O, 3, 2], and standardised lattice parameters [B, 6].

        z: [B, latent]; latent: [B, T, width], its tokens; group: [B, 1, width]; orbits: [B, O, width], with their
        elements; is_orbit: [B, O].
        """
        n_latent = latent.size(1)
        always = torch.ones(len(group), n_latent + 1, dtype=torch.bool, device=group.device)
        features = self.attention(torch.cat((latent, group, orbits), 1), torch.cat((always, is_orbit), 1))
        n_lattice = self.lattice_head.out_features
        points, lattice = self.direct(z).split([self.direct.out_features - n_lattice, n_lattice], 1)
        points = padded(points, 6 * orbits.size(1)).view(len(z), -1, 6)
        circles = torch.unflatten((self.point_head(features[:, n_latent + 1 :]) + points).float(), 2, [3, 2])
        return circles, (self.lattice_head(features[:, n_latent]) + lattice).float()


def angle_to_point(circles: Tensor) -> Tensor:
    """Return fractional coordinates from cosines and sines [..., 2] of any radius."""
    points: Tensor = torch.atan2(circles[..., 1], circles[..., 0]) / (2 * math.pi)
    return points % 1
