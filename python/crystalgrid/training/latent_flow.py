"""A prior that learns latent vectors, of autoencoders of any density."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..artifacts.recipe import Network, Optimizer
from ..data.crystalset import CrystalSet
from ..data.cubes import upright_cubes
from ..nets import CrystalNet
from ..nets.generators.latent_flow import Prior
from ..progress import progress
from .flow import PriorTraining

ENCODED_AT_ONCE = 16


class Posteriors(NamedTuple):
    """q(z|M) of B crystals, each in its upright cube."""

    mu: Tensor
    """[B, latent_dim]."""
    logvar: Tensor
    """[B, latent_dim]."""


class LatentPriorTraining(PriorTraining):
    """Of a `Prior`."""

    widths = (512, 512, 512, 512)
    optimizer = Optimizer(
        learning_rate=1e-3, batch_size=512, steps=10_000, check_every=500, warmup=100, decay=True, weight_decay=1e-2,
        grad_clip=1.0,
    )  # fmt: skip

    @property
    def learner(self) -> Prior:
        assert self.net.flow is not None
        return self.net.flow

    @classmethod
    def learnable(cls, crystals: CrystalSet, network: Network) -> np.ndarray:
        return np.ones(len(crystals), bool)

    @torch.no_grad()
    def examples(self, trained: CrystalNet, crystals: CrystalSet) -> Posteriors:
        """Draws learn nothing from where else a cube could be cut, or how else a crystal be turned."""
        parts = np.array_split(np.arange(len(crystals)), max(1, len(crystals) // ENCODED_AT_ONCE))
        threads, mode = torch.get_num_threads(), self.about["mode"]
        encoded = [
            trained.encode(upright_cubes(crystals, mode, self.grid, part).density(self.grid, threads))
            for part in progress(parts, "encoding crystals")
        ]
        return Posteriors(*map(torch.cat, zip(*encoded, strict=True)))

    def fit(self) -> None:
        self.learner.fit(self.lines(self.known, self.random(0))[0])

    def lines(self, known: Posteriors, random: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """A latent vector of each crystal, a noise and a time."""
        noise = torch.from_numpy(random.standard_normal((2, *known.mu.shape), dtype=np.float32))
        time = torch.from_numpy(random.random(len(known.mu), dtype=np.float32))
        z = known.mu + noise[0] * (known.logvar / 2).exp()
        return z.to(self.device), noise[1].to(self.device), time.to(self.device)

    def loss(self, examples: Posteriors, chosen: np.ndarray, place: int) -> Tensor:
        return self.learner.loss(*self.lines(Posteriors(*(part[chosen] for part in examples)), self.random(place)))
