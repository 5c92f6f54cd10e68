"""The losses of Eq. (2) and (3), for one backward pass."""

import torch
from torch import Tensor
from torch.nn import functional as F

from .nets import CrystalNet, UNet
from .recipe import Loss


def joint_loss(
    net: CrystalNet, density: Tensor, species: Tensor, weights: Loss, generator: torch.Generator
) -> dict[str, Tensor]:
    """The loss to descend, and its parts, on a batch of cubes.

    density: [B, n, n, n] float32; species: [B, n, n, n] uint8; generator: of their device, for the posterior's noise.
    Its gradient is that of Eq. (2) for the VAE and of Eq. (3) for the U-Net: the segmentation loss counts once for the
    U-Net, and `gamma` times in what it sends back into the decoded density.
    """
    mu, logvar = net.encode(density)
    noise = torch.randn(mu.shape, generator=generator, device=mu.device)
    decoded = net.decode(mu + noise * (logvar / 2).exp())
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(1).mean()
    reconstruction = reconstruction_loss(net, decoded, density)
    segmentation = segmentation_loss(net.unet, scale_gradient(decoded, weights.gamma), species, weights, generator)
    loss = reconstruction + weights.beta * kl / density[0].numel() + segmentation
    return {"loss": loss, "reconstruction": reconstruction, "kl": kl, "segmentation": segmentation}


def reconstruction_loss(net: CrystalNet, decoded: Tensor, density: Tensor) -> Tensor:
    """Mean over voxels of the squared error; of `relative` networks, in units of each cube's true mean."""
    if not net.vae.relative:
        return F.mse_loss(decoded, density)
    mean = density.mean((1, 2, 3), keepdim=True).clamp_min(1e-6)
    return ((decoded - density) / mean).square().mean()


def segmentation_loss(
    unet: UNet, density: Tensor, species: Tensor, weights: Loss, generator: torch.Generator
) -> Tensor:
    """Mean over voxels (and classes, for "bce") of the error of the U-Net's classes."""
    features = unet.features(density)
    if weights.segmentation == "cross_entropy":
        drawn = torch.rand(species.shape, generator=generator, device=species.device) < weights.no_atom_share
        counted = (species > 0) | drawn
        weight, bias = unet.classify.weight.flatten(1), unet.classify.bias
        logits = F.linear(features.permute(0, 2, 3, 4, 1)[counted], weight, bias)
        return F.cross_entropy(logits.float(), species[counted].long())
    # Binary cross entropy of every class without ever holding the one-hot matrix S of Eq. (3).
    logits = unet.classify(features).float()
    true_logits = logits.gather(1, species.unsqueeze(1).long())
    return F.softplus(logits).mean() - true_logits.mean() / logits.size(1)


class _ScaleGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.factor * gradient, None


def scale_gradient(x: Tensor, factor: float) -> Tensor:
    """x itself; what comes back through it in the backward pass is multiplied by `factor`."""
    return _ScaleGradient.apply(x, factor)
