"""Wiener deblurring, which undoes most of the blur of Eq. (1)."""

import torch
from torch import Tensor, nn

from ...geometry.blur import along_axes, deblurring, wiener_filter


class WienerDeblurring(nn.Module):
    """A map from a density to two channels, [B, n, n, n]: asinh of deblurred densities in units of hydrogen's peak.

    Gaussians of 1 Å become narrower, so that neighbours separate, with Z at their peaks. There are two filters of the
    first `count` blur modes along each axis, a gentle one and a bold one, each a pair (width, noise): the width of the
    deblurred Gaussians in Å, and the least amplitude that the blur must leave of a mode, relative to the first mode;
    weaker modes are mostly error and are damped.
    """

    channels = 2
    modes: Tensor
    gentle: Tensor
    gentle_modes: Tensor
    bold: Tensor
    bold_modes: Tensor

    def __init__(self, n: int, count: int, gentle: tuple[float, float], bold: tuple[float, float]) -> None:
        super().__init__()
        for name, (width, noise) in {"gentle": gentle, "bold": bold}.items():
            modes, singular, sharp_modes = deblurring(n, count, width)
            self.register_buffer("modes", modes.float(), persistent=False)
            self.register_buffer(name, wiener_filter(singular, noise).float(), persistent=False)
            self.register_buffer(f"{name}_modes", sharp_modes.float().contiguous(), persistent=False)

    def forward(self, density: Tensor) -> list[Tensor]:
        """Return the gently and the boldly deblurred density, of [B, n, n, n] in 1/Å³."""
        coefficients = along_axes(density, self.modes)
        gentle = along_axes(coefficients * self.gentle, self.gentle_modes)
        return [self.compress(gentle), self.compress(along_axes(coefficients * self.bold, self.bold_modes))]

    def compress(self, value: Tensor) -> Tensor:
        """Return densities in units of the peak of hydrogen, or Z, on the scale of the channels."""
        return torch.asinh(value)
