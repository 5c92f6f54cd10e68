"""What training a prior is, whatever it learns from."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn

from ..artifacts.recipe import Network, Optimizer
from ..atoms import find_atoms
from ..data.crystalset import CrystalSet
from ..latents import latents
from ..nets.network import CrystalNet
from .joint import DRAWN, JointTraining, stream


class PriorTraining(JointTraining):
    """A prior learned from crystals; the other networks stay as they are."""

    widths: ClassVar[tuple[int, ...]]
    """Of the prior's layers."""
    atoms = 0
    """As `CrystalNet` takes them."""
    optimizer: ClassVar[Optimizer]

    @classmethod
    @abstractmethod
    def learnable(cls, crystals: CrystalSet, network: Network) -> np.ndarray:
        """[B] bool: which of the crystals a prior of such a network can learn."""

    @abstractmethod
    def examples(self, trained: CrystalNet, crystals: CrystalSet) -> Any:
        """What is learned from of all crystals, computed once."""

    @abstractmethod
    def fit(self) -> None:
        """Take from `self.known` what is known in closed form."""

    @abstractmethod
    def loss(self, examples: Any, chosen: np.ndarray, place: int) -> Tensor:
        """Of the chosen examples, with noise that follows from the seed and `place`."""

    @property
    @abstractmethod
    def learner(self) -> nn.Module:
        """The network that is trained."""

    def build(self) -> CrystalNet:
        net = self.recipe.build({"widths": self.widths, "atoms": self.atoms})
        for part in (net.autoencoder, net.unet):
            part.requires_grad_(False)
        return net

    def begin(self, trained: CrystalNet, of: dict[str, Any], held_out: CrystalSet) -> list[Any]:
        """Take the networks whose prior it is, and what they say of themselves; returns what to validate on."""
        self.of = of
        self.net.load_state_dict(trained.state_dict(), strict=False)
        self.known = self.examples(trained, self.crystals)
        self.fit()
        return [self.examples(trained, held_out)] if len(held_out) else []

    def random(self, place: int) -> np.random.Generator:
        """Of a step, for the noise on the way to its crystals."""
        return np.random.default_rng((self.about["seed"], place))

    def losses(self, batch: int) -> dict[str, Tensor]:
        size = self.options.batch_size
        _, chosen = stream(len(self.crystals), self.about["seed"], batch * size, size)
        return {"loss": self.loss(self.known, chosen, batch)}

    def parameter_groups(self) -> list[dict[str, Any]]:
        return [{"params": self.learner.parameters(), "share": 1.0}]

    def validate(self, held_out: Any) -> dict[str, Tensor]:
        """The loss on held-out crystals, with the same noise each time."""
        return {"loss": self.loss(held_out, np.arange(len(held_out[0])), 0)}

    def draw(self, path: Path, _: Any) -> None:
        """A picture of the first draws."""
        from ..report import pictures as plot

        noise = latents(self.about["seed"], 0, DRAWN, self.recipe.network.latent_dim).to(self.device)
        density = self.net.decode(self.net.prior(noise))
        density, species, confidence = (x.cpu() for x in (density, *self.net.segment(density)))
        plot.samples(path, density, find_atoms(species, density, self.grid, confidence=confidence), self.grid)

    def record(self, step: int, seconds: float, decay_end: int) -> dict[str, Any]:
        spent = {"step": step, "seconds": seconds, "widths": self.widths, "atoms": self.atoms}
        return {**self.of, "prior": {**self.about, **spent}}
