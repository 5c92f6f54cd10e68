"""The segmentation network: a 3-D U-Net with additive attention gates (Ronneberger 2015, Oktay 2018)."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..autoencoders.paper import N, conv_block
from .derivatives import Jets
from .heads import SPECIES, OneQuestion, TwoQuestions
from .wiener import Sharpen


def double_conv(inputs: int, outputs: int) -> nn.Sequential:
    """Two convolutions of 3³ that keep the size."""
    return nn.Sequential(*conv_block(inputs, outputs, 3, padding=1), *conv_block(outputs, outputs, 3, padding=1))


def doubled(features: Tensor, like: Tensor) -> Tensor:
    """Upsampled by two and cut to the size of `like`: the exact reverse of halving with rounding up."""
    up = F.interpolate(features, scale_factor=2.0, mode="trilinear")
    return up[:, :, : like.size(2), : like.size(3), : like.size(4)]


class AttentionGate(nn.Module):
    """Weighs a skip connection by what the coarser level says matters: α = σ(ψ · LeakyReLU(W x + V g)).

    α is computed on the coarser grid, where g lives and where `pooled` is the skip connection halved.
    """

    def __init__(self, skip: int, gate: int) -> None:
        super().__init__()
        self.skip = nn.Conv3d(skip, skip, 1, bias=False)
        self.gate = nn.Conv3d(gate, skip, 1)
        self.weight = nn.Conv3d(skip, 1, 1)

    def forward(self, skip: Tensor, pooled: Tensor, gate: Tensor) -> Tensor:
        weight = torch.sigmoid(self.weight(F.leaky_relu(self.skip(pooled) + self.gate(gate))))
        return skip * doubled(weight, skip)


class Up(nn.Module):
    """One step up: gate the skip connection, upsample the coarser level, join them, convolve."""

    def __init__(self, skip: int, below: int) -> None:
        super().__init__()
        self.attention = AttentionGate(skip, below)
        self.conv = double_conv(skip + below, skip)

    def forward(self, skip: Tensor, pooled: Tensor, below: Tensor) -> Tensor:
        return self.conv(torch.cat((self.attention(skip, pooled, below), doubled(below, skip)), 1))


class UNet(nn.Module):
    """Density to what a head needs to know about each voxel (section 4.2.2).

    channels: of each level from the finest; each level halves the grid, rounding up (30 → 15 → 8 → 4 …).
    physics: the input is the density on a logarithmic scale, where neighbouring light elements differ as much as heavy
    ones, and what `Sharpen` makes of it, of 30³ voxels, and the head is `TwoQuestions`; otherwise the density as it is,
    of any size, and `OneQuestion`.
    exact: densities are right to a thousandth, and `Jets` take the place of `Sharpen`; the head sees them, too.
    """

    def __init__(self, channels: tuple[int, ...], physics: bool = False, exact: bool = False) -> None:
        super().__init__()
        self.physics = physics
        self.peak = (2 * math.pi) ** -1.5  # Eq. (1) at an isolated atom of hydrogen, σ = 1 Å
        self.sharpen = sharpen = Jets(N) if exact else Sharpen(N, 14, gentle=(0.5, 0.02), bold=(0.5, 0.002))
        inputs = 1 + sharpen.channels if physics else 1
        self.shown = sharpen.channels if exact else 1
        pairs = list(pairwise(channels))
        self.first = double_conv(inputs, channels[0])
        self.downs = nn.ModuleList(double_conv(fine, coarse) for fine, coarse in pairs)
        self.ups = nn.ModuleList(Up(fine, coarse) for fine, coarse in reversed(pairs))
        self.head: OneQuestion | TwoQuestions
        if physics:
            places = sharpen.place(torch.arange(1.0, SPECIES + 1))
            self.head = TwoQuestions(channels[0] + self.shown, places, hidden=64 if exact else 0)
        else:
            self.head = OneQuestion(channels[0])

    @torch.jit.export
    def features(self, density: Tensor) -> Tensor:
        """density [B, n, n, n] in 1/Å^3 to what the head judges each voxel by: [B, n, n, n, features]."""
        if not self.physics:
            return self.levels(density.unsqueeze(1)).permute(0, 2, 3, 4, 1)
        # Stacked, since channels that are joined otherwise are compiled wrongly for a batch of one (torch 2.13).
        inputs = torch.stack([torch.log1p(density / self.peak)] + self.sharpen(density), 1)  # noqa: RUF005
        return torch.cat((self.levels(inputs), inputs[:, -self.shown :]), 1).permute(0, 2, 3, 4, 1)

    def levels(self, x: Tensor) -> Tensor:
        """[B, inputs, n, n, n] to [B, channels[0], n, n, n], in the precision that the convolutions' weights have."""
        x = self.first(x.to(self.first[0].weight.dtype))  # type: ignore[arg-type]
        skips = [x]
        pooled: list[Tensor] = []
        for down in self.downs:
            pooled.append(F.max_pool3d(x, 2, ceil_mode=True))
            x = down(pooled[-1])
            skips.append(x)
        skips.pop()
        for up in self.ups:
            x = up(skips.pop(), pooled.pop(), x)
        return x.float()

    @torch.jit.export
    def segment(self, density: Tensor) -> tuple[Tensor, Tensor]:
        """density [B, n, n, n] to species, uint8, 0 or Z, and the probability of that, both [B, n, n, n]."""
        return self.head(self.features(density))
