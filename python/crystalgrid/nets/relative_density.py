"""Densities in units of the mean of their cube, so that a crystal of hydrogen counts as much as one of uranium."""

from torch import Tensor


def log_mean(density: Tensor) -> Tensor:
    """Return the logarithm of the mean [B] of densities [B, n, n, n] in 1/Å³; that of an empty cube counts as 1e-6."""
    return density.mean((1, 2, 3)).clamp_min(1e-6).log()


def relative_density(density: Tensor) -> Tensor:
    """Return densities [B, n, n, n], each divided by its mean."""
    return density / log_mean(density).exp()[:, None, None, None]


def relative_error(decoded: Tensor, density: Tensor) -> Tensor:
    """Return the mean over voxels of the squared error of densities [B, n, n, n], in units of each cube's true mean."""
    scale = log_mean(density).exp()[:, None, None, None]
    return ((decoded - density) / scale).square().mean()
