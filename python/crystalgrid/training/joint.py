"""Training of an autoencoder and a U-Net together.

Crystals are an endless stream, of which every step takes the next batch. All random numbers of a sample follow from the
seed and its index in the stream: a resumed run goes on exactly, and two processes see the samples that one process sees
with twice the batch.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..artifacts.metadata import RunInfo
from ..artifacts.recipe import Optimizer
from ..boundary import core_device
from ..data.crystalset import CrystalSet
from ..data.cubes import Cubes, training_cubes
from ..data.formulas import formula_hashes
from ..latents import latents
from ..nets.distributed import synchronize_batch_norms
from ..nets.network import CrystalNet
from ..progress import progress
from .losses import joint_loss

FITTED_AT_ONCE = 256
"""The number of cubes voxelised at once to fit an autoencoder in closed form, which bounds memory."""
DRAWN = 4
"""The number of cubes in a picture."""


def stream(size: int, seed: int, start: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the epochs and crystals of samples start to start + count, both [count].

    Every epoch has its own permutation of all `size` crystals.
    """
    epochs, positions = np.divmod(np.arange(start, start + count), size)
    orders = {epoch: np.random.default_rng((seed, epoch)).permutation(size) for epoch in np.unique(epochs).tolist()}
    return epochs, np.array([orders[epoch][i] for epoch, i in zip(epochs.tolist(), positions, strict=True)])


class JointTraining:
    """Training of an autoencoder and a U-Net together (section 3.2), on cubes that are cut and voxelised at every step.

    info: the description of the run before its first step, with the recipe. net: networks to start from, with the
    recipe's sizes; by default new ones.
    """

    def __init__(self, info: RunInfo, crystals: CrystalSet, net: CrystalNet | None = None) -> None:
        self.info, self.recipe, self.grid, self.crystals = info, info.recipe, info.grid, crystals
        self.formulas = formula_hashes(crystals)
        torch.manual_seed(info.seed)
        net = synchronize_batch_norms(net or self.build())
        self.net = net.train().to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]

    @property
    def options(self) -> Optimizer:
        return self.recipe.optimizer

    @property
    def device(self) -> torch.device:
        """The device that the networks are on."""
        device: torch.device = next(self.net.parameters()).device
        return device

    def build(self) -> CrystalNet:
        """Return the networks before the first step, with their closed-form parts fitted."""
        net = self.recipe.build()
        densities = self.first_densities(net.autoencoder.fit_cubes)
        net.autoencoder.fit(densities, self.recipe.loss.beta)
        return net

    def first_densities(self, count: int) -> Iterator[Tensor]:
        """Yield batches of densities to fit the autoencoder with in closed form, before the first step."""
        for start in progress(range(0, count, FITTED_AT_ONCE), "first look at the data"):
            yield self.samples(start, min(FITTED_AT_ONCE, count - start)).density(self.grid)

    def samples(self, start: int, count: int) -> Cubes:
        """Return cubes start to start + count of the stream."""
        seed = self.info.seed
        epochs, crystals = stream(len(self.crystals), seed, start, count)
        return training_cubes(self.crystals, self.info.mode, self.grid, seed, epochs, crystals)

    def batch(self, start: int, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return density, species and the posterior's noise of samples start to start + count."""
        noise = latents(self.info.seed, start, count, self.recipe.network.latent_dim)
        return *self.grids(self.samples(start, count)), noise.to(self.device)

    def grids(self, cubes: Cubes) -> tuple[Tensor, Tensor]:
        """Return density and species of cubes, voxelised on the networks' device if the core was built for it."""
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
        decoded: Tensor = self.net.decode(self.net.encode(density)[0])
        return decoded

    def draw(self, path: Path, held_out: Cubes) -> None:
        """Draw the first held-out densities beside their reconstructions."""
        from ..report import pictures

        density = held_out.density(self.grid)[:DRAWN]
        pictures.densities(path, density, self.reconstruct(density.to(self.device)).cpu())

    def describe(self, step: int, seconds: float, decay_ends: int) -> RunInfo:
        return replace(self.info, step=step, seconds=seconds, decay_ends=decay_ends)
