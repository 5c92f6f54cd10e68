"""The fit of the rank of candidates for a formula, on choices whose weights are known, and on crystals."""

import numpy as np
import pytest

import crystalgrid as cg
from crystalgrid.artifacts.checkpoint import best, last, read_checkpoint
from crystalgrid.artifacts.released import load_released, write_weights
from crystalgrid.crystal import Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.parquet import write_parquet
from crystalgrid.generation.conditions import read_conditions
from crystalgrid.nets.generators.rank_weights import RankWeights
from crystalgrid.training.rank_fit import SPREAD, Choice, fit_rank
from small_crystal_generator import train_small

pytestmark = pytest.mark.usefixtures("no_gpu")


def choices_by(weights: RankWeights, number: int, rng: np.random.Generator) -> list[Choice]:
    """Return choices that were made at random with the odds that weights give."""
    choices = []
    for _ in range(number):
        is_new = rng.random(12) < 0.3
        root = np.where(is_new, 0.0, rng.random(12))
        features = np.stack((rng.normal(-20, 5, 12), root, is_new, rng.random(12) < 0.1), 1).astype(float)
        odds = np.exp(features @ weights)
        choices.append(Choice(features, int(rng.choice(12, p=odds / odds.sum()))))
    return choices


def test_the_weights_by_which_was_chosen_are_found() -> None:
    true = RankWeights(0.2, -3.0, -4.0, 2.0)
    fitted = fit_rank(choices_by(true, 3000, np.random.default_rng(0)), RankWeights())
    assert np.array(fitted) == pytest.approx(np.array(true), abs=0.3)
    assert fitted.likelihood == pytest.approx(0.2, abs=0.02)


def test_without_choices_the_weights_stay_and_one_changes_them_little() -> None:
    before = RankWeights()
    assert fit_rank([], before) == before
    changed = fit_rank(choices_by(RankWeights(0.2, -3.0, -4.0, 2.0), 1, np.random.default_rng(1)), before)
    assert (np.abs(np.array(changed) - before) < SPREAD).all()


def perovskite(a: int, b: int) -> Crystal:
    """Return a cubic oxide with the large site for one element and the octahedron for another."""
    points = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    return Crystal(4.0 * np.eye(3), points, [a, b, 8, 8, 8])


def test_where_a_second_crystal_of_a_formula_is_another_one_a_known_one_ranks_below_it(tmp_path) -> None:
    pairs = [(a, b) for a in range(20, 27) for b in range(38, 43)]
    crystals = CrystalSet.from_crystals([crystal for a, b in pairs for crystal in (perovskite(a, b), perovskite(b, a))])
    write_parquet(tmp_path / "pairs.parquet", crystals.with_splits(np.array(["train", "val"] * len(pairs))))
    train_small(tmp_path / "run", tmp_path / "pairs.parquet", 4)
    model = cg.load(tmp_path / "run")
    rank = model.metadata.rank
    assert rank.known_crystal < -2
    assert model.network.rank_weights == list(rank)
    assert model.network.new_share == pytest.approx(0.14 * 50 / (50 + len(pairs)))  # all have the one known type
    assert {read_checkpoint(path(tmp_path / "run")).info.rank for path in (best, last)} == {rank}
    given = read_conditions({"formula": "CaZrO3"})
    assert model.network.likeliest(1, given, model.plan(given)).same_as == -1

    (tmp_path / "released").mkdir()
    write_weights(tmp_path / "run", tmp_path / "released")
    network, info = load_released(tmp_path / "released")
    assert (network.rank_weights, info.rank) == (list(rank), rank)
    assert network.new_share == model.network.new_share
    train_small(tmp_path / "further", tmp_path / "pairs.parquet", 1, start=str(tmp_path / "run"), recipe=None)
    assert cg.load(tmp_path / "further").metadata.rank.known_crystal < rank.known_crystal
