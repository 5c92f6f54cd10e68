"""Layers that several networks are built from."""

from itertools import pairwise

import torch
from torch import Tensor, nn


def conv_block(inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0) -> list[nn.Module]:
    """Return a convolution, a batch normalisation and a LeakyReLU (section 3.2)."""
    conv = nn.Conv3d(inputs, outputs, kernel, stride, padding, bias=False)  # the normalisation has the bias
    return [conv, nn.BatchNorm3d(outputs), nn.LeakyReLU(inplace=True)]


def perceptron(sizes: tuple[int, ...], dropout: float = 0.0) -> nn.Sequential:
    """Return fully connected layers from sizes[0] to sizes[-1] numbers, with SiLU and perhaps dropout between."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes[:-1]):
        layers += [nn.Linear(inputs, outputs), nn.SiLU(), *([nn.Dropout(dropout)] if dropout else [])]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


def upsample(features: Tensor) -> Tensor:
    """Return features [B, C, x, y, z] upsampled by two in each direction, trilinearly, as `F.interpolate` does.

    This is torch's operator itself. `F.interpolate` names the operators of all its modes once it is scripted, and an
    older torch that lacks one of them could not read the file.
    """
    upsampled: Tensor = torch.ops.aten.upsample_trilinear3d(features, None, False, [2.0, 2.0, 2.0])
    return upsampled


class Upsample(nn.Module):
    """The function `upsample` as a layer."""

    def forward(self, features: Tensor) -> Tensor:
        return upsample(features)
