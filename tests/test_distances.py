"""Spacings and distances between distributions, by hand."""

import itertools

import numpy as np
import pytest
import torch

from crystalgrid.atoms import Atoms
from crystalgrid.report.distances import (
    nearest_neighbours,
    neighbours_in_crystal,
    neighbours_in_cubes,
    total_variation,
    wasserstein,
)
from zoo import ZOO


def test_each_atom_has_its_nearest_in_its_own_cube():
    positions = torch.tensor([[0.0, 0, 0], [3, 4, 0], [3, 4, 1], [3, 4, 1.5]], dtype=torch.float64)
    atoms = Atoms(positions, torch.ones(4, dtype=torch.int64), torch.tensor([0, 3, 3, 4]), torch.ones(4))
    spaced = neighbours_in_cubes(atoms)
    np.testing.assert_allclose(spaced[0], [5, 1, 1])
    assert [len(cube) for cube in spaced] == [3, 0, 0]  # nothing, and one that is alone
    assert len(nearest_neighbours(np.zeros((0, 3)))) == 0


@pytest.mark.parametrize("name", ZOO)
def test_images_are_neighbours_too(name):
    """The reference takes distances to all atoms of a block of 7 × 7 × 7 cells around the cell."""
    crystal, cutoff = ZOO[name], 6.0
    steps = np.array(list(itertools.product(range(-3, 4), repeat=3)))
    inside = crystal.frac_coords - np.floor(crystal.frac_coords)
    block = (inside + steps[:, None]).reshape(-1, 3) @ crystal.lattice
    distances = np.linalg.norm(inside @ crystal.lattice - block[:, None], axis=2)
    expected = np.where(distances > 1e-6, distances, cutoff).min(axis=0).clip(max=cutoff)
    np.testing.assert_allclose(neighbours_in_crystal(crystal, cutoff), expected, atol=1e-6)


def test_wasserstein_of_shifted_and_of_unequal_samples():
    values = np.random.default_rng(0).normal(size=200)
    assert wasserstein(values, values) == 0
    assert wasserstein(values, values + 0.3) == pytest.approx(0.3)
    assert wasserstein(values, np.repeat(values, 3)) == pytest.approx(0, abs=1e-12)
    assert wasserstein(np.array([0.0]), np.array([1.0, 3.0])) == pytest.approx(2)
    assert wasserstein(values, np.zeros(0)) is None


def test_total_variation_from_same_to_disjoint():
    values = np.array([1.05, 2.05, 2.06])
    assert total_variation(values, values) == 0
    assert total_variation(values, values + 5) == pytest.approx(1)
    assert total_variation(values, np.array([1.05])) == pytest.approx(2 / 3)
    assert total_variation(values, np.zeros(0)) is None
