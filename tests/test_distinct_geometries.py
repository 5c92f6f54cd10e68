"""The first of each and of those alike, beside comparing all with all."""

import pytest
import torch

import reference_generators as reference
from crystalgrid.nets.generators.distinct_geometries import first_of_alike
from crystalgrid.nets.generators.formula_candidates import first_of_each


@pytest.mark.parametrize("keys", [[], [7], [7, 7, 7], [3, -1, 3, 2**62, -1, 2**62, 0], [*range(5, -5, -1)]])
def test_the_first_of_each_key(keys: list[int]) -> None:
    assert first_of_each(torch.tensor(keys, dtype=torch.int64)).tolist() == reference.first_of_each(keys)


def test_the_first_of_each_of_many_keys() -> None:
    keys = torch.randint(-9, 9, (500,))
    assert first_of_each(keys).tolist() == reference.first_of_each(keys.tolist())


@pytest.mark.parametrize(
    ("keys", "marks"),
    [
        ([], []),
        ([1], [0.0]),
        ([1, 1, 1], [0.0, 0.0, 0.0]),
        ([1, 2, 1], [0.0, 0.0, 0.0]),
        ([1, 1, 1], [0.0, 0.75, 1.5]),  # the last is alike to one that is left out alone
        ([1, 1, 1, 1], [0.0, 1.0, 1.0625, -1.0]),  # a difference of `largest` is alike
    ],
)
def test_the_first_of_those_alike(keys: list[int], marks: list[float]) -> None:
    rows = [[1.0, mark] for mark in marks]
    got = first_of_alike(torch.tensor(keys), torch.tensor(rows, dtype=torch.float64).reshape(-1, 2), 1.0)
    assert got.tolist() == reference.first_of_alike(keys, rows, 1.0)


def test_the_first_of_many_alike() -> None:
    keys, marks = torch.randint(0, 4, (300,)), torch.randint(0, 12, (300, 2)).double()
    is_first = reference.first_of_alike(keys.tolist(), marks.tolist(), 3.0)
    assert first_of_alike(keys, marks, 3.0).tolist() == is_first
    assert 20 < sum(is_first) < 150
