"""The grid: what it is, and what is refused."""

import pytest

from crystalgrid import Grid, InputError


def test_defaults_are_those_of_the_paper() -> None:
    assert Grid() == Grid(n=30, length=10.0, sigma=1.0)
    assert Grid().spacing == pytest.approx(1 / 3)
    assert Grid(n=7, length=3.5).spacing == 0.5


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
