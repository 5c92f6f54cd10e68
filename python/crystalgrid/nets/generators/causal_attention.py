"""Causal attention over a growing sequence, whose keys and values are kept from step to step."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CausalBlock(nn.Module):
    """Attention to all positions up to the present one, then a perceptron (a decoder block of GPT-2)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.attention_norm, self.norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.inner, self.outer = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor, past: Tensor, visible: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
        """Return features of new positions, [N, width], and the keys and values of all, [2, B, heads, T + n, d].

        x: [N, width], of those of B · n new positions that are no padding; place: [N], which these are; past:
        [2, B, heads, T, d]; visible: [B, n, T + n], whether a new position may attend to each.
        """
        batch, length, _ = visible.size()
        parts = self.query_key_value(self.attention_norm(x))
        padded = spread(parts, place, batch, length)
        query, key, value = torch.unflatten(padded, 2, [3, self.heads, -1]).permute(2, 0, 3, 1, 4).unbind(0)
        past = torch.cat((past.to(key.dtype), torch.stack((key, value))), 3)
        attended = F.scaled_dot_product_attention(query, past[0], past[1], attn_mask=visible.unsqueeze(1))
        received = attended.transpose(1, 2).flatten(2).flatten(0, 1)[place]
        x = x + F.dropout(self.output(received), self.dropout, self.training)
        inner = F.gelu(self.inner(self.norm(x)))
        return x + F.dropout(self.outer(inner), self.dropout, self.training), past


def spread(x: Tensor, place: Tensor, batch: int, length: int) -> Tensor:
    """Return features [N, width] of those of B · n positions that `place` names, as [B, n, width] with 0 elsewhere."""
    return x.new_zeros(batch * length, x.size(1)).index_copy(0, place, x).view(batch, length, -1)
