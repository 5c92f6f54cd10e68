"""Sharper densities: most of the blur of Eq. (1) undone."""

import math

import torch
from torch import Tensor, nn

from .waves import SIGMA, along_axes, blur


class Sharpen(nn.Module):
    """Gaussians of 1 Å become narrower ones, so that neighbours come apart, with Z at their peaks.

    Wiener filters over the `count` longest waves along each axis, a gentle one and a bold one, as (width, noise): Å of
    what Gaussians become, and how much the blur must leave of a wave, relative to the longest, or it is taken for error
    and damped.
    """

    def __init__(self, n: int, count: int, gentle: tuple[float, float], bold: tuple[float, float]) -> None:
        super().__init__()
        left, singular, right = torch.linalg.svd(blur(n, SIGMA), full_matrices=False)
        kept = singular[:count, None, None] * singular[:count, None] * singular[:count]
        peak = (2 * math.pi) ** -1.5 / SIGMA**3  # of Eq. (1), for hydrogen
        self.waves: Tensor
        self.gentle: Tensor
        self.bold: Tensor
        self.gentle_waves: Tensor
        self.bold_waves: Tensor
        self.register_buffer("waves", left[:, :count].float(), persistent=False)
        for name, (width, noise) in {"gentle": gentle, "bold": bold}.items():
            factor = kept / (kept**2 + (noise * singular[0] ** 3) ** 2) / peak
            sharp = (blur(n, width) @ right[:count].T).T
            self.register_buffer(name, factor.float(), persistent=False)
            self.register_buffer(f"{name}_waves", sharp.float().contiguous(), persistent=False)

    def forward(self, density: Tensor) -> tuple[Tensor, Tensor]:
        """density [B, n, n, n] to the gently and the boldly sharpened one, both negative in places."""
        coefficients = along_axes(density, self.waves)
        gentle = along_axes(coefficients * self.gentle, self.gentle_waves)
        return gentle, along_axes(coefficients * self.bold, self.bold_waves)
