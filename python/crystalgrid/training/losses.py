"""The losses of Eq. (2) and (3), for one backward pass."""

from typing import Any

import torch
from torch import Tensor

from ..artifacts.recipe import Loss
from ..nets.network import CrystalNet


def joint_loss(net: CrystalNet, density: Tensor, species: Tensor, weights: Loss, noise: Tensor) -> dict[str, Tensor]:
    """Return the loss to descend, and its parts, on a batch of cubes.

    density: [B, n, n, n] float32; species: [B, n, n, n] uint8; noise: [B, latent_dim], standard normal, with which z
    is drawn from the posterior.
    Its gradient is that of Eq. (2) for the VAE and of Eq. (3) for the U-Net: the segmentation loss counts once for the
    U-Net, and `gamma` times in the gradient of the decoded density.
    """
    mu, logvar = net.encode(density)
    decoded = net.decode(mu + noise * (logvar / 2).exp())
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(1).mean()
    reconstruction = net.autoencoder.error(decoded, density)
    segmentation = net.unet.head.loss(net.unet.features(scale_gradient(decoded, weights.gamma)), species)
    loss = reconstruction + weights.beta * kl / density[0].numel() + segmentation
    return {"loss": loss, "reconstruction": reconstruction, "kl": kl, "segmentation": segmentation}


class _ScaleGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.factor * gradient, None


def scale_gradient(x: Tensor, factor: float) -> Tensor:
    """Return x itself; the gradient that comes back through it is multiplied by `factor`."""
    scaled: Tensor = _ScaleGradient.apply(x, factor)  # type: ignore[no-untyped-call]
    return scaled
