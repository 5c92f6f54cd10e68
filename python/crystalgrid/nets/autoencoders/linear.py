"""The linear part of an autoencoder: what is known in closed form, and need not be learned."""

import torch
from torch import Tensor, nn

from ...geometry.blur import along_axes, product, waves


class LinearPart(nn.Module):
    """Principal components of the training densities, the best linear encoder and decoder; fixed once they are fitted.

    The Gaussians of Eq. (1) leave little in a density beyond the longest `count` waves along each axis, so that
    components are sought among count³ numbers instead of n³ voxels.

    The factors are those with which the loss (Σ error² + beta · KL) is least for a linear model: a component of
    variance λ has posterior variance beta / (beta + 2 λ), and its latent number has variance near one.
    """

    def __init__(self, n: int, count: int, latent_dim: int) -> None:
        super().__init__()
        self.count = count
        self.waves: Tensor
        self.centre: Tensor
        self.encoder: Tensor
        self.decoder: Tensor
        self.register_buffer("waves", waves(n, count))
        self.register_buffer("centre", torch.zeros(count**3))
        self.register_buffer("encoder", torch.zeros(count**3, latent_dim))
        self.register_buffer("decoder", torch.zeros(latent_dim, count**3))

    def coefficients(self, density: Tensor) -> Tensor:
        """density [B, n, n, n] to its coefficients [B, count³]."""
        return along_axes(density, self.waves).flatten(1)

    def density(self, coefficients: Tensor) -> Tensor:
        """The density [B, n, n, n] with these coefficients [B, count³], negative in places."""
        return along_axes(coefficients.view(-1, self.count, self.count, self.count), self.waves.T)

    def encode(self, centred: Tensor) -> Tensor:
        """Coefficients less `centre` [B, count³] to latent vectors [B, latent_dim]."""
        return product(centred, self.encoder)

    def decode(self, z: Tensor) -> Tensor:
        """z [B, latent_dim] to coefficients less `centre` [B, count³]."""
        return product(z, self.decoder)

    @torch.jit.ignore
    def fit(self, coefficients: Tensor, first: int, beta: float) -> Tensor:
        """Take the components of samples [B, count³] as latent numbers `first` and on.

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
