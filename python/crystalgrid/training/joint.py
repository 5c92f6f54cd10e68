"""What one training step does.

Crystals are an endless stream, of which every step takes the next few. All that is random about a sample follows from
the seed and its place in the stream: a resumed run goes on exactly, and two processes see what one with twice the batch
sees.
"""

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor

from ..artifacts.checkpoint import KEY
from ..artifacts.recipe import Recipe
from ..boundary import core_device
from ..data.crystalset import CrystalSet
from ..data.cubes import Cubes, training_cubes
from ..errors import InputError
from ..grid import Grid
from ..latents import latents
from ..nets import VAE, CrystalNet
from ..nets.distributed import joined, mean_over_processes
from ..progress import progress
from .losses import joint_loss

AT_ONCE = 256
"""Cubes that are held together where the VAE takes from them what is known in closed form."""
DRAWN = 4
"""Cubes in a picture."""


def stream(size: int, seed: int, start: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Epochs and crystals of samples start to start + count; every epoch has its own permutation of `size` crystals."""
    epochs, places = np.divmod(np.arange(start, start + count), size)
    orders = {epoch: np.random.default_rng((seed, epoch)).permutation(size) for epoch in np.unique(epochs).tolist()}
    return epochs, np.array([orders[epoch][place] for epoch, place in zip(epochs.tolist(), places, strict=True)])


class Training(L.LightningModule):
    """VAE and U-Net trained together (section 3.2), on cubes that are cut and voxelised anew every step.

    about: what the checkpoint will say about the run; minutes: of training in all, which the schedule then follows;
    net: networks to go on from, which the recipe fits; by default new ones.
    """

    def __init__(
        self,
        recipe: Recipe,
        crystals: CrystalSet,
        grid: Grid,
        about: dict[str, Any],
        minutes: float | None = None,
        net: CrystalNet | None = None,
    ) -> None:
        super().__init__()
        self.recipe, self.crystals, self.grid, self.about, self.minutes = recipe, crystals, grid, about, minutes
        torch.manual_seed(about["seed"])
        net = joined(net or self.build())
        self.net = net.train().to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        self.last_step = recipe.optimizer.steps  # where a decay ends
        self.seconds_before = 0.0
        self.started = time.monotonic()

    def build(self) -> CrystalNet:
        """The networks before the first step."""
        net = self.recipe.build()
        if not isinstance(net.vae, VAE):
            net.vae.fit(self.first_densities(net.vae.fitted_to), self.recipe.loss.beta)
        return net

    @property
    def seconds(self) -> float:
        """Spent training so far, before a resume too."""
        return self.seconds_before + time.monotonic() - self.started

    def first_densities(self, count: int) -> Iterator[Tensor]:
        """Batches of cubes to fit in closed form what can be, before the first step."""
        for start in progress(range(0, count, AT_ONCE), "first look at the data"):
            yield self.samples(start, AT_ONCE).density(self.grid)

    def samples(self, start: int, count: int) -> Cubes:
        """Cubes start to start + count of the stream."""
        seed = self.about["seed"]
        epochs, crystals = stream(len(self.crystals), seed, start, count)
        return training_cubes(self.crystals, self.about["mode"], self.grid, seed, epochs, crystals)

    def batch(self, start: int, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Density, species and the posterior's noise of samples start to start + count."""
        noise = latents(self.about["seed"], start, count, self.recipe.network.latent_dim)
        return *self.grids(self.samples(start, count)), noise.to(self.device)

    def grids(self, cubes: Cubes) -> tuple[Tensor, Tensor]:
        """Density and species of cubes, voxelised where the networks are, if the core was built for that."""
        cubes, threads = cubes.to(core_device(self.device)), torch.get_num_threads()
        return cubes.density(self.grid, threads).to(self.device), cubes.species(self.grid, threads).to(self.device)

    def training_step(self, _batch: object, _index: int) -> Tensor:
        size = self.recipe.optimizer.batch_size
        density, species, noise = self.batch(
            (self.global_step * self.trainer.world_size + self.global_rank) * size, size
        )
        losses = joint_loss(self.net, density, species, self.recipe.loss, noise)
        self.log_dict(losses, prog_bar=True, sync_dist=True)
        return losses["loss"]

    def validate(self, cubes: Cubes) -> dict[str, Tensor]:
        """The losses of the mean reconstruction of held-out cubes."""
        density, species = self.grids(cubes)
        decoded = self.reconstruct(density)
        reconstruction = self.net.vae.error(decoded, density)
        segmentation = self.net.unet.head.loss(self.net.unet.features(decoded), species)
        return {"loss": reconstruction + segmentation, "reconstruction": reconstruction, "segmentation": segmentation}

    def reconstruct(self, density: Tensor) -> Tensor:
        """Decoded densities of the mean latent vectors, both [B, n, n, n]."""
        return self.net.decode(self.net.encode(density)[0])

    def draw(self, path: Path, cubes: Cubes) -> None:
        """A picture of the first few held-out densities and what becomes of them."""
        from ..report import pictures as plot

        density = cubes.density(self.grid)[:DRAWN]
        plot.densities(path, density, self.reconstruct(density.to(self.device)).cpu())

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
        rate = self.recipe.optimizer.learning_rate * self.schedule()
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate * group["share"]

    def schedule(self) -> float:
        """Factor of the learning rate: a rise, then perhaps a cosine to zero, over the steps or the time there is."""
        options = self.recipe.optimizer
        rise = min(1.0, (self.global_step + 1) / max(1, options.warmup))
        if not options.decay:
            return rise
        if self.minutes is None:
            done = self.global_step / self.last_step
        else:  # no two clocks agree, and processes with different rates would grow apart
            done = float(mean_over_processes(torch.tensor(self.seconds, device=self.device))) / (60 * self.minutes)
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
        spent = {"step": self.global_step, "seconds": self.seconds}
        checkpoint[KEY] = {**self.about, **spent, "decay_ends": self.last_step}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.seconds_before = checkpoint[KEY]["seconds"]
        self.last_step = checkpoint[KEY].get("decay_ends", self.last_step)  # as the run began
