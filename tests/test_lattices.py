"""Lattices: their shortest bases, and the six parameters that describe them."""

import numpy as np
import pytest
import torch

import reference
from crystalgrid.geometry.lattices import from_parameters, parameters, reduced
from zoo import ZOO, random_crystal


@pytest.fixture(scope="module")
def lattices() -> torch.Tensor:
    rng = np.random.default_rng(11)
    crystals = [*ZOO.values(), *(random_crystal(rng, 1) for _ in range(40))]
    return torch.from_numpy(np.stack([crystal.lattice for crystal in crystals]))


def test_reduced_bases_are_the_shortest_of_the_same_lattice(lattices):
    bases = reduced(lattices)
    steps = bases @ torch.linalg.inv(lattices)
    torch.testing.assert_close(steps, steps.round(), rtol=0, atol=1e-9)
    assert torch.allclose(torch.linalg.det(steps).abs(), torch.ones(len(steps), dtype=torch.float64))
    expected = np.stack([reference.shortest_translations(lattice) for lattice in lattices.numpy()])
    np.testing.assert_allclose(bases.norm(dim=2).numpy(), expected, rtol=1e-9)
    assert ((bases[:, :1] * bases[:, 1:]).sum(2) > -1e-9).all()


def test_parameters_do_not_depend_on_the_orientation(lattices):
    metric = lattices @ lattices.transpose(1, 2)
    rebuilt = from_parameters(parameters(lattices))
    torch.testing.assert_close(rebuilt @ rebuilt.transpose(1, 2), metric)
    assert (rebuilt.triu(1) == 0).all()
