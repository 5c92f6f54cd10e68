"""Layers that several networks are built from."""

from itertools import pairwise

from torch import nn


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
