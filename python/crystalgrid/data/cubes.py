"""Cubes that are cut from crystals, by random numbers that depend on a key alone.

repeated mode: the cube is filled with all periodic images, its corner uniform over the unit cell.
single mode: one unit cell with the mean of its atoms at the cube's centre, rotated uniformly over SO(3); a rotation
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
TRAINING, EVALUATION, CANONICAL = 1, 2, 3
"""The streams of random numbers, which are independent of each other."""
BATCH = 32
"""The number of crystals whose evaluation cubes are in one batch."""
CHUNK = 64
"""The number of crystals that are tested for fitting at once, which bounds memory."""


class Cubes(NamedTuple):
    """B cubes, each with its crystal; a point x of the crystal lies in the cube at R (x - origin)."""

    crystals: CrystalBatch
    origin: Tensor
    """[B, 3] float64, Å."""
    rotation: Tensor | None
    """[B, 3, 3] float64; None: not rotated."""
    periodic: bool

    def density(self, grid: Grid, threads: int | None = None) -> Tensor:
        """Return the density, [B, n, n, n] float32, Eq. (1)."""
        return voxelize(self.crystals, grid, self.origin, self.rotation, self.periodic, threads)

    def species(self, grid: Grid, threads: int | None = None) -> Tensor:
        """Return the species matrices S, [B, n, n, n] uint8."""
        return label_species(self.crystals, grid, self.origin, self.rotation, self.periodic, threads)

    def to(self, device: torch.device | str) -> Cubes:
        """Return the same cubes on another device."""
        rotation = None if self.rotation is None else self.rotation.to(device)
        return Cubes(self.crystals.to(device), self.origin.to(device), rotation, self.periodic)


class CubeDataset(Dataset[tuple[Tensor, Tensor]]):
    """A cube per crystal and epoch as (density [n, n, n] float32, species [n, n, n] uint8), voxelised on the fly.

    The cube of crystal i depends on (seed, epoch, i) alone: the same for any batch or worker and after any restart.
    """

    def __init__(self, crystals: CrystalSet, mode: str, grid: Grid | None = None, seed: int = 0) -> None:
        self.crystals, self.mode, self.grid, self.seed, self.epoch = crystals, check_mode(mode), grid or Grid(), seed, 0

    def __len__(self) -> int:
        return len(self.crystals)

    def set_epoch(self, epoch: int) -> None:
        """Cut the cubes of another epoch from now on; DataLoader workers that are running already do not see it."""
        self.epoch = epoch

    def cubes(self, indices: Sequence[int]) -> Cubes:
        """Return the cubes of these crystals before they are voxelised."""
        return training_cubes(self.crystals, self.mode, self.grid, self.seed, self.epoch, np.asarray(indices))

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
        cubes = self.cubes(indices)
        return list(zip(cubes.density(self.grid, threads=1), cubes.species(self.grid, threads=1), strict=True))

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.__getitems__([range(len(self))[index]])[0]


def training_cubes(
    crystals: CrystalSet, mode: str, grid: Grid, seed: int, epochs: int | np.ndarray, indices: np.ndarray
) -> Cubes:
    """Return one random cube for each of `indices`, as a function of (seed, epoch, index) alone."""
    return cut(crystals.batch(indices), mode, grid, _keys(seed, TRAINING, epochs, indices))


def evaluation_cubes(crystals: CrystalSet, mode: str, grid: Grid, seed: int, per_crystal: int = 3) -> list[Cubes]:
    """Return fixed cubes, `per_crystal` for each crystal in turn, in batches (section 3.1).

    repeated: a crystal's first cube is at (0, 0, 0), the others at random origins. single: random rotations.
    """
    batches = []
    for first in range(0, len(crystals), BATCH):
        indices = np.repeat(np.arange(first, min(first + BATCH, len(crystals))), per_crystal)
        repeats = np.arange(len(indices)) % per_crystal
        cubes = cut(crystals.batch(indices), mode, grid, _keys(seed, EVALUATION, repeats, indices))
        if mode == "repeated":
            cubes.origin[torch.from_numpy(repeats == 0)] = 0
        batches.append(cubes)
    return batches


def cut(crystals: CrystalBatch, mode: str, grid: Grid, keys: np.ndarray) -> Cubes:
    """Return one cube per crystal, which depends on the crystal and its key (uint64 [B]) alone."""
    if check_mode(mode) == "repeated":
        shift = torch.from_numpy(uniform(keys, 0))
        return Cubes(crystals, torch.einsum("bi,bij->bj", shift, crystals.lattice), None, periodic=True)
    mean, atoms = _centred(crystals)
    return _single(crystals, mean, _rotations(atoms, crystals, grid, keys), grid)


def canonical_cubes(crystals: CrystalSet, mode: str, grid: Grid, indices: np.ndarray) -> Cubes:
    """Return one cube for each crystal of `indices` that depends on the crystal and its index alone.

    repeated: the crystal's origin is at the centre of the cube. single: a crystal is rotated only if it does not fit
    unrotated.
    """
    batch = crystals.batch(indices)
    if check_mode(mode) == "repeated":
        return Cubes(batch, torch.full((len(indices), 3), -grid.length / 2, dtype=torch.float64), None, periodic=True)
    mean, atoms = _centred(batch)
    rotation = _rotations(atoms, batch, grid, _keys(0, CANONICAL, 0, indices))
    reach = np.maximum.reduceat(np.abs(atoms).max(axis=1), batch.offsets[:-1].numpy())
    rotation[reach < grid.length / 2] = np.eye(3)
    return _single(batch, mean, rotation, grid)


def _rotations(atoms: np.ndarray, crystals: CrystalBatch, grid: Grid, keys: np.ndarray) -> np.ndarray:
    """Return rotations [B, 3, 3] that keep all atoms inside the cube; atoms: [N, 3] Å from their crystal's mean."""
    rotation = rotations_that_fit(atoms, crystals.offsets.numpy(), grid.length, keys)
    n_never = np.isnan(rotation).any(axis=(1, 2)).sum()
    if n_never:
        raise InputError(
            f"crystals: {n_never} never fit in the cube of {grid.length:g} Å; load them with mode='single'"
        )
    return rotation


