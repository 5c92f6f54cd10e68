"""Primitive cells: as many atoms as moyopy finds, the shortest basis, the same crystal."""

import itertools

import moyopy
import numpy as np
import pytest

from crystalgrid.geometry.cell import Cell
from crystalgrid.geometry.primitive import primitive_cell, reduced_basis


def supercell(cell: Cell, multiples: np.ndarray, random: np.random.Generator, noise: float) -> Cell:
    """Return the cell repeated, with its atoms disturbed by `noise` (fractional) and in any order."""
    lattice = multiples @ cell.lattice
    reach = int(np.abs(multiples).sum())
    steps = np.array(list(itertools.product(range(-reach, reach + 1), repeat=3)))
    coordinates = (cell.frac_coords + steps[:, None]).reshape(-1, 3) @ np.linalg.inv(multiples)
    inside = ((coordinates >= -1e-9) & (coordinates < 1 - 1e-9)).all(axis=1)
    numbers = np.tile(cell.numbers, len(steps))[inside]
    order = random.permutation(len(numbers))
    disturbed = coordinates[inside] + random.normal(0, noise, (len(numbers), 3))
    return Cell(lattice, disturbed[order], numbers[order])


@pytest.mark.parametrize("noise", [0.0, 1e-4])
def test_supercells_of_prototypes_shrink_to_what_they_repeat(prototypes, noise):
    random = np.random.default_rng(7)
    for crystal in prototypes[::12]:
        cell = Cell(crystal.lattice, crystal.frac_coords % 1.0, crystal.numbers)
        by_moyopy = moyopy.MoyoDataset(moyopy.Cell(*(part.tolist() for part in cell)), symprec=0.01).prim_std_cell
        multiples = np.array([[2, 0, 0], [1, 3, 0], [0, 1, 1]])
        found = primitive_cell(supercell(cell, multiples, random, noise))
        assert len(found.numbers) == len(by_moyopy.numbers)
        assert sorted(found.numbers) == sorted(by_moyopy.numbers)
        volume = abs(np.linalg.det(np.array(by_moyopy.basis)))
        assert abs(np.linalg.det(found.lattice)) == pytest.approx(volume, rel=1e-6)


def test_the_crystal_stays_the_same():
    """Every atom of a supercell is an image of one in the primitive cell."""
    random = np.random.default_rng(3)
    cell = Cell(
        np.array([[3.1, 0, 0], [0.4, 3.9, 0], [0.2, -0.3, 4.4]]), random.random((4, 3)), np.array([8, 8, 22, 56])
    )
    large = supercell(cell, np.array([[2, 1, 0], [0, 2, 0], [1, 0, 2]]), random, 0.0)
    found = primitive_cell(large)
    assert len(found.numbers) == 4
    fractions = large.frac_coords @ large.lattice @ np.linalg.inv(found.lattice)
    for fraction, number in zip(fractions, large.numbers, strict=True):
        apart = (fraction - found.frac_coords[found.numbers == number]) @ np.eye(3)
        apart -= np.rint(apart)
        assert np.abs(apart @ found.lattice).max(axis=1).min() < 1e-6


def test_a_crystal_that_all_but_repeats_stays_whole():
    numbers = np.array([14, 14, 14, 14])
    moved = np.array([[0, 0, 0], [0.5, 0, 0], [0, 0.5, 0], [0.5, 0.53, 0]])
    assert len(primitive_cell(Cell(6.0 * np.eye(3), moved, numbers)).numbers) == 4
    assert len(primitive_cell(Cell(6.0 * np.eye(3), moved.round(1), numbers)).numbers) == 1


def test_a_skew_basis_becomes_the_shortest():
    lattice = np.array([[4.0, 0, 0], [0, 5.0, 0], [0, 0, 6.0]])
    skewed = np.array([[1, 0, 0], [7, 1, 0], [-3, 5, 1]]) @ lattice
    assert sorted(np.linalg.norm(reduced_basis(skewed), axis=1)) == pytest.approx([4, 5, 6])
    assert np.linalg.det(reduced_basis(skewed[[1, 0, 2]])) > 0


def test_a_supercell_of_thousands_of_atoms_is_one_atom():
    steps = np.stack(np.meshgrid(*3 * [np.arange(13)], indexing="ij"), -1).reshape(-1, 3) / 13
    found = primitive_cell(Cell(39.0 * np.eye(3), steps.round(6), np.full(len(steps), 29)))
    assert len(found.numbers) == 1
    np.testing.assert_allclose(np.linalg.norm(found.lattice, axis=1), 3.0)
