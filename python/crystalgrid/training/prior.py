"""The training of a prior, the network that draws latent vectors for an autoencoder: what all kinds share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar, cast

import numpy as np
from torch import Tensor

from ..artifacts.metadata import RunInfo
from ..artifacts.recipe import Optimizer
from ..atoms import find_atoms
from ..data.crystalset import CrystalSet
from ..latents import latents
from ..nets.generators.base import Generator
from ..nets.network import CrystalNet
from .joint import DRAWN, JointTraining, stream

G = TypeVar("G", bound=Generator)
"""The network of the prior, which is trained."""
E = TypeVar("E", bound="tuple[Any, ...]")
"""The examples that it learns from: tensors whose first dimension is the crystals."""


@dataclass(frozen=True)
class PriorRecipe:
    """The recipe by which a prior is built and trained, beside that of the networks that it belongs to.

    widths: the widths of the prior's layers. max_atoms: the most atoms of a unit cell that is learned; None: any.
    """

    widths: tuple[int, ...]
    optimizer: Optimizer
    max_atoms: int | None = None


class PriorTraining(JointTraining, ABC, Generic[G, E]):
    """Training of a prior on crystals; the other networks stay as they are.

    info: the run, with the networks' recipe and the optimiser of `prior_recipe`, which is by default its kind's.
    """

    default_recipe: ClassVar[PriorRecipe]

    def __init__(self, info: RunInfo, crystals: CrystalSet, prior_recipe: PriorRecipe | None = None) -> None:
        self.prior_recipe = prior_recipe or self.default_recipe
        self.model_info = info
        super().__init__(info, crystals)

    @staticmethod
    @abstractmethod
    def learnable(crystals: CrystalSet, latent_dim: int, recipe: PriorRecipe) -> np.ndarray:
        """Return which crystals a prior with `latent_dim` latent numbers can learn, [B] bool."""

    @abstractmethod
    def examples(self, trained: CrystalNet, crystals: CrystalSet) -> E:
        """Return the examples to learn from, computed once for all crystals."""

    @abstractmethod
    def fit_closed_form(self, examples: E) -> None:
        """Fit the parts of the prior that are statistics of all examples, before the first step."""

    @abstractmethod
    def loss(self, examples: E, chosen: np.ndarray, batch: int) -> Tensor:
        """Return the loss of the chosen examples, with noise that follows from the seed and the batch's index."""

    @property
    def atoms(self) -> int:
        """The most atoms in a cell, for priors that have a limit."""
        return 0

    @property
    def generator(self) -> G:
        """The network of the prior, which is trained."""
        return cast(G, self.net.generator)

    def build(self) -> CrystalNet:
        net = self.recipe.build({"widths": self.prior_recipe.widths, "atoms": self.atoms})
        for part in (net.autoencoder, net.unet):
            part.requires_grad_(False)
        return net

    def prepare(self, trained: CrystalNet, model_info: RunInfo, held_out: CrystalSet) -> list[E]:
        """Store the trained networks and their description, compute all examples, and return those to validate on."""
        self.model_info = model_info
        self.net.load_state_dict(trained.state_dict(), strict=False)
        self.training_examples = self.examples(trained, self.crystals)
        self.fit_closed_form(self.training_examples)
        return [self.examples(trained, held_out)] if len(held_out) else []

    def rng(self, batch: int) -> np.random.Generator:
        """Return the random generator of a batch, for noise and times."""
        return np.random.default_rng((self.info.seed, batch))

    def losses(self, batch: int) -> dict[str, Tensor]:
        size = self.options.batch_size
        _, chosen = stream(len(self.crystals), self.info.seed, batch * size, size)
        return {"loss": self.loss(self.training_examples, chosen, batch)}

    def parameter_groups(self) -> list[dict[str, Any]]:
        return [{"params": self.generator.parameters(), "share": 1.0}]

    def validate(self, held_out: E) -> dict[str, Tensor]:  # type: ignore[override]
        """Return the loss of held-out crystals, with the same noise each time."""
        return {"loss": self.loss(held_out, np.arange(len(held_out[0])), 0)}

    def draw(self, path: Path, _: object) -> None:
        """Draw the first samples."""
        from ..report import pictures

        noise = latents(self.info.seed, 0, DRAWN, self.recipe.network.latent_dim).to(self.device)
        density = self.net.decode(self.net.prior(noise))
        density, species, confidence = (x.cpu() for x in (density, *self.net.segment(density)))
        pictures.samples(path, density, find_atoms(species, density, self.grid, confidence=confidence), self.grid)

    def describe(self, step: int, seconds: float, decay_ends: int) -> RunInfo:
        widths = self.prior_recipe.widths
        prior = replace(self.info, step=step, seconds=seconds, widths=widths, atoms=self.atoms)
        return replace(self.model_info, prior=prior)
