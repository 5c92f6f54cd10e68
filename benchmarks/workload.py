"""The cubes that are measured: 256 real crystals in repeated mode at random origins, always the same ones."""

from functools import cached_property

import numpy as np
import torch
from scipy import optimize, special
from torch import Tensor

import peers
from crystalgrid import Atoms, find_atoms, label_species, voxelize
from crystalgrid.crystal import CrystalBatch, pack
from crystalgrid.data.load import load_crystals
from data_folder import DATA

REAL_CRYSTALS = DATA / "mp_10A.parquet"
REACH = 5.5
"""Å around the cube; images that others are given."""


class Workload:
    """256 crystals and origins, and what follows from them."""

    def __init__(self, size: int = 256) -> None:
        real = REAL_CRYSTALS.exists()
        self.source = REAL_CRYSTALS.name if real else f"the prototypes, as {REAL_CRYSTALS.name} is not at hand"
        crystals, rng = load_crystals(REAL_CRYSTALS if real else "prototypes"), np.random.default_rng(0)
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
        """Multiply-adds of the Fourier series, by which the core sums all of these cubes; without padding."""
        return sum(_multiply_adds(crystal.lattice, len(crystal)) for crystal in self.crystals)

    def atoms(self) -> Atoms:
        """`find_atoms` on the true labels, on one thread."""
        return find_atoms(self.species, self.density, threads=1)


def _multiply_adds(lattice: np.ndarray, atoms: int, n: int = 30) -> int:
    """Return the multiply-adds of one cube, as `cpp/src/fourier_density.inl` sums them.

    The sums go over the atoms for each mode, then over k, h and l.
    """
    assert lattice[2, 0] == lattice[2, 1] == lattice[0, 1] == 0  # c along z, a in the plane of x and z
    reciprocal = 2 * np.pi * np.linalg.inv(lattice).T
    reach = optimize.brentq(lambda x: special.erfc(x / 2**0.5) + (2 / np.pi) ** 0.5 * x * np.exp(-x * x / 2) - 1e-5 / 6,
                            4, 8)  # fmt: skip
    most = np.ceil(reach * np.linalg.norm(lattice, axis=1) / (2 * np.pi)).astype(int)
    numbers = np.stack(np.meshgrid(*(np.arange(-m, m + 1) for m in most), indexing="ij"), axis=-1).reshape(-1, 3)
    h, k, l = numbers[np.linalg.norm(numbers @ reciprocal, axis=1) <= reach].T  # noqa: E741
    half = (l > 0) | (l == 0) & ((h > 0) | (h == 0) & (k >= 0))
    rows = len(set(zip(h[half], l[half], strict=True)))
    return half.sum() * 4 * (atoms + n) + rows * 4 * n**2 + (2 * l.max() + 1) * n**3
