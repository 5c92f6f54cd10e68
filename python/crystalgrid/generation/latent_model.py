"""A trained autoencoder of crystals: crystals to 300 numbers and back, whatever cell they are given in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..artifacts.generator_info import GeneratorInfo
from ..boundary import a_tensor, check_finite
from ..crystal import Crystal, CrystalLike, as_crystals
from ..errors import InputError
from ..geometry.canonical_unit import CanonicalUnit
from ..nets.generators.crystal_draws import Draws
from ..pool.threads import one_thread
from .conditions import Names, read_conditions
from .crystal_model import CrystalModel, as_it_is, crystals_of
from .described_crystals import Limits, canonical_units, describe

AT_ONCE = 64
"""The number of crystals that are encoded or decoded together, which bounds memory."""


class LatentModel(CrystalModel):
    """An autoencoder of crystals with its description; it draws crystals too, those of z ~ N(0, 1)."""

    def __init__(self, network: Any, metadata: GeneratorInfo) -> None:
        super().__init__(network, metadata)
        self.latent_dim = self.noise_dim
        sizes = metadata.recipe.generator
        self.limits = Limits(sizes.orbits, sizes.atoms, frozenset(metadata.elements))

    def encode_crystals(self, crystals: CrystalLike | Sequence[CrystalLike]) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of z, both [B, latent_dim], of crystals of this package, pymatgen or ASE.

        They are the same for every description of a crystal: any cell, origin, rotation, supercell, order of atoms.

        Raises InputError that names the first crystal with more atoms, orbits or elements than the model takes, or
        with an element that it has never seen.
        """
        mu, logvar, reasons = self.encode_some(as_crystals(crystals))
        if reasons:
            index, reason = next(iter(reasons.items()))
            raise InputError(f"crystals[{index}]: {reason}")
        return mu, logvar

    def encode_some(self, crystals: Sequence[Crystal]) -> tuple[Tensor, Tensor, dict[int, str]]:
        """Return mean and log variance of z of the crystals that can be encoded, and by index why others cannot be."""
        units, reasons = canonical_units(crystals, self.limits)
        return (*self.encode_units(list(units.values())), reasons)

    def encode_units(self, units: Sequence[CanonicalUnit]) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of z, both [B, latent_dim], of crystals as canonical units within the limits."""
        mu, logvar = torch.zeros(2, len(units), self.latent_dim)
        by_size = sorted(range(len(units)), key=lambda i: len(units[i].letters))  # so that batches have little padding
        with torch.no_grad(), torch.jit.optimized_execution(False), one_thread():
            for first in range(0, len(units), AT_ONCE):
                rows = by_size[first : first + AT_ONCE]
                mu[rows], logvar[rows] = self.network.encode_orbits(describe([units[i] for i in rows]))
        return mu, logvar

    def decode_crystals(
        self, z: Tensor, *, among: Names | None = None, without: Names | None = None
    ) -> list[Crystal | None]:
        """Return the crystal of each latent vector [B, latent_dim]; None where its atoms could not be kept apart.

        The same vector gives the same crystal, in a primitive cell of the standard setting. None also stands where no
        cell has a density and a volume per atom that training crystals have.

        among, without: which elements are possible, as of `generate`; the likeliest of these are decoded.
        """
        read = read_conditions({"among": among, "without": without})
        if problem := self.network.problem(read):
            raise InputError(problem)
        if len(self.checked(z)) == 0:
            return []
        nothing = torch.zeros(0, 0)
        with as_it_is():
            parts = [Draws(*self.network.draw(part, read, nothing)) for part in self.checked(z).split(AT_ONCE)]
        return [crystal for part in parts for crystal in crystals_of(part)]

    def checked(self, z: Tensor) -> Tensor:
        """Return latent vectors as float32; raise InputError unless they are finite, [B, latent_dim]."""
        a_tensor("z", z)
        if z.dim() != 2 or z.shape[1] != self.latent_dim or not z.is_floating_point():
            raise InputError(f"z: wanted floating-point numbers [B, {self.latent_dim}], got {z.dtype} {list(z.shape)}")
        check_finite("z", z)
        return z.float()
