"""Heads that predict a number from a vector: linear, a small multilayer perceptron, or two that read a composition."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .composition_readout import N_FEATURES, CompositionReadout

LEAST_DEVIATION = 1e-3
"""Of a feature of the composition; smaller ones are those of elements that examples do not have."""
LEAST_VARIATION = 1e-6
"""Of numbers that are no constant: the least deviation over the largest of them."""
FARTHEST = 8.0
"""Standardized features of the composition are cut here."""
VECTOR_DROPOUT = 0.5
"""The share of a vector that is hidden in training from a perceptron that sees the composition, too."""


class PropertyHead(nn.Module):
    """A prediction of one number from vectors; both are standardized inside.

    With a readout of the composition there are two perceptrons, of the composition alone and of the composition and the
    vector; the prediction is their mean.

    size: of the vectors. hidden: the widths of the hidden layers; none for a linear head. slots: the most elements of a
    crystal, for a head that reads the composition; else 0.
    """

    def __init__(self, size: int, hidden: Sequence[int] = (), slots: int = 0) -> None:
        super().__init__()
        self.size, self.hidden, self.slots = size, tuple(hidden), slots
        widths = [N_FEATURES, N_FEATURES + size] if slots else [size]
        self.readout = CompositionReadout(size, slots) if slots else None
        self.members = nn.ModuleList(_perceptron(width, self.hidden) for width in widths)
        n_features = N_FEATURES if slots else 0
        sizes = {"x": (size,), "features": (n_features,), "y": ()}
        for name, shape in sizes.items():
            self.register_buffer(f"{name}_mean", torch.zeros(shape))
            self.register_buffer(f"{name}_std", torch.ones(shape))
        self.x_mean: Tensor
        self.x_std: Tensor
        self.features_mean: Tensor
        self.features_std: Tensor
        self.y_mean: Tensor
        self.y_std: Tensor

    def standardize(self, x: Tensor, y: Tensor) -> None:
        """Take means and deviations from examples x [B, size] and y [B]; a constant keeps a deviation of 1."""
        for mean, std, values in ((self.x_mean, self.x_std, x), (self.y_mean, self.y_std, y)):
            deviation = values.std(0, correction=0)
            mean.copy_(values.mean(0))
            varies = deviation > LEAST_VARIATION * values.abs().amax(0)
            std.copy_(torch.where(varies, deviation, torch.ones_like(deviation)))

    def standardize_features(self, x: Tensor) -> None:
        """Take means and deviations of the features of the composition from examples [B, size]."""
        if self.readout is not None:
            with torch.no_grad():
                features = self.readout.features((x - self.x_mean) / self.x_std)
            self.features_mean.copy_(features.mean(0))
            self.features_std.copy_(features.std(0, correction=0).clamp(min=LEAST_DEVIATION))

    def inputs(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return standardized vectors, and features of their compositions [B, F], of vectors [B, size]."""
        x = (x - self.x_mean) / self.x_std
        if self.readout is None:
            return x, x[:, :0]
        features = (self.readout.features(x) - self.features_mean) / self.features_std
        return x, features.clamp(-FARTHEST, FARTHEST)

    def predicted(self, x: Tensor, features: Tensor) -> Tensor:
        """Return the standardized number that each member predicts from `inputs`, [B, members]."""
        if self.readout is None:
            return torch.cat([member(x) for member in self.members], 1)
        alone, together = self.members
        hidden = F.dropout(x, VECTOR_DROPOUT, self.training)
        return torch.cat((alone(features), together(torch.cat((features, hidden), 1))), 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the numbers [B] of vectors [B, size]."""
        return self.predicted(*self.inputs(x)).mean(1) * self.y_std + self.y_mean


def _perceptron(size: int, hidden: tuple[int, ...]) -> nn.Sequential:
    """Return a perceptron with one output; a linear map if there are no hidden layers."""
    layers: list[nn.Module] = []
    widths = [size, *hidden]
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.SiLU(), nn.Dropout(0.1)]
    return nn.Sequential(*layers, nn.Linear(widths[-1], 1))
