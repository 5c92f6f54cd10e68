"""What one training step does.

Crystals are an endless stream, of which every step takes the next few. All that is random about a sample follows from
the seed and its place in the stream: a resumed run goes on exactly, and two processes see what one with twice the batch
sees.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..artifacts.recipe import Optimizer, Recipe
from ..boundary import core_device
from ..data.crystalset import CrystalSet
from ..data.cubes import Cubes, training_cubes
from ..grid import Grid
from ..latents import latents
from ..nets.distributed import synchronize_batch_norms
from ..nets.network import CrystalNet
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


class JointTraining:
    """VAE and U-Net trained together (section 3.2), on cubes that are cut and voxelised anew every step.

    about: what the checkpoint will say about the run; net: networks to go on from, which the recipe fits; by default
    new ones.
    """

    def __init__(
        self, recipe: Recipe, crystals: CrystalSet, grid: Grid, about: dict[str, Any], net: CrystalNet | None = None
    ) -> None:
        self.recipe, self.crystals, self.grid, self.about = recipe, crystals, grid, about
        torch.manual_seed(about["seed"])
        net = synchronize_batch_norms(net or self.build())
        self.net = net.train().to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]

    @property
    def options(self) -> Optimizer:
        return self.recipe.optimizer

    @property
    def device(self) -> torch.device:
        """The device that the networks are on."""
        return next(self.net.parameters()).device

    def build(self) -> CrystalNet:
        """Return the networks before the first step, with what is known in closed form."""
        net = self.recipe.build()
        densities = self.first_densities(net.autoencoder.fit_cubes)
        net.autoencoder.fit(densities, self.recipe.loss.beta)
        return net

    def first_densities(self, count: int) -> Iterator[Tensor]:
        """Yield batches of cubes to fit in closed form what can be, before the first step."""
        for start in progress(range(0, count, AT_ONCE), "first look at the data"):
            yield self.samples(start, min(AT_ONCE, count - start)).density(self.grid)

    def samples(self, start: int, count: int) -> Cubes:
        """Return cubes start to start + count of the stream."""
        seed = self.about["seed"]
        epochs, crystals = stream(len(self.crystals), seed, start, count)
        return training_cubes(self.crystals, self.about["mode"], self.grid, seed, epochs, crystals)

    def batch(self, start: int, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return density, species and the posterior's noise of samples start to start + count."""
        noise = latents(self.about["seed"], start, count, self.recipe.network.latent_dim)
        return *self.grids(self.samples(start, count)), noise.to(self.device)

    def grids(self, cubes: Cubes) -> tuple[Tensor, Tensor]:
        """Return density and species of cubes, voxelised where the networks are, if the core was built for that."""
        cubes, threads = cubes.to(core_device(self.device)), torch.get_num_threads()
        return cubes.density(self.grid, threads).to(self.device), cubes.species(self.grid, threads).to(self.device)

    def parameter_groups(self) -> list[dict[str, Any]]:
        return [
            {"params": self.net.autoencoder.parameters(), "share": self.options.vae_share},
            {"params": self.net.unet.parameters(), "share": 1.0},
        ]

    def losses(self, batch: int) -> dict[str, Tensor]:
        density, species, noise = self.batch(batch * self.options.batch_size, self.options.batch_size)
        return joint_loss(self.net, density, species, self.recipe.loss, noise)

    def validate(self, held_out: Cubes) -> dict[str, Tensor]:
        """Return the losses of the mean reconstruction of held-out cubes."""
        density, species = self.grids(held_out)
        decoded = self.reconstruct(density)
        reconstruction = self.net.autoencoder.error(decoded, density)
        segmentation = self.net.unet.head.loss(self.net.unet.features(decoded), species)
        return {"loss": reconstruction + segmentation, "reconstruction": reconstruction, "segmentation": segmentation}

    def reconstruct(self, density: Tensor) -> Tensor:
        """Return the decoded densities of the mean latent vectors, both [B, n, n, n]."""
        return self.net.decode(self.net.encode(density)[0])

    def draw(self, path: Path, held_out: Cubes) -> None:
        """Draw the first held-out densities beside what they are decoded to."""
        from ..report import pictures as plot

        density = held_out.density(self.grid)[:DRAWN]
        plot.densities(path, density, self.reconstruct(density.to(self.device)).cpu())

    def record(self, step: int, seconds: float, decay_end: int) -> dict[str, Any]:
        return {**self.about, "step": step, "seconds": seconds, "decay_ends": decay_end}
