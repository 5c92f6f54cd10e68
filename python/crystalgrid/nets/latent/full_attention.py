"""Attention of all tokens of a crystal to each other."""

import torch
from torch import Tensor, nn

from ..generators.causal_attention import CausalBlock, spread


class FullAttention(nn.Module):
    """A stack of transformer blocks in which each token attends to all valid ones, before and after it.

    width: of the tokens; depth: the number of blocks; heads: of each.
    """

    def __init__(self, width: int, depth: int, heads: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.heads = heads
        self.blocks = nn.ModuleList(CausalBlock(width, heads, dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor, valid: Tensor) -> Tensor:
        """Return features [B, T, width] of tokens [B, T, width].

        valid: [B, T] bool, those that are no padding; the features of the others are 0.
        """
        batch, length, width = tokens.shape
        visible = valid.unsqueeze(1).expand(-1, length, -1)
        nothing = tokens.new_zeros(2, batch, self.heads, 0, width // self.heads)
        place = torch.where(valid.flatten())[0]
        x = tokens.flatten(0, 1)[place]
        for block in self.blocks:
            x, _ = block(x, nothing, visible, place)
        return spread(self.norm(x), place, batch, length)