def _single(crystals: CrystalBatch, mean: np.ndarray, rotation: np.ndarray, grid: Grid) -> Cubes:
    """Return cubes of one rotated unit cell each, with the mean [B, 3] of its atoms at the cube's centre."""
    origin = mean - np.einsum("bij,bi->bj", rotation, np.full((len(rotation), 3), grid.length / 2))
    return Cubes(crystals, torch.from_numpy(origin), torch.from_numpy(rotation), periodic=False)


def fits(crystals: CrystalSet, grid: Grid) -> np.ndarray:
    """Return [B] bool, whether single mode has a rotation that puts every atom inside the cube."""
    parts = [np.zeros(0, dtype=bool)]
    for first in range(0, len(crystals), CHUNK):
        batch = crystals.batch(slice(first, first + CHUNK))
        parts.append(ever_fits(_centred(batch)[1], batch.offsets.numpy(), grid.length))
    return np.concatenate(parts)


def check_mode(mode: str) -> str:
    """Return `mode`; raise InputError if there is no such mode."""
    if mode not in MODES:
        raise InputError(f"mode: wanted one of {', '.join(MODES)}, got {mode!r}")
    return mode


def _centred(crystals: CrystalBatch) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of each crystal's atoms [B, 3] and their positions relative to it [N, 3], Å."""
    counts = crystals.offsets.diff()
    lattice = crystals.lattice.repeat_interleave(counts, 0)
    positions = torch.einsum("ni,nij->nj", crystals.frac_coords, lattice)
    mean = torch.segment_reduce(positions, "mean", lengths=counts, axis=0)
    return mean.numpy(), (positions - mean.repeat_interleave(counts, 0)).numpy()


def _keys(seed: int, stream: int, repeat: int | np.ndarray, index: np.ndarray) -> np.ndarray:
    """Return uint64 keys from (seed, stream, repeat, index); `repeat` is an epoch or the number of a crystal's cube."""
    counter = np.zeros((len(index), 4), dtype=np.uint64)
    counter[:, 0], counter[:, 1], counter[:, 2] = index, repeat, stream
    words = philox(counter, (seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF))
    keys: np.ndarray = words[:, 0] | words[:, 1] << np.uint64(32)
    return keys
