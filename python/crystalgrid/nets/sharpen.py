"""Sharper densities: most of the blur of Eq. (1) undone."""

import math

import torch
from torch import Tensor, nn

from .linear import cosines, from_cosines, to_cosines

LENGTH, SIGMA = 10.0, 1.0
"""Å, of the cube and of its Gaussians, which the networks are made for."""


class Sharpen(nn.Module):
    """Gaussians of 1 Å become about `width` Å wide, so that neighbours come apart, with Z at their peaks.

    A Wiener filter over the longest `waves` cosines along each axis. noise: how much of a wave the blur must leave, or
    it is taken for error and damped.
    """

    def __init__(self, n: int, width: float = 0.5, noise: float = 0.02, waves: int = 12) -> None:
        super().__init__()
        k = math.pi * torch.arange(waves) / LENGTH
        squares = k[:, None, None] ** 2 + k[:, None] ** 2 + k**2
        blurred = torch.exp(-squares * SIGMA**2 / 2)
        wanted = torch.exp(-squares * width**2 / 2) * (2 * math.pi) ** 1.5 * width**3
        self.cosines: Tensor
        self.gain: Tensor
        self.register_buffer("cosines", cosines(n, waves), persistent=False)
        self.register_buffer("gain", wanted * blurred / (blurred**2 + noise**2), persistent=False)

    def forward(self, density: Tensor) -> Tensor:
        """density [B, n, n, n] to the sharper one, negative in places, in full precision."""
        if torch.jit.is_scripting():
            return self._forward(density)
        with torch.autocast(density.device.type, enabled=False):
            return self._forward(density)

    def _forward(self, density: Tensor) -> Tensor:
        return from_cosines(to_cosines(density, self.cosines) * self.gain, self.cosines)
