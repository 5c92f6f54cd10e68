"""The interface of every autoencoder, from a density of 30³ voxels to a latent vector and back."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import InputError


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig:
    """The sizes of an autoencoder, as keys of a recipe's [network]; each kind adds its own.

    latent_dim: length of the latent vector z.
    """

    latent_dim: int = 300

    def check(self) -> None:
        """Raise InputError for a value out of range, with a message that begins with its key."""
        if self.latent_dim <= 0:
            raise InputError(f"latent_dim must be positive, got {self.latent_dim}")


@dataclass(frozen=True, kw_only=True)
class FittedConfig(AutoencoderConfig):
    """The sizes of an autoencoder that is fitted in closed form.

    fit_cubes: the number of cubes of training crystals that `fit` is given.
    """

    fit_cubes: int = 1024

    def check(self) -> None:
        super().check()
        if self.fit_cubes < 2:
            raise InputError(f"fit_cubes must be 2 or more, got {self.fit_cubes}")


class Autoencoder(nn.Module):
    """A map from a density M, Eq. (1) in 1/Å³, [B, 30, 30, 30], to a latent vector z [B, latent_dim] and back.

    A kind is a subclass in a file of its own, with its sizes as a dataclass beside it, and a line in `AUTOENCODERS`.
    All other code reads what it must know about a kind from the attributes below. `encode`, `decode` and
    `encode_cells` are compiled by `torch.jit.script` as they stand, and so must be marked `torch.jit.export`.
    """

    config: ClassVar[type[AutoencoderConfig]] = AutoencoderConfig
    """The dataclass of this kind's sizes."""
    modes: ClassVar[tuple[str, ...]] = ("repeated", "single")
    """The modes whose densities it can encode."""
    exact: ClassVar[bool] = False
    """True for a closed-form codec: nothing in it is learned by gradient descent."""
    error_bound: ClassVar[float | None] = None
    """The largest relative L2 error of a density that is encoded and decoded after `fit` alone, if there is a bound."""
    unet_input: ClassVar[str] = "density"
    """The U-Net's input beside the decoded density, chosen by how exact that is; a key of `INPUTS` of the U-Net."""
    traceable: ClassVar[bool] = True
    """True if `torch.export` can trace `encode`, which it cannot if `encode` loops until all atoms are found."""
    encodes_cells: ClassVar[bool] = False
    """True if `encode_cells` gives the latent vector of a unit cell, so that a generator may draw unit cells."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.latent_dim = config.latent_dim
        self.fit_cubes = config.fit_cubes if isinstance(config, FittedConfig) else 0

    def fit(self, batches: Iterable[Tensor], beta: float) -> None:
        """Set what can be estimated in closed form before training, from `fit_cubes` cubes in batches of [B, n, n, n].

        beta: weight of the KL divergence in the loss that follows, which decides how wide posteriors should be.
        """

    def encode(self, density: Tensor) -> tuple[Tensor, Tensor]:
        """Return mu and log variance of q(z|M), each [B, latent_dim], of densities [B, 30, 30, 30]."""
        raise NotImplementedError

    def decode(self, z: Tensor) -> Tensor:
        """Return the densities M̂ of Eq. (4), [B, 30, 30, 30], of latent vectors [B, latent_dim]."""
        raise NotImplementedError

    def encode_cells(self, lattice: Tensor, frac_coords: Tensor, numbers: Tensor) -> Tensor:
        """Return latent vectors [B, latent_dim] of the crystals that unit cells describe.

        lattice: [B, 3, 3] Å; frac_coords: [B, K, 3]; numbers: [B, K], atomic numbers, 0 for no atom.
        """
        raise NotImplementedError

    def error(self, decoded: Tensor, density: Tensor) -> Tensor:
        """Return the reconstruction error of the loss: the mean squared error over voxels (Eq. 2)."""
        return F.mse_loss(decoded, density)

    def scale(self) -> tuple[int, float] | None:
        """Return the index of the latent number that is the logarithm of a density's mean, and that number's unit.

        The unit is the standard deviation of the logarithm. None if no latent number is the scale of a density alone.
        """
        return None
