"""Crystals as others hold them: pymatgen and ASE, told by attributes; positions in Å; the texts of files.

Neither pymatgen nor ASE need be installed.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np

from .errors import InputError
from .geometry.cell import CellLike
from .geometry.elements import SYMBOLS, reduced_formula

Arrays: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray]
"""A lattice [3, 3] in Å, fractional coordinates [N, 3] and atomic numbers [N]."""
MOST_CELLS = 1.5
"""The cells that the atoms of one cell may be spread over before they are suspected to be in Å."""
MOST_ATOMS = 100
"""Atoms whose distances are compared, which bounds memory."""
NEIGHBOUR_CELLS = np.array(list(itertools.product((-1, 0, 1), repeat=3)))


def is_pymatgen(value: object) -> bool:
    """Return whether `value` is a pymatgen Structure."""
    return hasattr(value, "lattice") and hasattr(value, "is_ordered")


def is_ase(value: object) -> bool:
    """Return whether `value` is an ASE Atoms."""
    return all(hasattr(value, name) for name in ("get_cell", "positions", "numbers", "pbc"))


def arrays_of_pymatgen(structure: Any) -> Arrays:
    """Return the lattice and the atoms of a Structure; raise InputError if it is no crystal of whole atoms."""
    if not is_pymatgen(structure):
        raise InputError(f"structure: wanted a pymatgen Structure, got {type(structure).__name__}")
    if not structure.is_ordered:
        raise InputError(f"{structure.formula}: disordered (a site has partial occupancy), wanted ordered sites")
    _check_periodic("structure", getattr(structure.lattice, "pbc", (True, True, True)))
    for site in structure:
        if not 1 <= site.specie.Z <= len(SYMBOLS):  # that of a dummy species is negative
            raise InputError(f"{structure.formula}: wanted elements of Z = 1 to {len(SYMBOLS)}, got {site.specie}")
    return structure.lattice.matrix, structure.frac_coords, np.array([site.specie.Z for site in structure])


def arrays_of_ase(atoms: Any) -> Arrays:
    """Return the lattice and the atoms of an ASE Atoms; raise InputError if it is no crystal of whole atoms."""
    if not is_ase(atoms):
        raise InputError(f"atoms: wanted an ASE Atoms, got {type(atoms).__name__}")
    _check_periodic("atoms", atoms.pbc)
    _check_occupancies(atoms)
    lattice, positions = np.array(atoms.get_cell(), dtype=np.float64), np.asarray(atoms.positions, dtype=np.float64)
    try:
        return lattice, positions @ np.linalg.inv(lattice), np.asarray(atoms.numbers)
    except np.linalg.LinAlgError:
        raise InputError("atoms: the cell is singular, wanted three independent vectors") from None


def _check_periodic(name: str, pbc: Any) -> None:
    if not np.all(pbc):
        directions = " ".join("T" if periodic else "F" for periodic in np.broadcast_to(pbc, 3))
        raise InputError(f"{name}: wanted pbc T T T, a crystal, got {directions}")


def _check_occupancies(atoms: Any) -> None:
    """Raise InputError if ASE kept one species of a site that several share, or that is empty at times."""
    occupancy = getattr(atoms, "info", {}).get("occupancy")
    for species in occupancy.values() if isinstance(occupancy, Mapping) else ():
        if len(species) != 1 or min(species.values()) < 1:
            shares = ", ".join(f"{symbol} {share:g}" for symbol, share in species.items())
            raise InputError(f"atoms: disordered (a site has occupancies {shares}), wanted ordered sites")


def look_cartesian(lattice: np.ndarray, frac_coords: np.ndarray) -> bool:
    """Return whether fractional coordinates [N, 3] look like Cartesian ones.

    They do if they are spread over several cells, but over one if they are read as positions in Å, and if atoms are
    farther from each other then. No crystal of the Materials Project below 10 Å is so; of 1000 whose positions were
    passed, 991 are; of 1000 whose atoms were moved by whole cells at random, one is.
    """
    if np.ptp(frac_coords, axis=0).max() <= MOST_CELLS:
        return False
    as_positions = frac_coords @ np.linalg.inv(lattice)
    if np.ptp(as_positions, axis=0).max() > 1 + 1e-3:
        return False
    return _shortest_distance(lattice, as_positions) > _shortest_distance(lattice, frac_coords)


def _shortest_distance(lattice: np.ndarray, frac_coords: np.ndarray) -> float:
    """Return the shortest distance between two of the first atoms or their images, Å."""
    first, second = np.triu_indices(min(len(frac_coords), MOST_ATOMS), 1)
    vectors = frac_coords[first] - frac_coords[second]
    vectors = vectors - np.round(vectors)
    return float(np.linalg.norm((vectors[:, None] + NEIGHBOUR_CELLS) @ lattice, axis=-1).min())


def xyz_text(cell: CellLike) -> str:
    """Return a frame of extended XYZ: the cell in its comment line, positions in Å."""
    comment = f'Lattice="{_decimals(cell.lattice.flat)}" Properties=species:S:1:pos:R:3 pbc="T T T"'
    atoms = zip(cell.numbers, cell.frac_coords @ cell.lattice, strict=True)
    lines = [f"{SYMBOLS[z - 1]:2} {_decimals(position)}" for z, position in atoms]
    return "\n".join([str(len(cell.numbers)), comment, *lines, ""])


def poscar_text(cell: CellLike) -> str:
    """Return the text of a POSCAR file, which VASP reads, its atoms sorted by element."""
    elements, counts = np.unique(cell.numbers, return_counts=True)
    symbols = " ".join(SYMBOLS[z - 1] for z in elements)
    vectors = [*map(_decimals, cell.lattice)]
    coordinates = map(_decimals, cell.frac_coords[np.argsort(cell.numbers, kind="stable")])
    head = [reduced_formula(cell.numbers), "1.0", *vectors, symbols, " ".join(map(str, counts)), "direct"]
    return "\n".join([*head, *coordinates, ""])


def _decimals(values: Iterable[float]) -> str:
    return " ".join(f"{value:.10f}" for value in values)
