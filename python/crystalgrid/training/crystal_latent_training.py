"""Training of an autoencoder of crystals, on known crystals alone."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..nets.generators.crystal_generator import CrystalGenerator
from ..nets.generators.structure_types import StructureTypes
from ..nets.latent.crystal_latent import CrystalLatent, Described
from .crystal_generator_training import CrystalGeneratorTraining
from .latent_losses import FREE_SHARE, REDRESSED_SHARE, LatentTerms, described, latent_loss, latent_terms, redressed

LEAST_SPREAD = 1e-3
"""The least standard deviation of a lattice parameter; crystals of one lattice have none."""


class CrystalLatentTraining(CrystalGeneratorTraining):
    """Training of the encoder, the language and the shaper of an autoencoder of crystals, on the same in every step."""

    net: CrystalLatent

    def begin(self, start: CrystalGenerator | None) -> None:
        """Set what training begins with; a generator to start from has no encoder, an autoencoder of crystals has."""
        super().begin(start)
        params = self.examples.lattice_params.float() / self.examples.lattice_units
        self.net.lattice_mean.copy_(params.mean(0))
        self.net.lattice_std.copy_(params.std(0).clamp(min=LEAST_SPREAD))
        if isinstance(start, CrystalLatent):
            own_names = set(self.net.types.state_dict(prefix="types."))
            weights = {name: value for name, value in start.state_dict().items() if name not in own_names}
            self.net.load_state_dict(weights, strict=False)

    def loss(self, examples: StructureTypes, rows: Tensor, prompted: Tensor, rng: np.random.Generator) -> Tensor:
        """Return the loss of examples; held-out ones are taken as they are."""
        crystals, free = described(examples, rows), torch.zeros_like(prompted)
        if self.net.training:
            other = redressed(self.net, crystals, rng)
            changed = torch.from_numpy(rng.random(len(rows)) < REDRESSED_SHARE).to(rows.device)
            crystals = Described(*(mixed(changed, b, a) for a, b in zip(crystals, other, strict=True)))
            free = torch.from_numpy(rng.random(len(rows)) < FREE_SHARE).to(rows.device) & ~changed
        noise = torch.from_numpy(rng.standard_normal((len(rows), self.net.latent_dim), dtype=np.float32))
        terms = latent_terms(self.net, examples, rows, crystals, noise.to(rows.device), free)
        self.terms = LatentTerms(*(term.detach().mean() for term in terms))
        return latent_loss(terms, self.kl)

    @property
    def kl(self) -> float:
        """The weight of the divergence in the loss."""
        latent = self.info.recipe.latent
        assert latent is not None
        return latent.kl


def mixed(changed: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Return the first of two tensors in the rows that are changed, and the second elsewhere."""
    return torch.where(changed.view(-1, *[1] * (first.dim() - 1)), first, second)
