"""Canonical asymmetric units: the same for every description of a crystal, and the crystal itself."""

import numpy as np
import pytest
import torch

from crystalgrid import Crystal
from crystalgrid.crystal import ATOMIC_NUMBERS
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.geometry.canonical_unit import CanonicalUnit, find_canonical_unit
from crystalgrid.geometry.lattices import parameters
from crystalgrid.geometry.normaliser import orbit_of
from crystalgrid.geometry.wyckoff import standard_group
from crystalgrid.nets.generators.wyckoff_table import WyckoffTable
from zoo import random_rotation

CELLS = [np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]]), np.array([[1, 1, 0], [0, 1, 0], [1, 0, 1]]), np.diag([1, 2, 1])]
"""Changes of the basis: another order, a shear, and a supercell."""


def unit_of(crystal: Crystal) -> CanonicalUnit:
    unit = find_canonical_unit(crystal.lattice, crystal.frac_coords, crystal.numbers)
    assert unit is not None
    return unit


def described_anew(crystal: Crystal, cell: np.ndarray, rng: np.random.Generator) -> Crystal:
    """Return the same crystal with another basis, origin, rotation and order of atoms."""
    shifts = np.array([(i, j, k) for i in range(2) for j in range(2) for k in range(2)])
    copies = shifts if abs(np.linalg.det(cell)) > 1.5 else shifts[:1]
    frac_coords = (crystal.frac_coords[:, None] + copies).reshape(-1, 3) @ np.linalg.inv(cell)
    numbers = np.repeat(crystal.numbers, len(copies))
    frac_coords = np.round(frac_coords % 1, 9) % 1
    frac_coords, first = np.unique(frac_coords, axis=0, return_index=True)
    order = rng.permutation(len(frac_coords))
    lattice = cell @ crystal.lattice @ random_rotation(rng).T
    return Crystal(lattice, (frac_coords + rng.random(3))[order], numbers[first][order])


SPECIAL_LATTICES = {
    "P1 in an orthorhombic cell": (1, np.diag([4.1, 5.2, 6.4])),
    "P-1 in a cubic cell": (2, 5.0 * np.eye(3)),
    "P2_1 with a = c": (4, np.diag([5.1, 6.2, 5.1])),
    "Pc with β = 90°": (7, np.diag([4.4, 5.2, 6.3])),
    "P2_1/c with β = 90°": (14, np.diag([4.4, 5.2, 6.3])),
    "C2/c with β = 90°": (15, np.diag([8.3, 5.2, 6.3])),
    "P2/m with a hexagonal plane": (10, np.array([[5, 0, 0], [0, 6, 0], [-2.5, 0, 5 * 0.75**0.5]])),
    "P222 with a = b": (16, np.diag([5.1, 5.1, 7.3])),
    "Pbca in a cubic cell": (61, 6.2 * np.eye(3)),
}
"""Space groups with lattices of more symmetry than the group asks for."""


def crystal_of(number: int, lattice: np.ndarray, rng: np.random.Generator) -> Crystal:
    """Return a crystal of three elements, each in one general position."""
    orbits = [orbit_of(standard_group(number), rng.random(3)) for _ in range(3)]
    numbers = np.repeat([11, 17, 8], [len(orbit) for orbit in orbits])
    return Crystal(lattice, np.concatenate(orbits), numbers)


@pytest.mark.parametrize("name", SPECIAL_LATTICES)
def test_a_lattice_of_more_symmetry_than_the_atoms_gives_one_unit(name: str) -> None:
    number, lattice = SPECIAL_LATTICES[name]
    for seed in range(4):
        rng = np.random.default_rng(seed)
        crystal = crystal_of(number, lattice, rng)
        unit = unit_of(crystal)
        assert unit.space_group == number
        for turn in [np.diag([-1, -1, 1]), np.diag([1, -1, -1]), *CELLS]:
            other = unit_of(described_anew(crystal, turn, rng))
            assert (other.letters.tolist(), other.numbers.tolist()) == (unit.letters.tolist(), unit.numbers.tolist())
            assert parameters_of(other) == pytest.approx(parameters_of(unit), abs=1e-4)
            difference = other.points - unit.points
            assert np.abs(difference - np.rint(difference)).max() < 1e-4


def parameters_of(unit: CanonicalUnit) -> np.ndarray:
    return parameters(torch.from_numpy(unit.lattice)[None])[0].numpy()


@pytest.mark.parametrize("index", range(0, 240, 12))
def test_the_unit_does_not_depend_on_the_description(prototypes: CrystalSet, index: int) -> None:
    crystal, rng = prototypes[index], np.random.default_rng(index)
    unit = unit_of(crystal)
    for cell in CELLS:
        other = unit_of(described_anew(crystal, cell, rng))
        assert other.space_group == unit.space_group
        assert other.letters.tolist() == unit.letters.tolist()
        assert other.numbers.tolist() == unit.numbers.tolist()
        assert other.lattice @ other.lattice.T == pytest.approx(unit.lattice @ unit.lattice.T, abs=1e-4)
        difference = other.points - unit.points
        assert np.abs(difference - np.rint(difference)).max() < 1e-4


def test_rock_salt_has_one_unit_whichever_atom_is_at_the_origin() -> None:
    lattice = 2.8 * (np.ones((3, 3)) - np.eye(3))
    sodium, chlorine = ATOMIC_NUMBERS["Na"], ATOMIC_NUMBERS["Cl"]
    pairs = [sodium, chlorine], [chlorine, sodium]
    units = [unit_of(Crystal(lattice, [[0, 0, 0], [0.5, 0.5, 0.5]], pair)) for pair in pairs]
    assert units[0].letters.tolist() == units[1].letters.tolist() == [0, 1]
    assert units[0].numbers.tolist() == units[1].numbers.tolist() == [sodium, chlorine]


@pytest.mark.parametrize("index", [3, 90, 140, 222])
def test_orbits_of_the_unit_are_the_atoms_of_the_crystal(prototypes: CrystalSet, index: int) -> None:
    crystal, table = prototypes[index], WyckoffTable()
    unit = unit_of(crystal)
    positions = table.position_of[unit.space_group, unit.letters]
    conventional = table.multiplicity[positions].sum() / abs(np.linalg.det(unit.lattice))
    assert float(conventional) == pytest.approx(len(crystal) / crystal.volume, rel=1e-3)
    for position, point in zip(positions, unit.points, strict=True):
        own = table.projector[position].numpy() @ point + table.offset[position].numpy() - point
        assert np.abs(own - np.rint(own)).max() < 2e-3
