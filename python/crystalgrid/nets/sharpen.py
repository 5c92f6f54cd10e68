"""Sharper densities: most of the blur of Eq. (1) undone."""

import math

import torch
from torch import Tensor, nn

from .waves import SIGMA, along_axes, blur

COUNT = 14
"""Waves along each axis; of the next, the blur leaves less than a five-hundredth."""


class Sharpen(nn.Module):
    """Gaussians of 1 Å become about `width` Å wide, so that neighbours come apart, with Z at their peaks.

    Wiener filters over the waves that the blur leaves, a gentle one and a bold one. noise, of each: how much of a wave
    must be left, relative to the longest, or it is taken for error and damped.
    """

    def __init__(self, n: int, width: float = 0.5, noise: tuple[float, float] = (0.02, 0.002)) -> None:
        super().__init__()
        left, singular, right = torch.linalg.svd(blur(n, SIGMA), full_matrices=False)
        sharp = blur(n, width) @ right[:COUNT].T
        kept = singular[:COUNT]
        kept = kept[:, None, None] * kept[:, None] * kept
        peak = (2 * math.pi) ** -1.5 / SIGMA**3  # of Eq. (1), for hydrogen
        gentle, bold = (kept / (kept**2 + (share * singular[0] ** 3) ** 2) / peak for share in noise)
        self.waves: Tensor
        self.sharp: Tensor
        self.gentle: Tensor
        self.bold: Tensor
        self.register_buffer("waves", left[:, :COUNT].float(), persistent=False)
        self.register_buffer("sharp", sharp.T.float().contiguous(), persistent=False)
        self.register_buffer("gentle", gentle.float(), persistent=False)
        self.register_buffer("bold", bold.float(), persistent=False)

    def forward(self, density: Tensor) -> tuple[Tensor, Tensor]:
        """density [B, n, n, n] to the gently and the boldly sharpened one, both negative in places."""
        coefficients = along_axes(density, self.waves)
        gentle = along_axes(coefficients * self.gentle, self.sharp)
        return gentle, along_axes(coefficients * self.bold, self.sharp)
