"""Derivative features: values, slopes and curvatures of deblurred densities at each voxel."""

import numpy as np
import pytest
import torch

import reference
from atoms_in_cube import GRID, density_of
from crystalgrid.geometry.blur import LENGTH, MARGIN, SPACING, blur_matrix
from crystalgrid.nets.segmentation.derivatives import (
    NOISE,
    DerivativeFeatures,
    derivatives,
    standardised,
    value_and_derivatives,
)

FEATURES = DerivativeFeatures(GRID.n)
VOXELS = reference.voxel_centres(GRID).reshape(30, 30, 30, 3)


def channels(density: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return value, distance and curvature at each width [W, n, n, n], and the peak [n, n, n], of one cube."""
    seen = torch.cat(FEATURES(density))
    return {
        "value": (0.8 * seen[0:-1:3] + 3.3).sinh(),
        "distance": 0.15 * seen[1:-1:3] + 0.3,
        "curvature": 0.3 * seen[2:-1:3] - 0.5,
        "peak": (0.8 * seen[-1] + 3.3).sinh(),
    }


@torch.no_grad()
@pytest.mark.parametrize("number", [1, 8, 92])
@pytest.mark.parametrize("position", [(5.1, 4.8, 5.3), (0.2, 5.0, 9.9)])
def test_an_atom_alone_is_told_from_any_voxel_of_it(number, position):
    """The width of Eq. (1) itself is nearly exact; sharper widths have lost their finest blur modes."""
    seen = channels(density_of(np.array([position]), np.array([number])))
    away = np.linalg.norm(VOXELS - position, axis=-1)
    of_it = torch.from_numpy(away < 0.5)
    assert of_it.any()
    distance = torch.from_numpy(away[away < 0.5]).float()
    for i, (width, within) in enumerate(zip(NOISE, (0.01, 0.05, 0.25, 0.15), strict=True)):
        value = number * torch.exp(-distance.square() / (2 * width**2))
        assert (seen["value"][i][of_it] / value - 1).abs().max() < 2 * within
        torch.testing.assert_close(seen["distance"][i][of_it], distance, rtol=0, atol=within)
        torch.testing.assert_close(seen["curvature"][i][of_it], -torch.ones(len(distance)), rtol=0, atol=2 * within)
    assert (seen["peak"][of_it] / number - 1).abs().max() < 0.2


@torch.no_grad()
def test_neighbours_show_in_the_curvature():
    """Between two atoms the density falls less than beside one."""
    seen = channels(density_of(np.array([[5.0, 5.0, 4.2], [5.0, 5.0, 5.8]]), np.array([8, 8])))
    assert (seen["curvature"][0][14:16, 14:16, 14:16] > -0.8).all()


@torch.no_grad()
def test_everything_is_finite_and_of_moderate_size():
    noise = torch.rand(2, 30, 30, 30, generator=torch.Generator().manual_seed(0))
    for density in (torch.zeros(1, 30, 30, 30), noise, 1e4 * noise, density_of(np.array([[5.0] * 3]), np.array([1]))):
        seen = torch.stack(FEATURES(density), 1)
        assert seen.shape == (len(density), DerivativeFeatures.channels, 30, 30, 30)
        assert torch.isfinite(seen).all()
        assert seen.abs().max() < 30


@torch.no_grad()
def test_derivatives_are_those_of_the_sum_of_modes():
    rng = np.random.default_rng(0)
    coefficients, modes = rng.standard_normal((4, 4, 4)), rng.standard_normal((3, 4, 6))
    found = value_and_derivatives(*(torch.from_numpy(x) for x in (coefficients[None], modes)))
    expected = reference.value_and_derivatives(coefficients, modes)
    for got, reference_values in zip(found, expected, strict=True):
        np.testing.assert_allclose(got[0].numpy(), reference_values, rtol=1e-12)


@pytest.mark.parametrize("width", NOISE)
def test_axis_derivatives_are_those_of_differences(width):
    """Compare derivatives with differences: to move all points by a step is to move the voxels back."""
    step = SPACING
    plain, first, second = derivatives(30, width)
    wide = blur_matrix(30, width)
    torch.testing.assert_close(plain, wide, rtol=0, atol=0)
    ahead, behind = wide[:, :-2], wide[:, 2:]  # at a voxel a step further, and a step before
    torch.testing.assert_close(first[:, 1:-1], (ahead - behind) / (2 * step), rtol=0, atol=0.02 / width**3)
    torch.testing.assert_close(
        second[:, 1:-1], (ahead - 2 * wide[:, 1:-1] + behind) / step**2, rtol=0, atol=0.02 / width**4
    )
    assert wide.shape[1] == (LENGTH + 2 * MARGIN) / SPACING + 1


def test_standardised_numbers_are_in_units_of_their_deviation():
    assert standardised(torch.tensor([1.0, 3.0]), 1.0, 0.5).tolist() == [0, 4]
