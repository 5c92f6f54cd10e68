"""The segmentation network: a 3-D U-Net with additive attention gates (Ronneberger 2015, Oktay 2018)."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...crystal import MAX_Z
from ...geometry.blur import PEAK, N
from ..layers import conv_block, upsample
from .derivatives import DerivativeFeatures
from .heads import PresenceAndSpeciesHead, SoftmaxHead
from .wiener import WienerDeblurring

INPUTS: dict[str, Callable[[], WienerDeblurring | DerivativeFeatures | None]] = {
    "density": lambda: None,
    "deblurred": lambda: WienerDeblurring(N, 14, gentle=(0.5, 0.02), bold=(0.5, 0.002)),
    "derivatives": lambda: DerivativeFeatures(N),
}
"""The inputs that a U-Net may have beside the density, by name; see `UNet`."""


def double_conv(inputs: int, outputs: int) -> nn.Sequential:
    """Return two convolutions with kernels of 3³ that keep the size of the grid."""
    return nn.Sequential(*conv_block(inputs, outputs, 3, padding=1), *conv_block(outputs, outputs, 3, padding=1))


def doubled(features: Tensor, like: Tensor) -> Tensor:
    """Return features upsampled by two and cut to the size of `like`: the reverse of halving with rounding up."""
    return upsample(features)[:, :, : like.size(2), : like.size(3), : like.size(4)]


class AttentionGate(nn.Module):
    """A gate that weighs a skip connection x by the coarser level g: α = σ(ψ · LeakyReLU(W x + V g)).

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
    """A step up of the U-Net: gate the skip connection, upsample the coarser level, join them, convolve."""

    def __init__(self, skip: int, below: int) -> None:
        super().__init__()
        self.attention = AttentionGate(skip, below)
        self.conv = double_conv(skip + below, skip)

    def forward(self, skip: Tensor, pooled: Tensor, below: Tensor) -> Tensor:
        joined: Tensor = self.conv(torch.cat((self.attention(skip, pooled, below), doubled(below, skip)), 1))
        return joined


class UNet(nn.Module):
    """A U-Net that segments a density: it computes features of each voxel, and from these its species (section 4.2.2).

    channels: the channels of each level, the finest first; each level halves the grid, rounding up (30 → 15 → 8 → 4 …).
    input: the input of the first convolution, chosen by how exact densities are.
        density: the density as it is, of any size; the head is a `SoftmaxHead`.
        deblurred: the density of 30³ voxels on a logarithmic scale, where neighbouring light elements differ as much as
            heavy ones, and the channels of `WienerDeblurring`; the head is a `PresenceAndSpeciesHead`.
        derivatives: the same with `DerivativeFeatures`, for densities with errors of a thousandth or less; they are
            features of the head, too.
    """

    def __init__(self, channels: tuple[int, ...], input: str = "density") -> None:
        super().__init__()
        self.peak = PEAK
        self.filters = INPUTS[input]()
        filtered = 0 if self.filters is None else self.filters.channels
        self.shown = (
            filtered if input == "derivatives" else 1
        )  # the number of filtered channels that the head gets, too
        pairs = list(pairwise(channels))
        self.first = double_conv(1 + filtered, channels[0])
        self.downs = nn.ModuleList(double_conv(fine, coarse) for fine, coarse in pairs)
        self.ups = nn.ModuleList(Up(fine, coarse) for fine, coarse in reversed(pairs))
        self.head: SoftmaxHead | PresenceAndSpeciesHead
        if self.filters is None:
            self.head = SoftmaxHead(channels[0])
        else:
            z_features = self.filters.compress(torch.arange(1.0, MAX_Z + 1))
            hidden = 64 if input == "derivatives" else 0
            self.head = PresenceAndSpeciesHead(channels[0] + self.shown, z_features, hidden)

    @torch.jit.export
    def features(self, density: Tensor) -> Tensor:
        """Return the head's features of each voxel, [B, n, n, n, features], of densities [B, n, n, n] in 1/Å³."""
        if self.filters is None:
            return self.levels(density.unsqueeze(1)).permute(0, 2, 3, 4, 1)
        # Stacked, since channels that are joined otherwise are compiled wrongly for a batch of one (torch 2.13).
        inputs = torch.stack([torch.log1p(density / self.peak)] + self.filters(density), 1)  # noqa: RUF005
        return torch.cat((self.levels(inputs), inputs[:, -self.shown :]), 1).permute(0, 2, 3, 4, 1)

    def levels(self, x: Tensor) -> Tensor:
        """Return [B, channels[0], n, n, n] of [B, inputs, n, n, n], in the precision of the convolutions' weights."""
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
        """Return species, uint8, 0 or Z, and the probability of that, both [B, n, n, n], of densities [B, n, n, n]."""
        species_and_confidence: tuple[Tensor, Tensor] = self.head(self.features(density))
        return species_and_confidence
