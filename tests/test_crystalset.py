"""Sets of crystals: made, cut, batched, concatenated, and their checksum."""

import pickle

import numpy as np
import pytest

from crystal_files import random_set
from crystalgrid.crystal import Crystal, pack
from crystalgrid.data.crystalset import CrystalSet, fractional
from crystalgrid.data.split import split_by_formula
from crystalgrid.errors import InputError


def test_set_is_a_sequence_of_crystals():
    crystals = random_set(5)
    listed = list(crystals)
    assert len(crystals) == len(listed) == 5
    np.testing.assert_array_equal(crystals[-1].frac_coords, listed[4].frac_coords)
    with pytest.raises(IndexError):
        crystals[5]


@pytest.mark.parametrize("index", [[3, 0, 3], slice(1, 4), np.array([True, False, True, False, True]), []])
def test_subset_and_batch_are_the_chosen_crystals(index):
    crystals = random_set(5)
    chosen = [crystals[int(i)] for i in np.arange(5)[index]]
    for packed in (crystals.batch(index), pack(list(crystals[index]))):
        for actual, expected in zip(packed, pack(chosen), strict=True):
            assert actual.dtype == expected.dtype
            np.testing.assert_array_equal(actual, expected)


def test_a_set_is_made_of_crystals():
    listed = list(random_set(3))
    crystals = CrystalSet.from_crystals(listed)
    assert crystals.ids.tolist() == ["0", "1", "2"]
    assert crystals.splits.tolist() == ["", "", ""]
    np.testing.assert_array_equal(crystals[1].frac_coords, listed[1].frac_coords)
    assert CrystalSet.from_crystals(iter(listed), iter("abc")).ids.tolist() == ["a", "b", "c"]
    assert len(CrystalSet.from_crystals([])) == 0
    with pytest.raises(InputError, match="ids: wanted one for each of 3 crystals, got 2"):
        CrystalSet.from_crystals(listed, "ab")


def test_sets_are_concatenated():
    crystals = random_set(5)
    joined = CrystalSet.concatenate([crystals[:2], crystals[:0], crystals[2:]])
    assert joined.checksum == crystals.checksum
    assert joined.ids.tolist() == crystals.ids.tolist()
    assert len(CrystalSet.concatenate([])) == 0


def test_pickles():
    crystals = random_set(5)
    assert pickle.loads(pickle.dumps(crystals)).checksum == crystals.checksum


def test_checksum_is_of_the_content():
    assert random_set(5).checksum == random_set(5).checksum
    assert random_set(5).checksum != random_set(5, seed=1).checksum
    assert random_set(5).checksum != split_by_formula(random_set(5), seed=0).checksum
    crystals = CrystalSet.from_crystals([Crystal(4 * np.eye(3), [[0, 0.25, 0.5]], [11])])
    assert crystals.checksum == "a0f28dc7052cb608189a13ef1d8db2c1edb689a14b031969aaefb7bbc34b74ab"


def test_wrapping_moves_by_whole_cells_and_leaves_rounded_zeros():
    frac_coords = np.array([[-1e-8, 1 - 1e-8, 0.3], [3.2, -0.7, -2.0]])
    wrapped = CrystalSet.from_crystals([Crystal(4 * np.eye(3), frac_coords, [11, 17])]).wrapped()
    np.testing.assert_allclose(wrapped.frac_coords, [[-1e-8, -1e-8, 0.3], [0.2, 0.3, 0]], atol=1e-12)


def test_fractional_is_the_inverse():
    crystals = random_set(20)
    positions = np.concatenate([c.positions for c in crystals])
    np.testing.assert_allclose(
        fractional(positions, crystals.lattice, crystals.crystal_of_atom), crystals.frac_coords, atol=1e-13
    )
