"""A periodic crystal, and a ragged batch of many crystals as flat tensors."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, Union

import numpy as np
import torch
from torch import Tensor

from . import _core
from ._conversions import arrays_of_ase, arrays_of_pymatgen, is_ase, is_pymatgen, look_cartesian, poscar_text, xyz_text
from .errors import InputError, require
from .files import as_path, written_whole
from .geometry.elements import ATOMIC_NUMBERS as ATOMIC_NUMBERS
from .geometry.elements import ATOMIC_WEIGHTS, DALTON, reduced_formula
from .geometry.elements import SYMBOLS as SYMBOLS

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core.structure import Structure

    from .geometry.space_group import SpaceGroup

MAX_Z: int = _core.MAX_Z
"""The largest atomic number, 94: species classes are 0 (no atom) and Z = 1 to 94."""
LEAST_VOLUME: float = _core.LEAST_VOLUME
"""The least volume of a cell, 0.1 Å³ per atom: diamond has 5.7, and a cube would hold too many images to sum over."""
FARTHEST: float = _core.FARTHEST
"""The largest coordinate, 1e6, in Å or cells: up to it, image indices fit in 32 bits and positions keep 9 decimals."""


SYMPREC = 0.01
"""The largest distance in Å of atoms from symmetric positions, of crystals that were not relaxed."""
LARGE = 64
"""The most atoms of a crystal that is shown with its space group, which takes half a millisecond to find."""


@dataclass(frozen=True, eq=False, repr=False)
class Crystal:
    """A periodic crystal: a lattice and the atoms of one cell.

    lattice: [3, 3] float64, rows a, b, c in Å, any orientation or handedness.
    frac_coords: [N, 3] float64, inside the cell or not.
    numbers: [N] int, atomic numbers Z from 1 to 94.

    Raises InputError for a singular or non-finite lattice, one of less than 0.1 Å³ per atom, non-finite coordinates, no
    atoms, or Z out of range. Warns if the coordinates look like Cartesian ones.
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
        if look_cartesian(self.lattice, self.frac_coords):
            cells = np.ptp(self.frac_coords, axis=0).max()
            warnings.warn(
                f"Crystal: frac_coords spread over {cells:.1f} cells and would be in one cell if they were in Å; "
                "wanted fractional coordinates, which are positions @ inv(lattice)",
                stacklevel=3,
            )

    def __len__(self) -> int:
        return len(self.numbers)

    def __repr__(self) -> str:
        """Return one line: reduced formula, space group of a cell that is not large, atoms and volume."""
        group = f"{self.space_group}, " if len(self) <= LARGE else ""
        atoms = f"{len(self)} atom{'s' if len(self) > 1 else ''}"
        return f"Crystal({self.formula}, {group}{atoms}, {self.volume:.1f} Å³)"

    @property
    def formula(self) -> str:
        """The reduced formula, such as LiFePO4."""
        return reduced_formula(self.numbers)

    @property
    def space_group(self) -> SpaceGroup:
        """The space group within 0.01 Å, as symbol and number."""
        return self.symmetry()

    @property
    def volume(self) -> float:
        """The volume of the cell, Å³."""
        return float(abs(np.linalg.det(self.lattice)))

    @property
    def density(self) -> float:
        """The density, g/cm³."""
        return float(DALTON * ATOMIC_WEIGHTS[self.numbers].sum() / self.volume)

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
        return cls(*arrays_of_pymatgen(structure))

    def to_pymatgen(self) -> Structure:
        """Convert to a pymatgen Structure."""
        require("pymatgen", "data")
        from pymatgen.core.structure import Structure

        return Structure(self.lattice, [SYMBOLS[z - 1] for z in self.numbers], self.frac_coords)

    @classmethod
    def from_ase(cls, atoms: Atoms) -> Crystal:
        """Convert an ASE Atoms; InputError unless it is periodic in all three directions and each site is one atom."""
        return cls(*arrays_of_ase(atoms))

    def to_ase(self) -> Atoms:
        """Convert to an ASE Atoms, periodic in all three directions."""
        require("ase", "data")
        from ase import Atoms

        return Atoms(numbers=self.numbers, cell=self.lattice, scaled_positions=self.frac_coords, pbc=True)

    def symmetry(self, symprec: float = SYMPREC) -> SpaceGroup:
        """Return the space group of a crystal whose atoms may be `symprec` Å from where its symmetry puts them."""
        from .geometry.space_group import space_group

        return space_group(self, symprec)

    def to_cif(self, symprec: float = SYMPREC) -> str:
        """Return the text of a CIF file: the standard cell, its symmetry operations and one atom of each orbit.

        The symmetry is the one found within `symprec` Å, to which atoms are moved.
        """
        from .geometry.cif_writer import cif_text

        return cif_text(self, symprec)

    def write(self, path: Path | str) -> None:
        """Write a file of the format that its name says; InputError for a name that says none of these.

        NAME.cif is a CIF file with symmetry, NAME.xyz and NAME.extxyz are extended XYZ, POSCAR and NAME.vasp are for
        VASP, NAME.json is for pymatgen.
        """
        path = as_path("path", path)
        writers: dict[str, Callable[[], str]] = {
            ".cif": self.to_cif,
            ".xyz": partial(xyz_text, self),
            ".extxyz": partial(xyz_text, self),
            ".vasp": partial(poscar_text, self),
            "POSCAR": partial(poscar_text, self),
            ".json": lambda: str(self.to_pymatgen().to_json()),
        }
        kind = path.suffix.lower() or path.name
        if kind not in writers:
            raise InputError(f"{path}: wanted a name that ends in one of {', '.join(writers)}")
        with written_whole(path) as temporary:
            temporary.write_text(writers[kind](), encoding="utf-8")


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


