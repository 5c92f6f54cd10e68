"""Cubes: where they are cut from crystals, at random and yet a function of a key alone.

repeated mode: the cube is filled with all periodic images, its corner uniform over the unit cell.
single mode: one unit cell, its atoms' mean at the cube's centre, turned by a rotation uniform over SO(3); a rotation
that puts an atom outside the cube is drawn again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..crystal import CrystalBatch
from ..density import voxelize
from ..errors import InputError
from ..geometry.rotations import ever_fits, rotations_that_fit, uniform
from ..grid import Grid
from ..latents import philox
from ..species import label_species
from .crystalset import CrystalSet

MODES = ("single", "repeated")
TRAINING, EVALUATION, UPRIGHT = 1, 2, 3
"""Streams of random numbers."""
BATCH = 32
"""Crystals whose evaluation cubes come together."""
CHUNK = 64
"""Crystals looked at in one go when asking which fit, which bounds memory."""


class Cubes(NamedTuple):
    """B cubes, each with the crystal it is cut from: a point x of the crystal lies in the cube at R (x - origin)."""

    crystals: CrystalBatch
    origin: Tensor
    """[B, 3] float64, Å."""
    rotation: Tensor | None
    """[B, 3, 3] float64; None: not rotated."""
    periodic: bool

    def density(self, grid: Grid, threads: int | None = None) -> Tensor:
        """[B, n, n, n] float32, Eq. (1)."""
        return voxelize(self.crystals, grid, self.origin, self.rotation, self.periodic, threads)

    def species(self, grid: Grid, threads: int | None = None) -> Tensor:
        """[B, n, n, n] uint8, the species matrix S."""
        return label_species(self.crystals, grid, self.origin, self.rotation, self.periodic, threads)

    def to(self, device: torch.device | str) -> Cubes:
        """The same cubes on another device."""
        rotation = None if self.rotation is None else self.rotation.to(device)
        return Cubes(self.crystals.to(device), self.origin.to(device), rotation, self.periodic)


class CubeDataset(Dataset):
    """One cube per crystal and epoch as (density [n, n, n] float32, species [n, n, n] uint8), voxelised on the fly.

    The cube of crystal i depends on (seed, epoch, i) alone: the same for any batch or worker and after any restart.
    """

    def __init__(self, crystals: CrystalSet, mode: str, grid: Grid | None = None, seed: int = 0) -> None:
        self.crystals, self.mode, self.grid, self.seed, self.epoch = crystals, check_mode(mode), grid or Grid(), seed, 0

    def __len__(self) -> int:
        return len(self.crystals)

    def set_epoch(self, epoch: int) -> None:
        """Cut other cubes, in workers of a DataLoader that are started from now on."""
        self.epoch = epoch

    def cubes(self, indices: Sequence[int]) -> Cubes:
        """Where the cubes of these crystals are cut, for voxelising elsewhere."""
        return training_cubes(self.crystals, self.mode, self.grid, self.seed, self.epoch, np.asarray(indices))

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
        cubes = self.cubes(indices)
        return list(zip(cubes.density(self.grid, threads=1), cubes.species(self.grid, threads=1), strict=True))

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.__getitems__([range(len(self))[index]])[0]


def training_cubes(
    crystals: CrystalSet, mode: str, grid: Grid, seed: int, epochs: int | np.ndarray, indices: np.ndarray
) -> Cubes:
    """One random cube for each of `indices`, a function of (seed, epoch, index) alone."""
    return cut(crystals.batch(indices), mode, grid, _keys(seed, TRAINING, epochs, indices))


def evaluation_cubes(crystals: CrystalSet, mode: str, grid: Grid, seed: int, per_crystal: int = 3) -> list[Cubes]:
    """Fixed cubes, `per_crystal` for each crystal in turn, in batches (section 3.1).

    repeated: the first cube at (0, 0, 0), the others at random origins; single: random rotations.
    """
    batches = []
    for first in range(0, len(crystals), BATCH):
        indices = np.repeat(np.arange(first, min(first + BATCH, len(crystals))), per_crystal)
        turns = np.arange(len(indices)) % per_crystal
        cubes = cut(crystals.batch(indices), mode, grid, _keys(seed, EVALUATION, turns, indices))
        if mode == "repeated":
            cubes.origin[torch.from_numpy(turns == 0)] = 0
        batches.append(cubes)
    return batches


def cut(crystals: CrystalBatch, mode: str, grid: Grid, keys: np.ndarray) -> Cubes:
    """One cube per crystal, which depends on the crystal and its key (uint64 [B]) alone."""
    if check_mode(mode) == "repeated":
        shift = torch.from_numpy(uniform(keys, 0))
        return Cubes(crystals, torch.einsum("bi,bij->bj", shift, crystals.lattice), None, periodic=True)
    mean, atoms = _centred(crystals)
    return _single(crystals, mean, _rotations(atoms, crystals, grid, keys), grid)


def upright_cubes(crystals: CrystalSet, mode: str, grid: Grid, indices: np.ndarray) -> Cubes:
    """Of each crystal of `indices` the same cube always, turned as little as possible.

    repeated: the crystal's own origin is in the middle of the cube. single: turned only where a crystal does not fit as
    it is.
    """
    batch = crystals.batch(indices)
    if check_mode(mode) == "repeated":
        return Cubes(batch, torch.full((len(indices), 3), -grid.length / 2, dtype=torch.float64), None, periodic=True)
    mean, atoms = _centred(batch)
    rotation = _rotations(atoms, batch, grid, _keys(0, UPRIGHT, 0, indices))
    reach = np.maximum.reduceat(np.abs(atoms).max(axis=1), batch.offsets[:-1].numpy())
    rotation[reach < grid.length / 2] = np.eye(3)
    return _single(batch, mean, rotation, grid)


def _rotations(atoms: np.ndarray, crystals: CrystalBatch, grid: Grid, keys: np.ndarray) -> np.ndarray:
    """[B, 3, 3] that keep all atoms, [N, 3] from their crystal's mean, inside the cube."""
    rotation = rotations_that_fit(atoms, crystals.offsets.numpy(), grid.length, keys)
    never = np.isnan(rotation).any(axis=(1, 2)).sum()
    if never:
        raise InputError(f"crystals: {never} never fit in the cube of {grid.length:g} Å; load them with mode='single'")
    return rotation


