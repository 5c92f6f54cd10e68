"""Principal components of densities: the best linear autoencoder, known in closed form."""

import torch
from torch import Tensor, nn

from ...geometry.blur import along_axes, blur_modes, product


class PrincipalComponents(nn.Module):
    """Principal components of the training densities, the best linear encoder and decoder; fixed once they are fitted.

    The blur of Eq. (1) leaves little of a density beyond the first `count` blur modes along each axis, so components
    are computed from count³ coefficients instead of n³ voxels.

    The matrices minimise the loss (Σ error² + beta · KL) of a linear model: a component of variance λ has posterior
    variance beta / (beta + 2 λ), and its latent number has a variance near one.
    """

    modes: Tensor
    centre: Tensor
    encoder: Tensor
    decoder: Tensor

    def __init__(self, n: int, count: int, latent_dim: int) -> None:
        super().__init__()
        self.count = count
        self.register_buffer("modes", blur_modes(n, count))
        self.register_buffer("centre", torch.zeros(count**3))
        self.register_buffer("encoder", torch.zeros(count**3, latent_dim))
        self.register_buffer("decoder", torch.zeros(latent_dim, count**3))

    def coefficients(self, density: Tensor) -> Tensor:
        """Return the coefficients of the modes, [B, count³], of densities [B, n, n, n]."""
        return along_axes(density, self.modes).flatten(1)

    def density(self, coefficients: Tensor) -> Tensor:
        """Return the densities [B, n, n, n], negative at some voxels, that have coefficients [B, count³]."""
        return along_axes(coefficients.view(-1, self.count, self.count, self.count), self.modes.T)

    def encode(self, centred: Tensor) -> Tensor:
        """Return latent vectors [B, latent_dim] of coefficients minus `centre`, [B, count³]."""
        return product(centred, self.encoder)

    def decode(self, z: Tensor) -> Tensor:
        """Return coefficients minus `centre`, [B, count³], of latent vectors [B, latent_dim]."""
        return product(z, self.decoder)

    def fit(self, coefficients: Tensor, first: int, beta: float) -> Tensor:
        """Compute the components of samples [B, count³] for the latent numbers from `first` on.

        Return the logarithms of the posterior variances, [latent_dim].
        """
        latent_dim, beta = self.decoder.size(0), max(beta, 1e-6)
        self.centre.copy_(coefficients.mean(0))
        variance, direction = torch.linalg.eigh(torch.cov(coefficients.double().T))
        count = min(latent_dim - first, len(variance))
        variance = variance.flip(0)[:count].clamp_min(0)
        direction = direction.flip(1)[:, :count]
        chosen = slice(first, first + count)
        self.encoder[:, chosen] = (direction * variance.sqrt() / (variance + beta / 2)).float()
        self.decoder[chosen] = (direction * variance.sqrt()).T.float()
        logvar = torch.zeros(latent_dim)
        logvar[chosen] = (beta / (beta + 2 * variance)).log().float()
        return logvar
