"""Derivative features: value, slope and curvature of a density about each voxel, deblurred to several widths.

They determine an isolated Gaussian of width w: with value v at a distance d from its centre, |∇ ln v| = d / w²,
∇² ln v = -3 / w², and the value at the centre is v exp(d² / 2 w²). So one voxel near an atom suffices to locate it,
beside a face of the cube too; and where the three do not fit together, neighbouring atoms overlap.
"""

import torch
from torch import Tensor, nn

from ...geometry.blur import SIGMA, along_axes, axis_points, blur_matrix, product, voxel_centres, wiener_filter

NOISE = {1.0: 1e-6, 0.8: 2e-5, 0.5: 2e-4, 0.65: 5e-5}
"""The noise of the Wiener filter, by the width in Å that the Gaussians of Eq. (1) are deblurred to.

The last width is the one that Z is estimated from."""
FAINTEST = 0.05
"""The least value whose logarithm is taken, in units of the peak of hydrogen."""
FARTHEST = 1.0
"""The largest distance to a Gaussian's centre, in Å; a voxel belongs to an atom up to 0.5 Å away."""
STEEPEST = 2.0
"""The largest curvature, in units of that of an isolated Gaussian."""
WIDER = 1.1
"""The factor by which Gaussians are wider than meant, since filters damp them."""


class DerivativeFeatures(nn.Module):
    """A map from a density to `channels` channels, all [B, n, n, n].

    For each width w: asinh v with v in units of the peak of hydrogen, the distance to the centre in Å, and the
    curvature w² ∇² ln v / 3, as if each Gaussian were isolated. The last channel is asinh of the value at the centre,
    nearly Z. All are standardised, roughly, over voxels that have an atom.
    """

    channels = 3 * len(NOISE) + 1
    modes: Tensor
    filters: Tensor
    matrices: Tensor

    def __init__(self, n: int, count: int = 20) -> None:
        super().__init__()
        self.widths = list(NOISE)
        modes, singular, right = torch.linalg.svd(blur_matrix(n, SIGMA), full_matrices=False)
        filters = [wiener_filter(singular[:count], noise) for noise in NOISE.values()]
        matrices = [(m @ right[:count].T).T for width in NOISE for m in derivatives(n, width)]
        self.register_buffer("modes", modes[:, :count].float(), persistent=False)
        self.register_buffer("filters", torch.cat(filters).float(), persistent=False)
        self.register_buffer("matrices", torch.stack(matrices).float(), persistent=False)

    def forward(self, density: Tensor, wider: float = WIDER) -> list[Tensor]:
        """Return the channels of densities [B, n, n, n] in 1/Å³."""
        coefficients = along_axes(density, self.modes)
        filters, matrices = self.filters.chunk(len(self.widths)), self.matrices.chunk(len(self.widths))
        channels: list[Tensor] = []
        peak = density  # so that the compiler, which does not know that there are widths, finds it defined
        for i, width in enumerate(self.widths):
            value, slope, laplacian = value_and_derivatives(coefficients * filters[i], matrices[i])
            distance, curvature = lone_gaussian(value, slope, laplacian, width)
            peak = value * torch.exp((wider * distance / width).square() / 2)
            channels += [self.compress(value), standardised(distance, 0.3, 0.15), standardised(curvature, -0.5, 0.3)]
        channels.append(self.compress(peak))
        return channels

    def compress(self, value: Tensor) -> Tensor:
        """Return densities in units of the peak of hydrogen, or Z, on the scale of the channels."""
        return standardised(torch.asinh(value), 3.3, 0.8)


def standardised(x: Tensor, mean: float, deviation: float) -> Tensor:
    """Return x in units of its deviation from its mean."""
    return (x - mean) / deviation


def lone_gaussian(
    value: Tensor, slope: Tensor, laplacian: Tensor, width: float,
    faintest: float = FAINTEST, farthest: float = FARTHEST, steepest: float = STEEPEST,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Return distance and curvature of the isolated Gaussian that has this value, squared slope and Laplacian."""
    positive = value.clamp_min(faintest)
    steepness = slope / positive.square()
    distance = (width**2 * steepness.sqrt()).clamp_max(farthest)
    return distance, (width**2 / 3 * (laplacian / positive - steepness)).clamp(-steepest, steepest)


def derivatives(n: int, width: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return `blur_matrix` and its first and second derivatives along the axis, per Å and Å², [n, points] float64."""
    shift, gaussian = voxel_centres(n)[:, None] - axis_points(), blur_matrix(n, width)
    return gaussian, -shift / width**2 * gaussian, (shift**2 / width**4 - 1 / width**2) * gaussian


def value_and_derivatives(coefficients: Tensor, matrices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return value, squared slope and Laplacian, all [B, n, n, n], of a sum of modes with coefficients [B, m, m, m].

    matrices: [3, m, n], the modes at voxels, and their first and second derivatives.
    """
    plain, first, second = matrices[0], matrices[1], matrices[2]
    z, along_z, curved_z = (
        last_axis(coefficients, plain),
        last_axis(coefficients, first),
        last_axis(coefficients, second),
    )
    yz, curved_yz = last_axis(z, plain), last_axis(z, second) + last_axis(curved_z, plain)
    slope = last_axis(yz, first).square() + last_axis(last_axis(z, first), plain).square()
    slope = slope + last_axis(last_axis(along_z, plain), plain).square()
    return last_axis(yz, plain), slope, last_axis(yz, second) + last_axis(curved_yz, plain)


def last_axis(grid: Tensor, matrix: Tensor) -> Tensor:
    """Return [B, x, y, z] with the last axis multiplied by `matrix` [z, n] and made the first, [B, n, x, y]."""
    return product(grid, matrix).movedim(-1, 1)
