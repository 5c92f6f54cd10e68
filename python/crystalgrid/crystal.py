"""A periodic crystal, and a ragged batch of many crystals as flat tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from . import _core
from .errors import InputError, require

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

MAX_Z: int = _core.MAX_Z
"""The largest atomic number, 94: species classes are 0 (no atom) and Z = 1 to 94."""
LEAST_VOLUME: float = _core.LEAST_VOLUME
"""The least volume of a cell, 0.1 Å³ per atom: diamond has 5.7, and a cube would hold too many images to sum over."""
FARTHEST: float = _core.FARTHEST
"""The largest coordinate, 1e6, in Å or cells: up to it, image indices fit in 32 bits and positions keep 9 decimals."""

SYMBOLS = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr "
    "Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu "
    "Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu"
).split()
"""Chemical symbols of Z = 1 to 94."""
ATOMIC_NUMBERS = {**{symbol: z for z, symbol in enumerate(SYMBOLS, start=1)}, "D": 1, "T": 1}
"""Atomic numbers of chemical symbols; deuterium and tritium are hydrogen."""


@dataclass(frozen=True, eq=False, repr=False)
class Crystal:
    """A periodic crystal: a lattice and the atoms of one cell.

    lattice: [3, 3] float64, rows a, b, c in Å, any orientation or handedness.
    frac_coords: [N, 3] float64, inside the cell or not.
    numbers: [N] int, atomic numbers Z from 1 to 94.

    Raises InputError for a singular or non-finite lattice, one of less than 0.1 Å³ per atom, non-finite coordinates, no
    atoms, or Z out of range.
    """

    lattice: np.ndarray
    frac_coords: np.ndarray
    numbers: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "lattice", _array("lattice", self.lattice, np.float64))
        object.__setattr__(self, "frac_coords", _array("frac_coords", self.frac_coords, np.float64))
        numbers = _array("numbers", self.numbers)
        _check(self.lattice, self.frac_coords, numbers)
        object.__setattr__(self, "numbers", numbers.astype(np.int64))

    def __len__(self) -> int:
        return len(self.numbers)

    def __repr__(self) -> str:
        """Return one line with the reduced formula, its elements in the order of the atoms."""
        numbers, first, counts = np.unique(self.numbers, return_index=True, return_counts=True)
        units = counts // np.gcd.reduce(counts)
        symbols = [SYMBOLS[numbers[i] - 1] + (str(units[i]) if units[i] > 1 else "") for i in first.argsort()]
        atoms = f"{len(self)} atom{'s' if len(self) > 1 else ''}"
        return f"Crystal({''.join(symbols)}, {atoms}, {abs(np.linalg.det(self.lattice)):.1f} Å³)"

    @property
    def positions(self) -> np.ndarray:
        """The Cartesian positions of the atoms, [N, 3] Å."""
        positions: np.ndarray = self.frac_coords @ self.lattice
        return positions

    @property
    def longest_side(self) -> float:
        """The length of the longest of a, b and c, Å."""
        return float(np.linalg.norm(self.lattice, axis=1).max())

    @classmethod
    def from_pymatgen(cls, structure: Structure) -> Crystal:
        """Convert a pymatgen Structure; one with partial occupancies raises InputError."""
        if not hasattr(structure, "lattice") or not hasattr(structure, "is_ordered"):
            raise InputError(f"structure: wanted a pymatgen Structure, got {type(structure).__name__}")
        if not structure.is_ordered:
            raise InputError(f"{structure.formula}: disordered (a site has partial occupancy), wanted ordered sites")
        return cls(structure.lattice.matrix, structure.frac_coords, np.array([site.specie.Z for site in structure]))

    def to_pymatgen(self) -> Structure:
        """Convert to a pymatgen Structure."""
        require("pymatgen", "data")
        from pymatgen.core.structure import Structure

        return Structure(self.lattice, [SYMBOLS[z - 1] for z in self.numbers], self.frac_coords)


def _array(name: str, values: Any, dtype: type | None = None) -> np.ndarray:
    try:
        return np.array(values, dtype)
    except (TypeError, ValueError):
        raise InputError(f"Crystal: {name} must be an array of numbers, got {values!r:.60}") from None


def _check(lattice: np.ndarray, frac_coords: np.ndarray, numbers: np.ndarray) -> None:
    if lattice.shape != (3, 3):
        raise InputError(f"Crystal: lattice must have shape (3, 3), got {lattice.shape}")
    if frac_coords.ndim != 2 or frac_coords.shape[1] != 3 or numbers.shape != frac_coords.shape[:1]:
        raise InputError(
            f"Crystal: frac_coords and numbers must have shapes (N, 3) and (N,), "
            f"got {frac_coords.shape} and {numbers.shape}"
        )
    if len(numbers) == 0:
        raise InputError("Crystal: wanted at least one atom, got none")
    if not np.isfinite(lattice).all() or not np.isfinite(frac_coords).all():
        raise InputError("Crystal: lattice and frac_coords must be finite, got NaN or infinity")
    lengths, volume = np.linalg.norm(lattice, axis=1), abs(np.linalg.det(lattice))
    if lengths.min() == 0 or volume < 1e-6 * lengths.prod():
        raise InputError("Crystal: the lattice is singular, wanted three independent vectors")
    if volume < LEAST_VOLUME * len(numbers):
        raise InputError(f"Crystal: wanted at least {LEAST_VOLUME} Å³ per atom, got {volume / len(numbers):.2g}")
    if numbers.dtype.kind not in "iu":
        raise InputError(f"Crystal: numbers must be whole, got an array of {numbers.dtype}")
    if numbers.min() < 1 or numbers.max() > MAX_Z:
        raise InputError(f"Crystal: numbers must be from 1 to {MAX_Z}, got {numbers.min()} to {numbers.max()}")


class CrystalBatch(NamedTuple):
    """B crystals with N atoms in all, as flat tensors on one device; atoms of crystal b are offsets[b]:offsets[b+1]."""

    lattice: Tensor
    """[B, 3, 3] float64, Å."""
    frac_coords: Tensor
    """[N, 3] float64."""
    numbers: Tensor
    """[N] int64."""
    offsets: Tensor
    """[B+1] int64, from 0 to N."""

    @property
    def size(self) -> int:
        """The number of crystals, B."""
        return len(self.offsets) - 1

    def to(self, device: torch.device | str) -> CrystalBatch:
        """Return the batch on another device."""
        return CrystalBatch(*(tensor.to(device) for tensor in self))


def pack(crystals: Sequence[Crystal] | CrystalBatch) -> CrystalBatch:
    """Return crystals as one ragged batch; a batch is returned as it is."""
    if isinstance(crystals, CrystalBatch):
        return crystals
    if isinstance(crystals, Crystal):
        raise InputError("crystals: wanted a list of Crystal, got one Crystal; write [crystal]")
    if not isinstance(crystals, Sequence) or not all(isinstance(crystal, Crystal) for crystal in crystals):
        raise InputError(f"crystals: wanted a list of Crystal or a CrystalBatch, got {crystals!r:.60}")
    listed: list[Crystal] = list(crystals)  # type: ignore[arg-type]  # a batch, which is a tuple, has been returned
    return CrystalBatch(
        torch.from_numpy(np.array([c.lattice for c in listed]).reshape(-1, 3, 3)),
        torch.from_numpy(np.concatenate([np.zeros((0, 3)), *(c.frac_coords for c in listed)])),
        torch.from_numpy(np.concatenate([np.zeros(0, np.int64), *(c.numbers for c in listed)])),
        torch.from_numpy(np.cumsum([0, *map(len, listed)], dtype=np.int64)),
    )
