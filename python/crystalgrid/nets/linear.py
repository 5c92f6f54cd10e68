"""The linear part of an autoencoder: what is known in closed form, and need not be learned."""

import math

import torch
from torch import Tensor, nn


def cosines(n: int, waves: int) -> Tensor:
    """[n, waves] orthonormal cosines at the centres of n voxels, longest first."""
    places = math.pi * (torch.arange(n) + 0.5) / n
    basis = torch.cos(places[:, None] * torch.arange(waves)) * math.sqrt(2 / n)
    basis[:, :1] /= math.sqrt(2)
    return basis


def to_cosines(density: Tensor, basis: Tensor) -> Tensor:
    """[B, n, n, n] to the coefficients [B, waves, waves, waves] of its longest waves."""
    return torch.einsum("bxyz,xi,yj,zk->bijk", density, basis, basis, basis)


def from_cosines(coefficients: Tensor, basis: Tensor) -> Tensor:
    """The density [B, n, n, n] with these coefficients."""
    return torch.einsum("bijk,xi,yj,zk->bxyz", coefficients, basis, basis, basis)


class LinearPart(nn.Module):
    """Principal components of the training densities, the best linear encoder and decoder; fixed once they are fitted.

    The Gaussians of Eq. (1) leave little in a density beyond the longest `waves` cosines along each axis, so that
    components are sought among waves³ numbers instead of n³ voxels.

    The factors are those with which the loss (Σ error² + beta · KL) is least for a linear model: a component of
    variance λ has posterior variance beta / (beta + 2 λ), and its latent number has variance near one.
    """

    def __init__(self, n: int, waves: int, latent_dim: int) -> None:
        super().__init__()
        self.cosines: Tensor
        self.centre: Tensor
        self.encoder: Tensor
        self.decoder: Tensor
        self.register_buffer("cosines", cosines(n, waves))
        self.register_buffer("centre", torch.zeros(waves**3))
        self.register_buffer("encoder", torch.zeros(waves**3, latent_dim))
        self.register_buffer("decoder", torch.zeros(latent_dim, waves**3))

    def coefficients(self, density: Tensor) -> Tensor:
        """density [B, n, n, n] to its cosine coefficients [B, waves³]."""
        return to_cosines(density, self.cosines).flatten(1)

    def encode(self, density: Tensor) -> Tensor:
        """density [B, n, n, n] to latent vectors [B, latent_dim], in full precision."""
        if torch.jit.is_scripting():
            return self._encode(density)
        with torch.autocast(density.device.type, enabled=False):
            return self._encode(density)

    def decode(self, z: Tensor) -> Tensor:
        """z [B, latent_dim] to a density [B, n, n, n], negative in places, in full precision."""
        if torch.jit.is_scripting():
            return self._decode(z)
        with torch.autocast(z.device.type, enabled=False):
            return self._decode(z)

    def _encode(self, density: Tensor) -> Tensor:
        return (self.coefficients(density) - self.centre) @ self.encoder

    def _decode(self, z: Tensor) -> Tensor:
        waves = self.cosines.size(1)
        coefficients = (z @ self.decoder + self.centre).view(-1, waves, waves, waves)
        return from_cosines(coefficients, self.cosines)

    @torch.jit.ignore
    def fit(self, coefficients: Tensor, first: int, beta: float) -> Tensor:
        """Take the components of samples [B, waves³] as latent numbers `first` and on.

        Returns the logarithms of the posterior variances, [latent_dim].
        """
        size, beta = self.decoder.size(0), max(beta, 1e-6)
        self.centre.copy_(coefficients.mean(0))
        variance, direction = torch.linalg.eigh(torch.cov(coefficients.double().T))
        count = min(size - first, len(variance))
        variance = variance.flip(0)[:count].clamp_min(0)
        direction = direction.flip(1)[:, :count]
        chosen = slice(first, first + count)
        self.encoder[:, chosen] = (direction * variance.sqrt() / (variance + beta / 2)).float()
        self.decoder[chosen] = (direction * variance.sqrt()).T.float()
        logvar = torch.zeros(size)
        logvar[chosen] = (beta / (beta + 2 * variance)).log().float()
        return logvar
