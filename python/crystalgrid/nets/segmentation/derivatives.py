"""What a density, sharpened more and less, looks like about each voxel: its value, its slope and its curvature.

Of a Gaussian of width w that stands alone, these say all: with v at a distance d from its middle, |∇ ln v| = d / w²,
∇² ln v = -3 / w², and v exp(d² / 2 w²) at the middle. So atoms are told from their next voxel, wherever that lies and
with a face of the cube beside it; and where they are not as they should be, neighbours overlap.
"""

import torch
from torch import Tensor, nn

from ...geometry.blur import SIGMA, along_axes, around, blur, centres, product
from .wiener import wiener

WIDTHS = {1.0: 1e-6, 0.8: 2e-5, 0.5: 2e-4, 0.65: 5e-5}
"""Å, of what the Gaussians of Eq. (1) become, and how much the blur must leave of a wave for that (see `Sharpen`).

Z is read from the last."""
FAINTEST = 0.05
"""Of values in units of hydrogen's, as their logarithm is taken."""
FARTHEST = 1.0
"""Å, of distances; a voxel has an atom up to 0.5."""
STEEPEST = 2.0
"""Of curvatures, in units of that of a Gaussian alone."""
WIDER = 1.1
"""By how much Gaussians are wider than meant, as filters damp them."""


class Jets(nn.Module):
    """Density to `channels` channels, all [B, n, n, n].

    For each width: asinh v with v in units of the peak of hydrogen, the distance to the middle in Å, and the curvature
    w² ∇² ln v / 3, as if of Gaussians that stand alone. The last channel is asinh of the value at the middle, nearly Z.
    All are standardised, roughly, over voxels that have an atom.
    """

    channels = 3 * len(WIDTHS) + 1

    def __init__(self, n: int, count: int = 20) -> None:
        super().__init__()
        left, singular, right = torch.linalg.svd(blur(n, SIGMA), full_matrices=False)
        self.waves: Tensor
        self.filters: Tensor
        self.matrices: Tensor
        self.widths = list(WIDTHS)
        filters = [wiener(singular[:count], noise) for noise in WIDTHS.values()]
        matrices = [(m @ right[:count].T).T for width in WIDTHS for m in derivatives(n, width)]
        self.register_buffer("waves", left[:, :count].float(), persistent=False)
        self.register_buffer("filters", torch.cat(filters).float(), persistent=False)
        self.register_buffer("matrices", torch.stack(matrices).float(), persistent=False)

    def forward(self, density: Tensor, wider: float = WIDER) -> list[Tensor]:
        coefficients = along_axes(density, self.waves)
        filters, matrices = self.filters.chunk(len(self.widths)), self.matrices.chunk(len(self.widths))
        channels: list[Tensor] = []
        peak = density  # for the compiler, which does not know that there are widths
        for i, width in enumerate(self.widths):
            value, slope, laplacian = jet(coefficients * filters[i], matrices[i])
            distance, curvature = alone(value, slope, laplacian, width)
            peak = value * torch.exp((wider * distance / width).square() / 2)
            channels += [self.place(value), standardised(distance, 0.3, 0.15), standardised(curvature, -0.5, 0.3)]
        channels.append(self.place(peak))
        return channels

    def place(self, value: Tensor) -> Tensor:
        """Densities in units of the peak of hydrogen, or Z, on the scale of the channels."""
        return standardised(torch.asinh(value), 3.3, 0.8)


def standardised(x: Tensor, mean: float, deviation: float) -> Tensor:
    """x in units of its deviation from its mean."""
    return (x - mean) / deviation


def alone(
    value: Tensor, slope: Tensor, laplacian: Tensor, width: float,
    faintest: float = FAINTEST, farthest: float = FARTHEST, steepest: float = STEEPEST,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Value, squared slope and Laplacian to distance and curvature of a Gaussian alone."""
    positive = value.clamp_min(faintest)
    steepness = slope / positive.square()
    distance = (width**2 * steepness.sqrt()).clamp_max(farthest)
    return distance, (width**2 / 3 * (laplacian / positive - steepness)).clamp(-steepest, steepest)


def derivatives(n: int, width: float) -> tuple[Tensor, Tensor, Tensor]:
    """As `blur`, [n, places] float64, and its first and second derivatives along the axis, per Å and Å²."""
    away, gaussian = centres(n)[:, None] - around(), blur(n, width)
    return gaussian, -away / width**2 * gaussian, (away**2 / width**4 - 1 / width**2) * gaussian


def jet(coefficients: Tensor, matrices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Coefficients [B, m, m, m] of waves to value, squared slope and Laplacian of their sum, all [B, n, n, n].

    matrices: [3, m, n], the waves at voxels, and their first and second derivatives.
    """
    plain, sloping, curved = matrices[0], matrices[1], matrices[2]
    z, along_z, curved_z = along(coefficients, plain), along(coefficients, sloping), along(coefficients, curved)
    yz, curved_yz = along(z, plain), along(z, curved) + along(curved_z, plain)
    slope = along(yz, sloping).square() + along(along(z, sloping), plain).square()
    slope = slope + along(along(along_z, plain), plain).square()
    return along(yz, plain), slope, along(yz, curved) + along(curved_yz, plain)


def along(grid: Tensor, matrix: Tensor) -> Tensor:
    """[B, x, y, z] to [B, n, x, y]: the last axis multiplied by `matrix` [z, n]; three of these bring it round."""
    return product(grid, matrix).movedim(-1, 1)
