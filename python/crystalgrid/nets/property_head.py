"""Heads that predict a number from a vector: linear, or a small multilayer perceptron."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


class PropertyHead(nn.Module):
    """A prediction of one number from vectors; both are standardized inside.

    size: of the vectors. hidden: the widths of the hidden layers; none for a linear head.
    """

    def __init__(self, size: int, hidden: Sequence[int] = ()) -> None:
        super().__init__()
        self.size, self.hidden = size, tuple(hidden)
        layers: list[nn.Module] = []
        widths = [size, *hidden]
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), nn.SiLU(), nn.Dropout(0.1)]
        self.layers, self.last = nn.Sequential(*layers), nn.Linear(widths[-1], 1)
        for name, value in (("x_mean", torch.zeros(size)), ("x_std", torch.ones(size))):
            self.register_buffer(name, value)
        for name, value in (("y_mean", torch.zeros(())), ("y_std", torch.ones(()))):
            self.register_buffer(name, value)
        self.x_mean: Tensor
        self.x_std: Tensor
        self.y_mean: Tensor
        self.y_std: Tensor

    def standardize(self, x: Tensor, y: Tensor) -> None:
        """Take means and deviations from examples x [B, size] and y [B]; a constant keeps a deviation of 1."""
        for mean, std, values in ((self.x_mean, self.x_std, x), (self.y_mean, self.y_std, y)):
            deviation = values.std(0, correction=0)
            mean.copy_(values.mean(0))
            std.copy_(torch.where(deviation > 1e-6, deviation, torch.ones_like(deviation)))

    def forward(self, x: Tensor) -> Tensor:
        """Return the numbers [B] of vectors [B, size]."""
        standardized: Tensor = self.last(self.layers((x - self.x_mean) / self.x_std))
        return standardized.squeeze(1) * self.y_std + self.y_mean
