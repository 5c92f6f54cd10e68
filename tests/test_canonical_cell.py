"""The canonical cell: the same for a crystal that is shifted, turned, or given as a supercell or a primitive cell."""

import numpy as np
import pytest

import crystalgrid as cg
from crystalgrid import Crystal
from crystalgrid.geometry.canonical_cell import canonical_cell
from crystalgrid.geometry.cell import Cell, standard_orientation
from crystalgrid.geometry.primitive import primitive_cell
from zoo import PEROVSKITE, ZOO, random_rotation

GRID = cg.Grid(n=12)


EITHER_WAY = {"heavy and light", "atom on a face"}
"""Crystals whose axis may point either way: P4mm and Pm."""


def described_anew(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """Return the same crystal with another origin, orientation and order of atoms, as a supercell."""
    atoms = crystal.to_ase() * (1, 2, 1)
    frac_coords = atoms.get_scaled_positions(wrap=False) + rng.random(3)
    order = rng.permutation(len(atoms))
    return Crystal(atoms.cell[:] @ random_rotation(rng), frac_coords[order], atoms.numbers[order])


@pytest.mark.parametrize("name", sorted(ZOO.keys() - EITHER_WAY))
def test_a_crystal_has_one_cell_however_it_is_given(name: str) -> None:
    rng, crystal = np.random.default_rng(0), ZOO[name]
    cells = [Crystal(*canonical_cell(described_anew(crystal, rng))) for _ in range(3)]
    expected, *others = cg.voxelize([Crystal(*canonical_cell(crystal)), *cells], GRID)
    for density in others:
        assert np.allclose(density, expected, atol=1e-4 * float(expected.max()))


@pytest.mark.parametrize("name", ZOO)
def test_a_canonical_cell_is_the_same_crystal(name: str) -> None:
    crystal, cell = ZOO[name], Crystal(*canonical_cell(ZOO[name]))
    assert (cell.formula, cell.symmetry(1e-3)) == (crystal.formula, crystal.space_group)
    assert cell.density == pytest.approx(crystal.density, rel=1e-6)


def test_a_primitive_cell_has_the_same_canonical_cell() -> None:
    salt = ZOO["cubic"]
    primitive = primitive_cell(Cell(salt.lattice, salt.frac_coords, salt.numbers))
    assert len(primitive.numbers) == 2
    for values, expected in zip(canonical_cell(primitive), canonical_cell(salt), strict=True):
        np.testing.assert_allclose(values, expected, atol=1e-9)


def test_a_lattice_is_turned_into_the_standard_orientation() -> None:
    turned = PEROVSKITE.lattice @ random_rotation(np.random.default_rng(1))
    np.testing.assert_allclose(standard_orientation(turned), PEROVSKITE.lattice, atol=1e-12)