CrystalLike: TypeAlias = Union[Crystal, "Structure", "Atoms"]
"""A crystal as this package, pymatgen or ASE holds it."""


def as_crystal(value: CrystalLike) -> Crystal:
    """Return a Crystal, pymatgen Structure or ASE Atoms as a Crystal; raise InputError for anything else."""
    if isinstance(value, Crystal):
        return value
    if is_pymatgen(value):
        return Crystal(*arrays_of_pymatgen(value))
    if is_ase(value):
        return Crystal(*arrays_of_ase(value))
    raise InputError(f"crystals: wanted a Crystal, pymatgen Structure or ASE Atoms, got {type(value).__name__}")


def as_crystals(crystals: CrystalLike | Sequence[CrystalLike]) -> list[Crystal]:
    """Return a crystal, or a list of crystals, each of whichever library, as a list of Crystal."""
    if isinstance(crystals, Crystal) or is_pymatgen(crystals) or is_ase(crystals):
        return [as_crystal(crystals)]  # type: ignore[arg-type]
    if isinstance(crystals, str | Path):
        raise InputError(f"crystals: wanted crystals, got a name; crystalgrid.read({str(crystals)!r}) reads a file")
    if isinstance(crystals, Sequence):
        return [as_crystal(crystal) for crystal in crystals]  # type: ignore[arg-type]
    raise InputError(f"crystals: wanted a list of crystals or a CrystalBatch, got {crystals!r:.60}")


def pack(crystals: CrystalLike | Sequence[CrystalLike] | CrystalBatch) -> CrystalBatch:
    """Return crystals, each of whichever library, as one ragged batch; a batch is returned as it is."""
    if isinstance(crystals, CrystalBatch):
        return crystals
    listed = as_crystals(crystals)
    return CrystalBatch(
        torch.from_numpy(np.array([c.lattice for c in listed]).reshape(-1, 3, 3)),
        torch.from_numpy(np.concatenate([np.zeros((0, 3)), *(c.frac_coords for c in listed)])),
        torch.from_numpy(np.concatenate([np.zeros(0, np.int64), *(c.numbers for c in listed)])),
        torch.from_numpy(np.cumsum([0, *map(len, listed)], dtype=np.int64)),
    )
