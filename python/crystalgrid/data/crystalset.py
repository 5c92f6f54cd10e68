"""A set of crystals as flat arrays: 250 bytes a crystal, quick to slice, to send to a process and to batch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import chain
from typing import TypeAlias, overload

import numpy as np
import torch

from ..crystal import MAX_Z, Crystal, CrystalBatch, CrystalLike, as_crystal
from ..errors import InputError

SPLITS = ("train", "val", "test")
Indices: TypeAlias = Sequence[int] | np.ndarray | slice
WRAP_TOLERANCE = 1e-4
"""The fractional tolerance of wrapping: an atom at -1e-8 is one at 0 that was rounded, and is not moved to 1."""


@dataclass(frozen=True, eq=False)
class CrystalSet(Sequence[Crystal]):
    """B crystals with N atoms in all; atoms of crystal b are offsets[b]:offsets[b+1]."""

    lattice: np.ndarray
    """[B, 3, 3] float64, Å."""
    frac_coords: np.ndarray
    """[N, 3] float64."""
    numbers: np.ndarray
    """[N] uint8, atomic numbers; 0 for a species that is not an element of Z 1 to 94."""
    offsets: np.ndarray
    """[B+1] int64, from 0 to N."""
    ids: np.ndarray
    """[B] str."""
    splits: np.ndarray
    """[B] str: train, val or test; empty if the source does not say."""

    def __len__(self) -> int:
        return len(self.lattice)

    @overload
    def __getitem__(self, index: int) -> Crystal: ...
    @overload
    def __getitem__(self, index: Indices) -> CrystalSet: ...
    def __getitem__(self, index: int | Indices) -> Crystal | CrystalSet:
        """Return one Crystal for a number; a CrystalSet for a slice, a list of numbers or a mask."""
        if isinstance(index, int | np.integer):
            b = range(len(self))[index]
            own = slice(self.offsets[b], self.offsets[b + 1])
            return Crystal(self.lattice[b], self.frac_coords[own], self.numbers[own])
        chosen = np.arange(len(self))[index]
        atoms, offsets = self._atoms(chosen)
        return CrystalSet(
            self.lattice[chosen],
            self.frac_coords[atoms],
            self.numbers[atoms],
            offsets,
            self.ids[chosen],
            self.splits[chosen],
        )

    def split(self, name: str) -> CrystalSet:
        """Return the crystals of 'train', 'val' or 'test'."""
        if name not in SPLITS:
            raise InputError(f"split: wanted one of {', '.join(SPLITS)}, got {name!r}")
        chosen: np.ndarray = self.splits == name
        return self[chosen]

    def batch(self, indices: Indices) -> CrystalBatch:
        """Return the crystals of `indices` as tensors for the voxeliser."""
        chosen = np.arange(len(self))[indices]
        atoms, offsets = self._atoms(chosen)
        arrays = self.lattice[chosen], self.frac_coords[atoms], self.numbers[atoms].astype(np.int64), offsets
        return CrystalBatch(*map(torch.from_numpy, arrays))

    @cached_property
    def crystal_of_atom(self) -> np.ndarray:
        """The index of the crystal that each atom belongs to, [N] int64."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    @cached_property
    def checksum(self) -> str:
        """The SHA-256 of crystals and splits, in hexadecimal; the same on every machine."""
        parts = (("<f8", self.lattice), ("<f8", self.frac_coords), ("u1", self.numbers), ("<i8", self.offsets))
        digest = hashlib.sha256()
        for dtype, array in parts:
            digest.update(np.ascontiguousarray(array, dtype).data)
        digest.update("\n".join(self.splits).encode())
        return digest.hexdigest()

    def wrapped(self) -> CrystalSet:
        """Return the same crystals with every atom inside the unit cell."""
        whole = np.floor(self.frac_coords + WRAP_TOLERANCE)
        return CrystalSet(self.lattice, self.frac_coords - whole, self.numbers, self.offsets, self.ids, self.splits)

    def with_splits(self, splits: np.ndarray) -> CrystalSet:
        """Return the same crystals, split in another way."""
        return CrystalSet(self.lattice, self.frac_coords, self.numbers, self.offsets, self.ids, splits)

    def _atoms(self, crystals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the indices of these crystals' atoms, and the offsets of the crystals in a set of their own."""
        counts = self.offsets[crystals + 1] - self.offsets[crystals]
        offsets = np.concatenate([[0], np.cumsum(counts)])
        return np.arange(offsets[-1]) + np.repeat(self.offsets[crystals] - offsets[:-1], counts), offsets

    @classmethod
    def from_crystals(cls, crystals: Iterable[CrystalLike], ids: Iterable[object] | None = None) -> CrystalSet:
        """Return the crystals as a set without splits; ids are 0, 1, … by default."""
        arrays = [(crystal.lattice, crystal.frac_coords, crystal.numbers) for crystal in map(as_crystal, crystals)]
        return cls.from_arrays(arrays, range(len(arrays)) if ids is None else ids)

    @classmethod
    def from_arrays(
        cls, arrays: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]], ids: Iterable[object]
    ) -> CrystalSet:
        """Return a set without splits from each crystal's lattice [3, 3], frac_coords [n, 3] and numbers [n].

        The arrays are not checked: readers make a set of all that a file holds, and filter it afterwards. Numbers that
        are not from 1 to 94 become 0.
        """
        lattices, frac_coords, numbers = [list(column) for column in zip(*arrays, strict=True)] or [[]] * 3
        names = np.array([str(id) for id in ids], dtype=object)
        if len(names) != len(lattices):
            raise InputError(f"ids: wanted one for each of {len(lattices)} crystals, got {len(names)}")
        flat = np.concatenate([np.zeros(0, np.int64), *numbers])
        return cls(
            np.array(lattices, dtype=np.float64).reshape(-1, 3, 3),
            np.concatenate([np.zeros((0, 3)), *frac_coords]),
            np.where((flat >= 1) & (flat <= MAX_Z), flat, 0).astype(np.uint8),
            np.cumsum([0, *map(len, numbers)], dtype=np.int64),
            names,
            np.full(len(names), "", dtype="<U5"),
        )

    @classmethod
    def concatenate(cls, sets: Iterable[CrystalSet]) -> CrystalSet:
        """Return the crystals of the sets, one set after another."""
        parts: dict[str, list[np.ndarray]] = {field.name: [] for field in fields(cls)}
        for part in chain([cls.from_crystals([])], sets):
            for name, arrays in parts.items():
                arrays.append(getattr(part, name) if name != "offsets" else np.diff(part.offsets))
        # Parts of a field are dropped once it is joined, so that hardly more than the crystals is in memory.
        joined = {name: np.concatenate(parts.pop(name)) for name in tuple(parts)}
        joined["offsets"] = np.concatenate([np.zeros(1, np.int64), joined["offsets"].cumsum()])
        return cls(**joined)


def fractional(positions: np.ndarray, lattice: np.ndarray, crystal_of_atom: np.ndarray) -> np.ndarray:
    """Return fractional coordinates of Cartesian positions [N, 3]; NaN or infinite if the lattice is singular.

    Only basic operations are used, which IEEE 754 rounds the same everywhere: checksums do not depend on the machine.
    """
    with np.errstate(all="ignore"):
        a, b, c = np.moveaxis(lattice, 1, 0)
        normals = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=1)
        x, y, z = np.moveaxis(lattice[:, 0] * normals[:, 0], -1, 0)
        reciprocal = (normals / (x + y + z)[:, None, None])[crystal_of_atom]
        x, y, z = np.moveaxis(positions[:, None, :] * reciprocal, -1, 0)
        coordinates: np.ndarray = x + y + z
        return coordinates
