"""Rotary attention among the atoms of a crystal (RoPE, Su et al. 2021), with Miller phases as positions.

In a transformer over text, pairs of features are rotated by angles that grow with a token's position. Here they are
rotated by the phases 2π (h x + k y + l z) of the fractional coordinates for the smallest Miller indices, one for each
pair. Scalar products of queries and keys, and the values that an atom receives, then depend on differences of positions
modulo the lattice alone.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HEADS = 4
"""The number of attention heads."""
DISTANCE_FEATURES = 16
"""The number of Gaussians that represent the distance between two atoms."""
LARGEST_INDEX = 3
"""The largest Miller index."""


def smallest_miller_indices(count: int) -> Tensor:
    """Return the `count` smallest Miller indices but (0, 0, 0), one of each pair of opposite ones, [count, 3]."""
    index = torch.arange(-LARGEST_INDEX, LARGEST_INDEX + 1)
    indices = torch.cartesian_prod(index, index, index)
    indices = indices[len(indices) // 2 + 1 :]
    return indices[indices.square().sum(1).argsort(stable=True)][:count].float()


def rotate(pairs: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Return pairs of features [..., W, 2] rotated by angles [..., W], as [..., 2 W]."""
    x, y = pairs.unbind(-1)
    return torch.stack((x * cos - y * sin, x * sin + y * cos), -1).flatten(-2)


class Attention(nn.Module):
    """Rotary attention among atoms, with a bias that depends on their distances.

    Values are rotated as well, and rotated back by the phases of the atom that receives them.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = HEADS
        self.norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.distance_bias = nn.Linear(DISTANCE_FEATURES, HEADS)
        self.output = nn.Linear(width, width)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, distance_features: Tensor, is_padding: Tensor) -> Tensor:
        """Return x [B, K, width] after attention.

        cos, sin: cosines and sines of the phases, [B, K, width / 2]. distance_features:
        [B, K, K, DISTANCE_FEATURES]. is_padding: [B, K].
        """
        pairs = torch.unflatten(self.query_key_value(self.norm(x)), 2, [3, cos.size(2), 2])
        rotated = rotate(pairs, cos.unsqueeze(2), sin.unsqueeze(2)).to(pairs.dtype)
        query, key, value = torch.unflatten(rotated, 3, [self.heads, -1]).permute(2, 0, 3, 1, 4).unbind(0)
        bias = self.distance_bias(distance_features).permute(0, 3, 1, 2).masked_fill(is_padding[:, None, None], -1e4)
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=bias.to(query.dtype))
        received = torch.unflatten(attended.transpose(1, 2).flatten(2), 2, [-1, 2])
        result: Tensor = x + self.output(rotate(received, cos, -sin))
        return result


class Layer(nn.Module):
    """Rotary attention among atoms, then a perceptron for each atom, conditioned on the crystal."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.attention = Attention(width)
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Linear(width, hidden)
        self.conditioning = nn.Linear(width, hidden)
        self.outer = nn.Linear(hidden, width)

    def forward(
        self, x: Tensor, cos: Tensor, sin: Tensor, distance_features: Tensor, is_padding: Tensor, conditioning: Tensor
    ) -> Tensor:
        """Return x [B, K, width]; conditioning: [B, width], the rest as for `Attention`."""
        x = self.attention(x, cos, sin, distance_features, is_padding)
        x = x + self.outer(F.silu(self.inner(self.norm(x)) + self.conditioning(conditioning).unsqueeze(1)))
        return x
