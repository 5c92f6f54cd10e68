"""Densities that no crystal has, which an autoencoder has to bear."""

import torch
from torch import Tensor

from crystalgrid.nets.autoencoders.base import Autoencoder


def check_strange_densities(autoencoder: Autoencoder, largest_of_nothing: float) -> tuple[Tensor, Tensor]:
    """Check that nothing, an even density and noise come back finite, and return them and what came back.

    largest_of_nothing: the largest value that may come back of an empty cube.
    """
    strange = torch.stack((torch.zeros(30, 30, 30), torch.ones(30, 30, 30), 1e6 * torch.rand(30, 30, 30)))
    mu, logvar = autoencoder.encode(strange)
    decoded = autoencoder.decode(mu)
    assert all(torch.isfinite(values).all() for values in (mu, logvar, decoded))
    assert decoded[0].max() < largest_of_nothing
    return strange, decoded
