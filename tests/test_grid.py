"""The grid: where its voxels are, and which grids are refused."""

import warnings

import numpy as np
import pytest
import torch

from crystalgrid import Crystal, Grid, InputError, voxelize
from crystalgrid.grid import DEFAULT_GRID


def test_voxels_are_where_the_spacing_puts_them() -> None:
    """A narrow Gaussian fills the voxel whose centre, by the spacing, is where the atom is."""
    grid = Grid(n=7, length=3.5, sigma=0.1)
    crystal = Crystal(10 * np.eye(3), [np.array([0.5, 2.5, 5.5]) * grid.spacing / 10], [1])
    density = voxelize([crystal], grid, periodic=False)[0]
    assert np.unravel_index(int(density.argmax()), density.shape) == (0, 2, 5)
    assert float(density.sum()) * grid.spacing**3 > 1  # a voxel is wider than the Gaussian, whose peak it holds


def test_the_default_is_the_cube_of_the_paper() -> None:
    """The default has 30 voxels along 10 Å (section 3.1), and functions take it where no grid is given."""
    crystal = Crystal(4 * np.eye(3), [[0.1, 0.2, 0.3]], [8])
    assert torch.equal(voxelize([crystal]), voxelize([crystal], Grid(30, 10.0, 1.0)))
    assert DEFAULT_GRID.spacing == pytest.approx(1 / 3)


def test_a_grid_is_hashable_and_cannot_be_changed() -> None:
    assert len({Grid(), Grid(30), Grid(31)}) == 2
    with pytest.raises(AttributeError):
        Grid().n = 3


@pytest.mark.parametrize("n", [0, -1, 1025, 30.0, float("nan"), True, "30", None])
def test_bad_n_is_refused(n: object) -> None:
    with pytest.raises(InputError, match="Grid: n must be a whole number from 1 to 1024, got"):
        Grid(n=n)


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), "10", None])
@pytest.mark.parametrize("name", ["length", "sigma"])
def test_bad_length_and_sigma_are_refused(name: str, value: object) -> None:
    with pytest.raises(InputError, match=f"Grid: {name} must be a positive number of Å, got"):
        Grid(**{name: value})


@pytest.mark.parametrize("options", [{"length": 1}, {"length": 1.9}, {"sigma": 0.1}, {"n": 4, "sigma": 1}])
def test_grids_that_cannot_show_atoms_are_warned_of(options: dict[str, float]) -> None:
    with pytest.warns(UserWarning, match="Grid: a cube of .* cannot show atoms") as caught:
        Grid(**options)
    assert "\n" not in str(caught[0].message)


def test_the_grids_of_models_are_not_warned_of() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for options in ({}, {"sigma": 0.5}, {"length": 5}, {"n": 12}, {"n": 6, "length": 2.0}):
            Grid(**options)
