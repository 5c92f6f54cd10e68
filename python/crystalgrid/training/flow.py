"""What training a prior is, whatever it learns from."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ..artifacts.checkpoint import KEY
from ..artifacts.recipe import Network, Optimizer
from ..atoms import find_atoms
from ..data.crystalset import CrystalSet
from ..latents import latents
from ..nets import CrystalNet
from .joint import DRAWN, Training, stream


class PriorTraining(Training):
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
        net = self.recipe.build(self.widths, self.atoms)
        for part in (net.vae, net.unet):
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

    def training_step(self, _batch: object, _index: int) -> Tensor:
        size = self.recipe.optimizer.batch_size
        place = self.global_step * self.trainer.world_size + self.global_rank
        _, chosen = stream(len(self.crystals), self.about["seed"], place * size, size)
        loss = self.loss(self.known, chosen, place)
        self.log_dict({"loss": loss}, prog_bar=True, sync_dist=True)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        options = self.recipe.optimizer
        groups = [{"params": self.learner.parameters(), "share": 1.0}]
        return torch.optim.AdamW(groups, lr=options.learning_rate, weight_decay=options.weight_decay)

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

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        spent = {"step": self.global_step, "seconds": self.seconds, "widths": self.widths, "atoms": self.atoms}
        checkpoint[KEY] = {**self.of, "prior": {**self.about, **spent}}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.seconds_before = checkpoint[KEY]["prior"]["seconds"]
