"""Crystals and the padded tensors of a generator of crystals: from one to the other, for several test files."""

import torch

from crystalgrid import Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.geometry.orbits import Orbits
from crystalgrid.geometry.space_group import space_group
from crystalgrid.training.unit_cells import UnitCells, build_unit_cells, small_enough
from zoo import ZOO

SMALL_ZOO = {name: crystal for name, crystal in ZOO.items() if len(crystal) <= 12}
ATOMS = 16


def to_crystals(lattice: torch.Tensor, frac_coords: torch.Tensor, numbers: torch.Tensor) -> list[Crystal]:
    """Return the crystals of padded tensors, which hold 0 for atoms that are none."""
    parts = zip(lattice.double().numpy(), frac_coords.double().numpy(), numbers.numpy(), strict=True)
    return [Crystal(basis, coords[z > 0], z[z > 0]) for basis, coords, z in parts]


def symmetric_cells(prototypes: CrystalSet) -> UnitCells:
    """Return the unit cells of prototypes, which have many different symmetries, and of the zoo."""
    sets = prototypes, CrystalSet.from_crystals(ZOO.values())
    parts = [build_unit_cells(part[small_enough(part, ATOMS)], ATOMS) for part in sets]
    orbits = Orbits(*map(torch.cat, zip(*(part.orbits for part in parts), strict=True)))
    return UnitCells(*map(torch.cat, list(zip(*(part[:-1] for part in parts), strict=True))), orbits)


def number_of_space_group(crystal: Crystal, symprec: float = 0.01) -> int:
    return space_group(crystal, symprec).number


def is_spread_out(crystal: Crystal) -> bool:
    """Say whether no two atoms are nearer than 0.3 Å, so that a tolerance cannot confuse them."""
    return crystal.to_pymatgen().is_valid(0.3)
