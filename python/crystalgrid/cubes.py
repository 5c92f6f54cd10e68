"""Cubes: where they are cut from crystals, at random and yet a function of a key alone.

repeated mode: the cube is filled with all periodic images, its corner uniform over the unit cell.
single mode: one unit cell, its atoms' mean at the cube's centre, turned by a rotation uniform over SO(3); a rotation that
puts an atom outside the cube is drawn again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from .crystal import CrystalBatch
from .crystalset import CrystalSet
from .density import voxelize
from .errors import InputError
from .grid import Grid
from .latents import philox
from .species import label_species

MODES = ("single", "repeated")
TRIES = (1, 8, 64, 512, 2048)
"""Rotations drawn in one go for the crystals that none has fitted yet."""
STANDING = np.uint64(0)
"""The key whose rotations decide whether a crystal ever fits, and stand in where those of its own key all fail."""
BATCH = 32
"""Crystals whose evaluation cubes come together."""
CHUNK = 256
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

    The cube of crystal i depends on (seed, epoch, i) alone: the same for any batch, worker, process and after any restart.
    """

    def __init__(self, crystals: CrystalSet, mode: str, grid: Grid | None = None, seed: int = 0) -> None:
        self.crystals, self.mode, self.grid, self.seed, self.epoch = crystals, check_mode(mode), grid or Grid(), seed, 0

    def __len__(self) -> int:
        return len(self.crystals)

    def set_epoch(self, epoch: int) -> None:
        """Cut other cubes."""
        self.epoch = epoch

    def cubes(self, indices: Sequence[int]) -> Cubes:
        """Where the cubes of these crystals are cut, for voxelising elsewhere."""
        return cut(
            self.crystals.batch(indices), self.mode, self.grid, _keys(self.seed, self.epoch, np.asarray(indices))
        )

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
        cubes = self.cubes(indices)
        return list(zip(cubes.density(self.grid, threads=1), cubes.species(self.grid, threads=1), strict=True))

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.__getitems__([range(len(self))[index]])[0]


def training_cubes(crystals: CrystalBatch, mode: str, grid: Grid, generator: torch.Generator) -> Cubes:
    """One random cube per crystal; everything random comes from `generator`, of which B numbers are drawn."""
    words = torch.randint(2**63 - 1, (crystals.size,), generator=generator, device=generator.device)
    return cut(crystals, mode, grid, words.cpu().numpy().astype(np.uint64))


def evaluation_cubes(crystals: CrystalSet, mode: str, grid: Grid, seed: int, per_crystal: int = 3) -> list[Cubes]:
    """Fixed cubes, `per_crystal` for each crystal in turn, in batches (section 3.1).

    repeated: the first cube at (0, 0, 0), the others at random origins; single: random rotations.
    """
    batches = []
    for first in range(0, len(crystals), BATCH):
        indices = np.repeat(np.arange(first, min(first + BATCH, len(crystals))), per_crystal)
        turns = np.arange(len(indices)) % per_crystal
        cubes = cut(crystals.batch(indices), mode, grid, _keys(seed, turns, indices))
        if mode == "repeated":
            cubes.origin[torch.from_numpy(turns == 0)] = 0
        batches.append(cubes)
    return batches


def cut(crystals: CrystalBatch, mode: str, grid: Grid, keys: np.ndarray) -> Cubes:
    """One cube per crystal, which depends on the crystal and its key (uint64 [B]) alone."""
    if check_mode(mode) == "repeated":
        shift = torch.from_numpy(_uniform(keys, 0)).to(crystals.lattice.device)
        return Cubes(crystals, torch.einsum("bi,bij->bj", shift, crystals.lattice), None, periodic=True)
    mean, atoms = _centred(crystals)
    rotation = _rotations_that_fit(atoms, crystals.offsets.cpu().numpy(), grid.length, keys)
    origin = mean - np.einsum("bij,bi->bj", rotation, np.full((len(rotation), 3), grid.length / 2))
    device = crystals.lattice.device
    return Cubes(crystals, torch.from_numpy(origin).to(device), torch.from_numpy(rotation).to(device), periodic=False)


def fits(crystals: CrystalSet, grid: Grid) -> np.ndarray:
    """[B] bool, whether single mode knows a rotation that puts every atom inside the cube."""
    known = [np.zeros(0, dtype=bool)]
    for first in range(0, len(crystals), CHUNK):
        batch = crystals.batch(slice(first, first + CHUNK))
        known.append(_search(_centred(batch)[1], batch.offsets.numpy(), grid.length, np.full(batch.size, STANDING))[1])
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
    return mean.cpu().numpy(), (positions - mean.repeat_interleave(counts, 0)).cpu().numpy()


