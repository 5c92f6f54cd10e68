"""The loss of an autoencoder with its posterior's variances changed, to show that the closed-form ones are the best."""

import math

import torch
from torch import Tensor

from crystalgrid.nets.autoencoders.base import Autoencoder


def loss_with_variances(autoencoder: Autoencoder, density: Tensor, factor: float, beta: float) -> float:
    """Return Σ error² + beta · KL of densities, with the posterior variances multiplied by `factor`."""
    mu, logvar = autoencoder.encode(density)
    logvar = logvar + math.log(factor)
    noise = torch.randn(mu.shape, generator=torch.Generator().manual_seed(0))
    decoded = autoencoder.decode(mu + noise * (logvar / 2).exp())
    error = autoencoder.error(decoded, autoencoder.decode(mu)) * density[0].numel()
    return float(error + beta * 0.5 * (logvar.exp() - logvar).sum(1).mean())
