"""Training of `LatentFlow`, for any autoencoder."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..artifacts.recipe import Optimizer
from ..data.crystalset import CrystalSet
from ..data.cubes import canonical_cubes
from ..nets.generators.latent_flow import LatentFlow
from ..nets.network import CrystalNet
from ..progress import progress
from .prior import PriorRecipe, PriorTraining

ENCODING_BATCH = 16
"""The number of crystals that are encoded at once."""


class Posteriors(NamedTuple):
    """The posteriors q(z|M) of B crystals, each in one cube in its canonical orientation."""

    mu: Tensor
    """[B, latent_dim]."""
    logvar: Tensor
    """[B, latent_dim]."""


class LatentFlowTraining(PriorTraining[LatentFlow, Posteriors]):
    """Training of a `LatentFlow` on the latent vectors of crystals."""

    default_recipe = PriorRecipe(
        widths=(512, 512, 512, 512),
        optimizer=Optimizer(
            learning_rate=1e-3, batch_size=512, steps=10_000, check_every=500, warmup=100, decay=True,
            weight_decay=1e-2, grad_clip=1.0,
        ),
    )  # fmt: skip

    @staticmethod
    def learnable(crystals: CrystalSet, latent_dim: int, recipe: PriorRecipe) -> np.ndarray:
        return np.ones(len(crystals), bool)

    @torch.no_grad()
    def examples(self, trained: CrystalNet, crystals: CrystalSet) -> Posteriors:
        """Return the posteriors of all crystals, each in one cube.

        Other origins and rotations would only make the distribution harder to learn.
        """
        parts = np.array_split(np.arange(len(crystals)), max(1, len(crystals) // ENCODING_BATCH))
        threads, mode = torch.get_num_threads(), self.info.mode
        encoded = [
            trained.encode(canonical_cubes(crystals, mode, self.grid, part).density(self.grid, threads))
            for part in progress(parts, "encoding crystals")
        ]
        return Posteriors(*map(torch.cat, zip(*encoded, strict=True)))

    def fit_closed_form(self, examples: Posteriors) -> None:
        """Fit the mean and the standard deviation of latent vectors."""
        self.generator.fit(self.sample(examples, self.rng(0))[0])

    def sample(self, posteriors: Posteriors, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Return a latent vector of each posterior, noise to start from, both [B, latent_dim], and times [B]."""
        noise = torch.from_numpy(rng.standard_normal((2, *posteriors.mu.shape), dtype=np.float32))
        time = torch.from_numpy(rng.random(len(posteriors.mu), dtype=np.float32))
        z = posteriors.mu + noise[0] * (posteriors.logvar / 2).exp()
        return z.to(self.device), noise[1].to(self.device), time.to(self.device)

    def loss(self, examples: Posteriors, chosen: np.ndarray, batch: int) -> Tensor:
        posteriors = Posteriors(*(part[chosen] for part in examples))
        loss: Tensor = self.generator.loss(*self.sample(posteriors, self.rng(batch)))
        return loss