def _keys(seed: int, epoch: int | np.ndarray, index: np.ndarray) -> np.ndarray:
    """uint64 keys from (seed, epoch, index)."""
    counter = np.zeros((len(index), 4), dtype=np.uint64)
    counter[:, 0], counter[:, 1], counter[:, 2] = index, epoch, 1
    words = philox(counter, (seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF))
    return words[:, 0] | words[:, 1] << np.uint64(32)


def _uniform(keys: np.ndarray, draw: int | np.ndarray) -> np.ndarray:
    """Draws number `draw` of each key: [..., 3] float64 in [0, 1)."""
    keys, draw = np.broadcast_arrays(keys, np.asarray(draw, np.uint64))
    low = keys & np.uint64(0xFFFFFFFF)
    counter = np.stack([draw, np.zeros_like(draw), low, keys >> np.uint64(32)], axis=-1)
    return philox(counter, (0, 0))[..., :3] * 2.0**-32


def _rotations(uniform: np.ndarray) -> np.ndarray:
    """Rotations uniform over SO(3) from three uniform numbers each (Shoemake 1992): [..., 3] to [..., 3, 3]."""
    u, angle1, angle2 = uniform[..., 0], 2 * np.pi * uniform[..., 1], 2 * np.pi * uniform[..., 2]
    x, y = np.sqrt(1 - u) * np.sin(angle1), np.sqrt(1 - u) * np.cos(angle1)
    z, w = np.sqrt(u) * np.sin(angle2), np.sqrt(u) * np.cos(angle2)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _rotations_that_fit(atoms: np.ndarray, offsets: np.ndarray, length: float, keys: np.ndarray) -> np.ndarray:
    """[B, 3, 3]; InputError where a crystal never fits."""
    rotation, fits = _search(atoms, offsets, length, keys)
    if not fits.all():
        standing, known = _search(atoms, offsets, length, np.full(len(keys), STANDING))
        if not (fits | known).all():
            never = np.sum(~(fits | known))
            raise InputError(f"crystals: {never} never fit in the cube of {length:g} Å; load them with mode='single'")
        rotation[~fits] = standing[~fits]
    return rotation


def _search(atoms: np.ndarray, offsets: np.ndarray, length: float, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each crystal the first rotation [3, 3] of its key with no atom outside the cube, and whether there is one.

    A crystal that none of them fits is tried as it stands, so that orthogonal cells along the axes fit always.
    """
    rotation = np.broadcast_to(np.eye(3), (len(keys), 3, 3)).copy()
    radius = np.maximum.reduceat(np.linalg.norm(atoms, axis=1), offsets[:-1])
    pending = np.flatnonzero(radius <= length / 2 * np.sqrt(3))  # others are outside even towards a corner
    fits = np.zeros(len(keys), dtype=bool)
    drawn = 0
    for tries in TRIES:
        drawing = _rotations(_uniform(keys[pending, None], np.arange(drawn, drawn + tries)))
        inside = _inside(atoms, offsets, pending, drawing, length)
        found = inside.any(axis=1)
        rotation[pending[found]] = drawing[found, inside.argmax(axis=1)[found]]
        fits[pending[found]] = True
        pending = pending[~found]
        drawn += tries
        if len(pending) == 0:
            return rotation, fits
    fits[pending] = _inside(atoms, offsets, pending, rotation[pending, None], length)[:, 0]
    return rotation, fits


def _inside(
    atoms: np.ndarray, offsets: np.ndarray, crystals: np.ndarray, rotations: np.ndarray, length: float
) -> np.ndarray:
    """[P, T] bool, whether all atoms of each of P crystals are inside the cube under each of its rotations [P, T, 3, 3]."""
    counts = offsets[crystals + 1] - offsets[crystals]
    starts = np.cumsum(counts) - counts
    chosen = np.arange(counts.sum()) + np.repeat(offsets[crystals] - starts, counts)
    turned = np.einsum("ntij,nj->nti", np.repeat(rotations, counts, axis=0), atoms[chosen])
    return np.maximum.reduceat(np.abs(turned).max(axis=2), starts, axis=0) <= length / 2
