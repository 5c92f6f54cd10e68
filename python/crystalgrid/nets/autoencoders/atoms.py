"""A closed-form codec whose latent vector lists the positions and atomic numbers of the atoms in the cube."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ...errors import InputError
from ...geometry.blur import LENGTH, N, voxel_centres
from ..relative_density import relative_error
from .base import Autoencoder, FittedConfig
from .matching_pursuit import MatchingPursuit, gaussians

PER_ATOM = 4
"""The number of latent numbers for an atom: ln(1 + Z) and a position."""
AT_ONCE = 16
"""The number of cubes whose atoms are searched together, which bounds memory."""
LARGEST = 5.5
"""The upper bound on ln(1 + Z), which is 4.6 for Z = 94."""
LEAST_DEVIATION = (0.05, 0.1, 0.1, 0.1)
"""The least deviations of ln(1 + Z) and of a position in Å, for atoms of the list that few crystals have."""


@dataclass(frozen=True, kw_only=True)
class AtomConfig(FittedConfig):
    """The sizes of an `AtomAutoencoder`, which holds latent_dim / 4 atoms."""

    def check(self) -> None:
        super().check()
        if self.latent_dim % PER_ATOM:
            raise InputError(f"latent_dim must be a multiple of {PER_ATOM}, got {self.latent_dim}")


class AtomAutoencoder(Autoencoder):
    """A list of atoms, for crystals in single mode; nothing is learned but means and deviations.

    A latent vector is, standardised over the training crystals, ln(1 + Z) and the position from the cube's middle of
    one atom after the other, the heaviest first; an absent atom has Z = 0. The encoder finds the atoms
    (`MatchingPursuit`); the decoder is Eq. (1). All atoms must be in the cube.
    """

    config = AtomConfig
    modes = ("single",)
    exact = True
    error_bound = 1e-5
    unet_input = "derivatives"
    traceable = False
    encodes_cells = True
    voxels: Tensor
    centre: Tensor
    deviation: Tensor
    logvar: Tensor

    def __init__(self, config: AtomConfig) -> None:
        super().__init__(config)
        self.pursuit = MatchingPursuit(N, config.latent_dim // PER_ATOM)
        self.register_buffer("voxels", voxel_centres(N).float() - LENGTH / 2, persistent=False)
        self.register_buffer("centre", torch.zeros(config.latent_dim))
        self.register_buffer("deviation", torch.ones(config.latent_dim))
        self.register_buffer("logvar", torch.zeros(config.latent_dim))  # of q(z|M), the same for all crystals

    def fit(self, batches: Iterable[Tensor], beta: float) -> None:
        atoms = torch.cat([self.find_atoms(part) for density in batches for part in density.split(AT_ONCE)])
        deviation = atoms.std(0).view(-1, PER_ATOM)
        least = torch.tensor(LEAST_DEVIATION, device=atoms.device)
        self.centre.copy_(atoms.mean(0))
        self.deviation.copy_(torch.maximum(deviation, least).flatten())
        sensitivity = self.sensitivity(atoms) * self.deviation.square()
        self.logvar.copy_(-torch.log1p(2 * N**3 / max(beta, 1e-6) * sensitivity))

    def sensitivity(self, atoms: Tensor) -> Tensor:
        """Return how much each number of an atom list [B, latent_dim] changes the relative density, [latent_dim].

        It is the squared derivative, averaged over voxels and crystals, as if no atom were near a face: integrated over
        all space, g² of a Gaussian is 1 / 8 π^(3/2), and (∂g/∂x)² half of that.
        """
        weights = atoms.view(len(atoms), -1, PER_ATOM)[:, :, 0].expm1()
        total = weights.sum(1, keepdim=True).clamp_min(1)
        by_weight = LENGTH**3 / (8 * math.pi**1.5) * ((1 + weights) / total).square().mean(0)
        by_position = LENGTH**3 / (16 * math.pi**1.5) * (weights / total).square().mean(0)
        return torch.stack((by_weight, by_position, by_position, by_position), 1).flatten()

    def find_atoms(self, density: Tensor, length: float = LENGTH) -> Tensor:
        """Return the atom lists [B, latent_dim] of densities [B, n, n, n], not standardised; see `atom_list`."""
        positions, weights = self.pursuit(density)
        return atom_list(torch.where(weights.unsqueeze(2) > 0, positions - length / 2, 0.0), weights)

    @torch.jit.export
    def encode(self, density: Tensor) -> tuple[Tensor, Tensor]:
        if torch.jit.is_scripting():
            atoms = self.find_atoms(density)
        else:
            with torch.autocast(density.device.type, enabled=False):
                atoms = self.find_atoms(density)
        mu = (atoms - self.centre) / self.deviation
        return mu, self.logvar.expand_as(mu)

    @torch.jit.export
    def encode_cells(self, lattice: Tensor, frac_coords: Tensor, numbers: Tensor, tolerance: float = 1e-4) -> Tensor:
        """Return latent vectors [B, latent_dim] of unit cells whose atoms' mean is at the centre of the cube.

        lattice: [B, 3, 3] Å; frac_coords: [B, K, 3], wrapped to [-tolerance, 1 - tolerance), so that rounding does not
        move an atom from 0 to 1; numbers: [B, K], atomic numbers, 0 for no atom.
        """
        weights = numbers.to(frac_coords.dtype)
        real = (weights > 0).unsqueeze(2)
        positions = (frac_coords - (frac_coords + tolerance).floor()) @ lattice * real
        centred = (positions - positions.sum(1, keepdim=True) / real.sum(1, keepdim=True)) * real
        atoms = atom_list(centred, weights)[:, : self.centre.size(0)]
        atoms = F.pad(atoms, [0, self.centre.size(0) - atoms.size(1)])
        return (atoms - self.centre) / self.deviation

    @torch.jit.export
    def decode(self, z: Tensor, largest: float = LARGEST) -> Tensor:
        """Return the densities of Eq. (1), [B, 30, 30, 30], of z [B, latent_dim]; `largest` bounds ln(1 + Z)."""
        atoms = (self.centre + self.deviation * z).unflatten(1, [-1, 4])
        weights = atoms[:, :, 0].clamp(0, largest).expm1()
        if torch.jit.is_scripting():
            density = gaussians(atoms[:, :, 1:], weights, self.voxels)
        else:
            with torch.autocast(z.device.type, enabled=False):
                density = gaussians(atoms[:, :, 1:], weights, self.voxels)
        return density

    def error(self, decoded: Tensor, density: Tensor) -> Tensor:
        """Return the mean squared error over voxels, in units of each cube's true mean."""
        return relative_error(decoded, density)


def atom_list(positions: Tensor, weights: Tensor) -> Tensor:
    """Return ln(1 + Z) and position of one atom after the other, the heaviest first, [B, 4 K].

    positions: [B, K, 3] Å from the cube's middle; weights: [B, K], Z, 0 for no atom.
    """
    order = heaviest_first(positions, weights).unsqueeze(2)
    atoms = torch.cat((weights.log1p().unsqueeze(2), positions), 2)
    return atoms.gather(1, order.expand_as(atoms)).flatten(1).float()


def heaviest_first(positions: Tensor, weights: Tensor, length: float = LENGTH) -> Tensor:
    """Return an order of atoms [B, K]: by Z, then along a direction in which few atoms of a species coincide."""
    along = positions @ torch.tensor([1.0, 0.3, 0.1], dtype=positions.dtype, device=positions.device)
    return (weights.round() * (10 * length) + along).argsort(dim=1, descending=True)
