"""A prior that learns crystals themselves, for autoencoders that say exactly what a crystal's latent vector is."""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from .crystalset import CrystalSet
from .errors import InputError
from .nets import CrystalNet
from .nets.cell_prior import NOISE_OF_ONE, CellPrior, most_atoms
from .prior_training import PriorTraining
from .recipe import MIXED, Network, Optimizer
from .unit_cells import UnitCells, few_enough, shortest_distances, unit_cells

ATOMS = 32
"""In one cell, at most: nine in ten crystals of the Materials Project with sides below 10 Å have no more."""
TOGETHER = 32
"""Crystals of about as many atoms that go through the network at once."""


class CellPriorTraining(PriorTraining):
    """Of a `CellPrior`."""

    widths = (256, 256, 256, 256)
    optimizer = Optimizer(
        learning_rate=1e-3, batch_size=64, steps=40_000, check_every=1000, warmup=100, decay=True, weight_decay=1e-2,
        grad_clip=1.0, precision=MIXED,
    )  # fmt: skip

    @property
    def learner(self) -> CellPrior:
        assert self.net.cells is not None
        return self.net.cells

    @classmethod
    def learnable(cls, crystals: CrystalSet, network: Network) -> np.ndarray:
        most = most_atoms(network.latent_dim)
        if most < 1:
            raise InputError(
                f"latent_dim: wanted {NOISE_OF_ONE} or more to draw crystals with, got {network.latent_dim}"
            )
        return few_enough(crystals, min(ATOMS, most))

    @property
    def atoms(self) -> int:  # type: ignore[override]
        """Of the largest crystal."""
        return int(np.diff(self.crystals.offsets).max())

    def examples(self, _: CrystalNet, crystals: CrystalSet) -> UnitCells:
        return unit_cells(crystals, self.atoms)

    def fit(self) -> None:
        self.learner.fit(self.known.sides)
        self.learner.contacts.fit(*shortest_distances(self.known))

    def loss(self, examples: UnitCells, chosen: np.ndarray, place: int) -> Tensor:
        """Those of about as many atoms together, so that little is computed of atoms that are none."""
        random, total = self.random(place), torch.zeros((), device=self.device)
        torch.manual_seed(int(random.integers(1 << 63)))  # of what dropout forgets
        by_size = chosen[examples.counts[chosen].sum(1).argsort(stable=True).numpy()]
        for part in np.array_split(by_size, max(1, len(by_size) // TOGETHER)):
            total = total + loss_together(self.learner, examples.of(part), random) * (len(part) / len(chosen))
        return total


def loss_together(flow: CellPrior, cells: UnitCells, random: np.random.Generator) -> Tensor:
    """Of crystals that are moved at random, as a crystal has no origin."""
    device = flow.scale.device
    places = cells.places.numpy() + random.random((len(cells.sides), 1, 3), dtype=np.float32)
    noise = matched(random.random(places.shape, dtype=np.float32), places, cells.numbers.numpy())
    noise_sides = random.standard_normal(cells.sides.shape, dtype=np.float32)
    time = random.random(len(places), dtype=np.float32)
    drawn = (torch.from_numpy(part).to(device) for part in (places, noise, noise_sides, time))
    sides, _, numbers, elements, counts = (part.to(device) for part in cells)
    moved, start, start_sides, at = drawn
    way = flow.loss((moved, sides, numbers), (start, start_sides), at)
    return way + flow.composition.loss(elements, counts)


def matched(noise: np.ndarray, places: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Places [B, K, 3] to start from, in such an order that atoms of a species have the shortest ways to theirs.

    Which of several like atoms comes from where makes no difference to the crystal, but crossing ways are harder to
    learn (Tong et al. 2024, optimal transport).
    """
    noise = noise.copy()
    for start, end, species in zip(noise, places, numbers, strict=True):
        for z in np.unique(species[species > 0]):
            like = np.flatnonzero(species == z)
            way = end[like, None] - start[like]
            way -= np.rint(way)
            start[like] = start[like][linear_sum_assignment((way**2).sum(-1))[1]]
    return noise