def _single(crystals: CrystalBatch, mean: np.ndarray, rotation: np.ndarray, grid: Grid) -> Cubes:
    """One unit cell, turned, the mean [B, 3] of its atoms in the middle of the cube."""
    origin = mean - np.einsum("bij,bi->bj", rotation, np.full((len(rotation), 3), grid.length / 2))
    return Cubes(crystals, torch.from_numpy(origin), torch.from_numpy(rotation), periodic=False)


def fits(crystals: CrystalSet, grid: Grid) -> np.ndarray:
    """[B] bool, whether single mode knows a rotation that puts every atom inside the cube."""
    known = [np.zeros(0, dtype=bool)]
    for first in range(0, len(crystals), CHUNK):
        batch = crystals.batch(slice(first, first + CHUNK))
        known.append(ever_fits(_centred(batch)[1], batch.offsets.numpy(), grid.length))
    return np.concatenate(known)


def check_mode(mode: str) -> str:
    """`mode`, if there is such a one."""
    if mode not in MODES:
        raise InputError(f"mode: wanted one of {', '.join(MODES)}, got {mode!r}")
    return mode


def _centred(crystals: CrystalBatch) -> tuple[np.ndarray, np.ndarray]:
    """Mean of each crystal's atoms [B, 3] and positions relative to it [N, 3], Å."""
    counts = crystals.offsets.diff()
    lattice = crystals.lattice.repeat_interleave(counts, 0)
    positions = torch.einsum("ni,nij->nj", crystals.frac_coords, lattice)
    mean = torch.segment_reduce(positions, "mean", lengths=counts, axis=0)
    return mean.numpy(), (positions - mean.repeat_interleave(counts, 0)).numpy()


def _keys(seed: int, stream: int, turn: int | np.ndarray, index: np.ndarray) -> np.ndarray:
    """uint64 keys from (seed, stream, turn, index)."""
    counter = np.zeros((len(index), 4), dtype=np.uint64)
    counter[:, 0], counter[:, 1], counter[:, 2] = index, turn, stream
    words = philox(counter, (seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF))
    return words[:, 0] | words[:, 1] << np.uint64(32)
