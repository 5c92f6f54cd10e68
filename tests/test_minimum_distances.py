"""Minimum distances: how they are estimated, and that they push apart atoms that are too near, and no others."""

import pytest
import torch

from crystalgrid.geometry.orbits import Orbits
from crystalgrid.nets.generators.minimum_distances import MinimumDistances
from padded_crystals import to_crystals


def test_minimum_distances_are_the_tenth_percentile_or_sums_of_radii():
    minimum, count = MinimumDistances(), 1001
    oxygen = torch.linspace(2, 3, count)[torch.randperm(count)]
    calcium = torch.full((count,), 3.4)
    species = torch.tensor([8]).repeat(count), torch.tensor([20]).repeat(count)
    minimum.fit(torch.cat(species), torch.cat(species), torch.cat((oxygen, calcium)))
    assert minimum.minimum[8, 8] == pytest.approx(2.1, abs=0.01)
    assert minimum.minimum[20, 20] == pytest.approx(3.4, abs=0.01)
    assert minimum.minimum[8, 20] == minimum.minimum[20, 8] == pytest.approx((2.1 + 3.4) / 2, abs=0.01)
    assert minimum.minimum[8, 40] == pytest.approx(2.1 / 2 + 1.3, abs=0.01)


def without_symmetry(count: int, atoms: int) -> Orbits:
    """Return orbits of one atom each, which may be anywhere."""
    identity = torch.eye(3).expand(count, atoms, 3, 3)
    orbit, space_group = torch.arange(atoms).expand(count, -1), torch.ones(count).long()
    return Orbits(
        identity, identity, torch.zeros(count, atoms, 3), orbit, torch.eye(6).expand(count, 6, 6), space_group
    )


@torch.no_grad()
def test_atoms_that_are_too_near_are_pushed_apart_and_no_others():
    minimum = MinimumDistances()
    minimum.minimum.fill_(2.0)
    lattice = torch.tensor([[6.0, 0, 0], [2.9, 5, 0], [2.9, 1.6, 5]]).expand(2, 3, 3)  # images across edges are nearest
    far = torch.tensor([[0, 0, 0], [0.45, 0.45, 0.45], [0.5, 0, 0]])
    near = torch.tensor([[0.02, 0.02, 0.98], [0.98, 0.05, 0.05], [0.5, 0.5, 0.5]])
    frac_coords, numbers = torch.stack((far, near)), torch.tensor([[8, 8, 8], [8, 20, 0]])
    pushed = minimum(frac_coords, lattice, numbers, without_symmetry(2, 3))
    torch.testing.assert_close(pushed[0], far)
    torch.testing.assert_close(pushed[1, 2], near[2])
    torch.testing.assert_close(pushed[1, :2].mean(0), near[:2].mean(0))
    before, after = (to_crystals(lattice, x, numbers)[1].to_pymatgen() for x in (frac_coords, pushed))
    assert before.get_distance(0, 1) < 0.7
    assert after.get_distance(0, 1) == pytest.approx(2.0, abs=0.01)


def test_the_least_distance_is_that_of_clamping_after_the_root():
    """The order of clamp and root matters for gradients alone; single precision rounds both alike."""
    squares = torch.cat((torch.zeros(1), torch.logspace(-9, -3, 100_001), torch.tensor([1e-6])))
    assert torch.equal(squares.clamp_min(1e-6).sqrt(), squares.sqrt().clamp_min(1e-3))
