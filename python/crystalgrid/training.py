"""What one training step does. All that is random in step k follows from (seed, k): a resumed run goes on exactly."""

import math
import time
from collections.abc import Iterator
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor

from .checkpoint import KEY
from .data import CrystalSet, Cubes, training_cubes
from .errors import InputError
from .grid import Grid
from .losses import joint_loss
from .recipe import Recipe

CUBES, NOISE, FIRST = 0, 1, 2
"""Streams of random numbers."""
FIRST_CUBES, AT_ONCE = 4096, 256
"""Cubes that principal components are taken from, and how many are held together."""


def generator(device: torch.device | str, *words: int) -> torch.Generator:
    """A generator that depends on `words` alone."""
    seed = np.random.SeedSequence(words).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(seed))


def sample_order(size: int, seed: int, start: int, count: int) -> list[int]:
    """Entries start to start + count of an endless stream of crystals: every epoch its own permutation of `size`."""
    order: list[int] = []
    while len(order) < count:
        epoch, place = divmod(start + len(order), size)
        order += np.random.default_rng((seed, epoch)).permutation(size)[place : place + count - len(order)].tolist()
    return order


class Training(L.LightningModule):
    """VAE and U-Net trained together (section 3.2), on cubes that are cut and voxelised anew every step.

    about: what the checkpoint will say about the run; minutes: of training in all, which the schedule then follows.
    """

    def __init__(
        self, recipe: Recipe, crystals: CrystalSet, grid: Grid, about: dict[str, Any], minutes: float | None = None
    ) -> None:
        super().__init__()
        self.recipe, self.crystals, self.grid, self.about, self.minutes = recipe, crystals, grid, about, minutes
        torch.manual_seed(about["seed"])
        self.net = recipe.build().to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        if recipe.network.waves:
            self.net.vae.fit(self.first_densities(), recipe.loss.beta)
        self.seconds_before = 0.0
        self.started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Spent training so far, before a resume too."""
        return self.seconds_before + time.monotonic() - self.started

    def first_densities(self) -> Iterator[Tensor]:
        """Batches of cubes to fit in closed form what can be, before the first step."""
        for start in range(0, FIRST_CUBES, AT_ONCE):
            batch = self.crystals.batch(sample_order(len(self.crystals), self.about["seed"], start, AT_ONCE))
            places = generator("cpu", self.about["seed"], FIRST, start)
            yield training_cubes(batch, self.about["mode"], self.grid, places).density(self.grid)

    def cubes(self, step: int) -> Cubes:
        """The cubes of one step, this process's share of them."""
        size, seed = self.recipe.optimizer.batch_size, self.about["seed"]
        start = (step * self.trainer.world_size + self.global_rank) * size
        batch = self.crystals.batch(sample_order(len(self.crystals), seed, start, size))
        return training_cubes(
            batch, self.about["mode"], self.grid, generator("cpu", seed, CUBES, step, self.global_rank)
        )

    def training_step(self, _batch: object, _index: int) -> Tensor:
        step = self.global_step
        cubes = self.cubes(step)
        density = cubes.density(self.grid, torch.get_num_threads()).to(self.device)
        species = cubes.species(self.grid, torch.get_num_threads()).to(self.device)
        noise = generator(self.device, self.about["seed"], NOISE, step, self.global_rank)
        losses = joint_loss(self.net, density, species, self.recipe.loss, noise)
        self.log_dict(losses, prog_bar=True)
        return losses["loss"]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        options = self.recipe.optimizer
        groups = [
            {"params": self.net.vae.parameters(), "share": options.vae_share},
            {"params": self.net.unet.parameters(), "share": 1.0},
        ]
        return torch.optim.AdamW(groups, lr=options.learning_rate, weight_decay=options.weight_decay)

    def on_train_start(self) -> None:
        self.started = time.monotonic()

    def on_train_batch_start(self, _batch: object, _index: int) -> None:
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = self.recipe.optimizer.learning_rate * group["share"] * self.schedule()

    def schedule(self) -> float:
        """Factor of the learning rate: a rise, then perhaps a cosine to zero, over the steps or the time there is."""
        options = self.recipe.optimizer
        rise = min(1.0, (self.global_step + 1) / max(1, options.warmup))
        if not options.decay:
            return rise
        done = self.global_step / options.steps if self.minutes is None else self.seconds / (60 * self.minutes)
        return rise * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    def configure_gradient_clipping(self, optimizer: torch.optim.Optimizer, *_: object, **__: object) -> None:
        """Limit the gradient, and stop before a NaN reaches the weights."""
        limit = self.recipe.optimizer.grad_clip or math.inf
        norm = torch.nn.utils.clip_grad_norm_(self.parameters(), limit)
        if not torch.isfinite(norm):
            raise InputError(
                f"training: the loss or its gradient is not finite at step {self.global_step}; the last checkpoint is "
                "kept; try a smaller learning_rate or a grad_clip in the recipe"
            )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint[KEY] = {**self.about, "step": self.global_step, "seconds": self.seconds}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.seconds_before = checkpoint[KEY]["seconds"]
