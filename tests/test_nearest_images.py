"""Nearest images: the shortest differences between atoms of periodic crystals, compared with a search of all images."""

import numpy as np
import pytest
import torch

import reference
from crystalgrid.geometry.lattices import reduced
from crystalgrid.geometry.nearest_images import mean_nearest_differences, nearest_translations
from zoo import ZOO, random_crystal

WIDTH = 0.5


@pytest.fixture(scope="module")
def bases() -> torch.Tensor:
    rng = np.random.default_rng(11)
    crystals = [*ZOO.values(), *(random_crystal(rng, 1) for _ in range(40))]
    return reduced(torch.from_numpy(np.stack([crystal.lattice for crystal in crystals]))).float()


@pytest.fixture(scope="module")
def frac_coords(bases) -> torch.Tensor:
    return torch.rand(len(bases), 4, 3, generator=torch.Generator().manual_seed(3))


def test_differences_are_the_shortest(bases, frac_coords):
    differences, lengths = mean_nearest_differences(frac_coords, bases, WIDTH)
    for b, basis in enumerate(bases.numpy()):
        expected, shortest = reference.mean_translations(frac_coords[b].numpy(), basis)
        np.testing.assert_allclose(lengths[b].numpy(), shortest, atol=1e-4)
        np.testing.assert_allclose(differences[b].numpy(), expected, atol=1e-3)


def test_rounding_does_not_choose_among_images_that_are_equally_near(bases):
    """Atoms half a lattice vector apart, as symmetry puts them."""
    exact = torch.cartesian_prod(*3 * [torch.tensor([0.0, 0.5])]).expand(len(bases), -1, -1)
    rounded = exact + 1e-7 * torch.randn(exact.shape, generator=torch.Generator().manual_seed(0))
    results = (mean_nearest_differences(coords, bases, WIDTH) for coords in (exact, rounded))
    for expected, got in zip(*results, strict=True):
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-3)


def test_translations_lead_to_the_nearest_image(bases, frac_coords):
    translations = nearest_translations(frac_coords, bases)
    assert (translations == translations.round()).all()
    differences = frac_coords.unsqueeze(2) - frac_coords.unsqueeze(1) - translations
    for b, basis in enumerate(bases.numpy()):
        _, shortest = reference.mean_translations(frac_coords[b].numpy(), basis)
        lengths = np.linalg.norm(differences[b].numpy() @ basis, axis=2)
        np.testing.assert_allclose(lengths, shortest, atol=1e-4)
