"""Splits are made by reduced formula and seed, and none is empty."""

import numpy as np
import pytest

from crystal_files import random_set
from crystalgrid import Crystal, InputError
from crystalgrid.data.crystalset import SPLITS, CrystalSet
from crystalgrid.data.split import reduced_formulas, split_by_formula


def test_reduced_formulas():
    ten = 10 * np.eye(3)
    numbers = ([11, 17], [17, 11, 11, 17], [8, 8], [22, 8, 8])
    crystals = CrystalSet.from_crystals(Crystal(ten, np.zeros((len(z), 3)), z) for z in numbers)
    assert reduced_formulas(crystals).tolist() == ["Na1Cl1", "Na1Cl1", "O1", "O2Ti1"]


def test_split_keeps_formulas_whole_and_near_the_shares():
    crystals = split_by_formula(random_set(4000, formulas=1500), seed=0)
    names = {split: set(reduced_formulas(crystals.split(split))) for split in SPLITS}
    assert not names["train"] & names["val"]
    assert not names["train"] & names["test"]
    assert not names["val"] & names["test"]
    total = sum(map(len, names.values()))
    assert len(names["train"]) / total == pytest.approx(0.8, abs=0.04)
    assert len(names["val"]) / total == pytest.approx(0.1, abs=0.03)


def test_split_depends_on_formula_and_seed_alone():
    crystals = random_set(400)
    whole = dict(zip(crystals.ids, split_by_formula(crystals, 3).splits, strict=True))
    part = split_by_formula(crystals[::-2], 3)
    assert all(whole[id] == split for id, split in zip(part.ids, part.splits, strict=True))
    assert split_by_formula(crystals, 4).splits.tolist() != list(whole.values())


@pytest.mark.parametrize("count", [3, 4, 8, 20])
@pytest.mark.parametrize("seed", range(10))
def test_small_sets_have_all_splits(count, seed):
    assert set(split_by_formula(random_set(count), seed).splits) == set(SPLITS)


def test_one_compound_is_split_by_id():
    polymorphs = CrystalSet.from_crystals(Crystal((3 + i / 10) * np.eye(3), [[0, 0, 0]], [6]) for i in range(30))
    assert set(split_by_formula(polymorphs, 0).splits) == set(SPLITS)


@pytest.mark.parametrize(("count", "splits"), [(0, set()), (1, {"train"}), (2, {"train", "test"})])
def test_tiny_sets(count, splits):
    assert set(split_by_formula(random_set(count), 0).splits) == splits


def test_given_splits_stay():
    crystals = random_set(20).with_splits(np.array(["val"] * 10 + [""] * 10, dtype="<U5"))
    splits = split_by_formula(crystals, 0).splits
    assert (splits[:10] == "val").all()
    assert set(splits) == set(SPLITS)


def test_unknown_split():
    with pytest.raises(InputError, match="split: wanted one of train, val, test, got 'valid'"):
        random_set(3).split("valid")
