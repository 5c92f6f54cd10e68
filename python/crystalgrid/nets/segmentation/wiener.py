"""Sharper densities: most of the blur of Eq. (1) undone."""

import math

import torch
from torch import Tensor, nn

from ...geometry.blur import SIGMA, along_axes, blur


class Sharpen(nn.Module):
    """Density to two channels, all [B, n, n, n]: asinh of sharper densities in units of the peak of hydrogen.

    Gaussians of 1 Å become narrower ones, so that neighbours come apart, with Z at their peaks. Wiener filters over the
    `count` longest waves along each axis, a gentle one and a bold one, as (width, noise): Å of what Gaussians become,
    and how much the blur must leave of a wave, relative to the longest, or it is taken for error and damped.
    """

    channels = 2

    def __init__(self, n: int, count: int, gentle: tuple[float, float], bold: tuple[float, float]) -> None:
        super().__init__()
        left, singular, right = torch.linalg.svd(blur(n, SIGMA), full_matrices=False)
        self.waves: Tensor
        self.gentle: Tensor
        self.bold: Tensor
        self.gentle_waves: Tensor
        self.bold_waves: Tensor
        self.register_buffer("waves", left[:, :count].float(), persistent=False)
        for name, (width, noise) in {"gentle": gentle, "bold": bold}.items():
            sharp = (blur(n, width) @ right[:count].T).T
            self.register_buffer(name, wiener(singular[:count], noise).float(), persistent=False)
            self.register_buffer(f"{name}_waves", sharp.float().contiguous(), persistent=False)

    def forward(self, density: Tensor) -> list[Tensor]:
        """Density [B, n, n, n] to the gently and the boldly sharpened one."""
        coefficients = along_axes(density, self.waves)
        gentle = along_axes(coefficients * self.gentle, self.gentle_waves)
        return [self.place(gentle), self.place(along_axes(coefficients * self.bold, self.bold_waves))]

    def place(self, value: Tensor) -> Tensor:
        """Densities in units of the peak of hydrogen, or Z, on the scale of the channels."""
        return torch.asinh(value)


def wiener(kept: Tensor, noise: float) -> Tensor:
    """What the blur leaves of waves along an axis, [m], to the factors [m, m, m] that undo it, over hydrogen's peak.

    noise: relative to the longest wave; waves of which less is left are damped.
    """
    kept = kept[:, None, None] * kept[:, None] * kept
    peak = (2 * math.pi) ** -1.5 / SIGMA**3  # of Eq. (1)
    return kept / (kept**2 + (noise * kept[0, 0, 0]) ** 2) / peak
