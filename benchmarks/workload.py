"""The cubes that are measured: 256 real crystals in repeated mode at random origins, always the same ones."""

from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import peers
from crystalgrid import Atoms, find_atoms, label_species, voxelize
from crystalgrid.crystal import CrystalBatch, pack
from crystalgrid.data import load

REAL_CRYSTALS = Path(__file__).parents[2] / "shared" / "data" / "mp_10A.parquet"
REACH = 5.5
"""Å around the cube; images that others are given."""


class Workload:
    """256 crystals and origins, and what follows from them."""

    def __init__(self, size: int = 256) -> None:
        real = REAL_CRYSTALS.exists()
        self.source = REAL_CRYSTALS.name if real else f"the prototypes, as {REAL_CRYSTALS.name} is not at hand"
        crystals, rng = load(REAL_CRYSTALS if real else "prototypes"), np.random.default_rng(0)
        chosen = rng.choice(len(crystals), size, replace=len(crystals) < size)
        self.crystals = [crystals[int(i)] for i in chosen]
        self.batch = crystals.batch(chosen)
        self.origin = torch.from_numpy(np.stack([rng.random(3) @ crystal.lattice for crystal in self.crystals]))
        self.species = label_species(self.batch, origin=self.origin)
        self.density = voxelize(self.batch, origin=self.origin)

    def few(self, count: int, times: int) -> tuple[CrystalBatch, Tensor]:
        """The first few crystals, packed, and their origins; over and over, for what is too fast to time on few."""
        return pack(self.crystals[:count] * times), self.origin[:count].repeat(times, 1)

    @cached_property
    def structures(self) -> list:
        """The same crystals for pymatgen."""
        return [crystal.to_pymatgen() for crystal in self.crystals]

    @cached_property
    def images(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Positions and atomic numbers of the images of each cube."""
        return [peers.pymatgen_images(s, o.numpy(), REACH) for s, o in zip(self.structures, self.origin, strict=True)]

    def multiply_adds(self) -> int:
        """Multiply-adds that the AVX kernels do: 3 × 5 rows of 8 voxels for each image that reaches such a brick."""
        _, cutoffs = torch.ops.crystalgrid.voxelize(
            *self.batch[:2], self.batch.numbers.double(), self.batch.offsets, self.origin, None,
            30, 10.0, 1.0, True, 1e-5, 0.0, 0, False,
        )  # fmt: skip
        return sum(_bricks(p, float(cutoff)) * 15 * 8 for (p, _), cutoff in zip(self.images, cutoffs, strict=True))

    def atoms(self) -> Atoms:
        """`find_atoms` on the true labels, on one thread."""
        return find_atoms(self.species, self.density, threads=1)


def _bricks(positions: np.ndarray, cutoff: float) -> int:
    """Pairs of an image and a brick that it reaches."""
    squared = []
    for x, step in zip(positions.T, (3, 5, 8), strict=True):
        low = peers.AXIS[::step]
        high = np.minimum(low + (step - 1) / 3, peers.AXIS[-1])
        squared.append((x[:, None] - np.clip(x[:, None], low, high)) ** 2)
    x, y, z = squared
    return int((x[:, :, None, None] + y[:, None, :, None] + z[:, None, None, :] < cutoff**2).sum())
