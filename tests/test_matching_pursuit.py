"""Matching pursuit: the atoms of a density are found and fitted, and no others."""

import numpy as np
import pytest
import torch

import reference
from atoms_in_cube import GRID, as_crystal, density_of, random_atoms
from crystalgrid.data.cubes import evaluation_cubes
from crystalgrid.data.load import load_crystals
from crystalgrid.nets.autoencoders.matching_pursuit import (
    CLOSEST,
    MatchingPursuit,
    gaussians,
    normal_equations,
    overlapped,
)
from crystalgrid.report.metrics import true_atoms

PURSUIT = MatchingPursuit(GRID.n, 75)


def assert_are(positions: torch.Tensor, weights: torch.Tensor, expected: np.ndarray, numbers: np.ndarray) -> None:
    """Assert that what was found in one cube are these atoms, in any order, and no others."""
    found = positions[weights > 0].numpy()
    assert len(found) == len(expected)
    distances = np.linalg.norm(expected[:, None] - found, axis=2)
    nearest = distances.argmin(1)
    assert sorted(nearest) == list(range(len(found)))
    assert distances.min(1).max() < 0.01
    assert weights[weights > 0].round().numpy()[nearest].tolist() == numbers.tolist()


@torch.no_grad()
@pytest.mark.parametrize(("count", "apart"), [(1, 0), (2, 1.0), (5, 1.2), (12, 1.5), (30, 1.5), (60, 1.8)])
def test_atoms_anywhere_are_found(count, apart):
    atoms = [random_atoms(np.random.default_rng((count, i)), count, apart) for i in range(6)]
    found = PURSUIT(torch.cat([density_of(*cube_atoms) for cube_atoms in atoms]))
    for positions, weights, expected in zip(*found, atoms, strict=True):
        assert_are(positions, weights, *expected)


@torch.no_grad()
def test_atoms_of_real_crystals_are_found():
    crystals = load_crystals("prototypes", mode="single", grid=GRID)
    cubes = evaluation_cubes(crystals, "single", GRID, seed=0, per_crystal=1)
    for part in cubes:
        for positions, weights, true in zip(*PURSUIT(part.density(GRID)), true_atoms(part, GRID), strict=True):
            assert_are(positions, weights, true.positions, true.numbers)


@torch.no_grad()
@pytest.mark.parametrize(("heavy", "distance"), [(8, 0.97), (6, 1.09), (17, 1.27), (40, 1.8)])
def test_hydrogen_is_found_beside_what_it_is_bound_to(heavy, distance):
    positions = np.array([[5.1, 4.8, 5.2], [5.1, 4.8, 5.2 + distance], [2.0, 7.0, 3.0]])
    numbers = np.array([heavy, 1, 26])
    (found,), (weights,) = PURSUIT(density_of(positions, numbers))
    assert_are(found, weights, positions, numbers)


@torch.no_grad()
def test_gaussians_are_the_density():
    positions, numbers = random_atoms(np.random.default_rng(3), 7, 0.2)
    expected = reference.voxelize(as_crystal(positions, numbers), GRID, np.zeros(3), periodic=False)
    found = gaussians(torch.from_numpy(positions)[None], torch.from_numpy(numbers)[None].double(), PURSUIT.voxels)
    np.testing.assert_allclose(found[0].numpy(), expected, atol=1e-12)


@torch.no_grad()
def test_normal_equations_are_those_of_differences():
    rng = np.random.default_rng(4)
    positions, numbers = random_atoms(rng, 4, 0.5)
    residual = rng.standard_normal((30, 30, 30))
    tensors = [torch.from_numpy(x)[None].double() for x in (residual, positions, numbers)]
    squares, gradient = normal_equations(*tensors, PURSUIT.voxels)
    expected = reference.normal_equations(residual, positions, numbers, GRID)
    np.testing.assert_allclose(squares[0].numpy(), expected[0], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(gradient[0].numpy(), expected[1], rtol=1e-6, atol=1e-7)


@torch.no_grad()
def test_of_two_that_overlap_the_lighter_goes():
    positions = torch.tensor([[[1.0, 1, 1], [1, 1, 1.4], [1, 1, 5], [1, 1, 5], [1, 1, 1.2]]])
    weights = torch.tensor([[3.0, 8, 2, 2, 0]])
    assert overlapped(positions, weights).tolist() == [[True, False, False, True, True]]
    apart = torch.tensor([[[1.0, 1, 1], [1, 1, 1 + 1.01 * CLOSEST]]])
    assert not overlapped(apart, torch.ones(1, 2)).any()


@torch.no_grad()
def test_with_too_few_places_the_heaviest_are_found():
    positions, numbers = random_atoms(np.random.default_rng(5), 6, 2.5)
    numbers = np.array([10, 60, 20, 50, 30, 40])
    found, weights = MatchingPursuit(GRID.n, 3)(density_of(positions, numbers))
    near = np.linalg.norm(positions[:, None] - found[0].numpy(), axis=2).min(1) < 0.3
    assert near.tolist() == [False, True, False, True, False, True]
    assert found.shape == (1, 3, 3)
    assert weights.shape == (1, 3)


@torch.no_grad()
def test_nothing_is_found_in_nothing():
    positions, weights = PURSUIT(torch.zeros(2, 30, 30, 30))
    assert not weights.any()
    assert torch.isfinite(positions).all()


@torch.no_grad()
def test_what_is_found_does_not_depend_on_the_other_cubes():
    atoms = [random_atoms(np.random.default_rng((9, i)), count, 1.5) for i, count in enumerate((3, 40, 11))]
    density = torch.cat([density_of(*cube_atoms) for cube_atoms in atoms])
    for i, (positions, weights) in enumerate(zip(*PURSUIT(density), strict=True)):
        alone, same = PURSUIT(density[i : i + 1])
        is_atom = weights > 0
        torch.testing.assert_close(weights[is_atom], same[0][same[0] > 0], rtol=1e-6, atol=0)
        torch.testing.assert_close(positions[is_atom], alone[0][same[0] > 0], rtol=0, atol=1e-6)
