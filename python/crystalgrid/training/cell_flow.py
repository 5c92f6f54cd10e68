"""A prior that learns crystals themselves, for autoencoders that say exactly what a crystal's latent vector is."""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from ..artifacts.recipe import MIXED, Network, Optimizer
from ..data.crystalset import CrystalSet
from ..errors import InputError
from ..geometry.orbits import Sites, as_used, of_orbit, placed
from ..nets import CrystalNet
from ..nets.generators.cell_flow import NOISE_OF_ONE, CellPrior, most_atoms
from ..nets.generators.templates import TEMPLATES
from .flow import PriorTraining
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
        kept = np.random.default_rng(self.about["seed"]).permutation(len(self.crystals))
        kept = self.known.of(np.resize(kept, TEMPLATES))
        self.learner.templates.fit(kept.sites, kept.kinds)

    def loss(self, examples: UnitCells, chosen: np.ndarray, place: int) -> Tensor:
        """Those of about as many atoms together, so that little is computed of atoms that are none."""
        random, total = self.random(place), torch.zeros((), device=self.device)
        torch.manual_seed(int(random.integers(1 << 63)))  # of what dropout forgets
        by_size = chosen[examples.counts[chosen].sum(1).argsort(stable=True).numpy()]
        for part in np.array_split(by_size, max(1, len(by_size) // TOGETHER)):
            total = total + loss_together(self.learner, examples.of(part), random) * (len(part) / len(chosen))
        return total


def loss_together(flow: CellPrior, cells: UnitCells, random: np.random.Generator) -> Tensor:
    """Of crystals, on the way from free points that are anywhere."""
    device = flow.scale.device
    sites = as_used(cells.sites)
    free = matched(random.random(cells.places.shape, dtype=np.float32), cells, sites)
    noise_sides = torch.from_numpy(random.standard_normal(cells.sides.shape, dtype=np.float32))
    time = torch.from_numpy(random.random(len(free), dtype=np.float32))
    drawn = tuple(part.to(device) for part in (cells.places, cells.sides, cells.numbers))
    sites = Sites(*(part.to(device) for part in sites))
    way = flow.loss(drawn, sites, (free.to(device), noise_sides.to(device)), time.to(device))
    elements, counts = cells.elements.to(device), cells.counts.to(device)
    return way + flow.composition.loss(elements, counts, sites.group)


def matched(free: np.ndarray, cells: UnitCells, sites: Sites) -> Tensor:
    """Free points [B, K, 3] to start from, in such an order that orbits of a species have the shortest ways to theirs.

    Which of several like orbits comes from where makes no difference to the crystal, but crossing ways are harder to
    learn (Tong et al. 2024, optimal transport). Alike are orbits of one species on sites that leave the same freedom.
    """
    free = free.copy()
    ends, starts = (of_orbit(sites, placed(sites, x)).numpy() for x in (cells.places, torch.from_numpy(free)))
    numbers, orbit = cells.numbers.numpy(), cells.sites.orbit.numpy()
    sorts = np.concatenate((cells.sites.turn.flatten(2).numpy(), cells.sites.shift.numpy(), numbers[:, :, None]), 2)
    first = (orbit == np.arange(orbit.shape[1])) & (numbers > 0)
    for point, start, end, sort, which in zip(free, starts, ends, sorts, first, strict=True):
        firsts = np.flatnonzero(which)
        _, kind = np.unique(sort[firsts], axis=0, return_inverse=True)
        for k in range(kind.max() + 1):
            like = firsts[kind.ravel() == k]
            if len(like) > 1:
                way = end[like, None] - start[like]
                way -= np.rint(way)
                point[like] = point[like][linear_sum_assignment((way**2).sum(-1))[1]]
    return torch.from_numpy(free)
