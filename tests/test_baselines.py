"""The baselines of element swaps, and the logs that let benchmarks go on."""

from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest

from baselines import Swaps, cell_of, swap_draws
from crystalgrid.crystal import Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.errors import InputError
from crystalgrid.worth.distances import atomic_radii
from crystalgrid.worth.journal import rows_of
from direct_match import is_direct_match
from energy_ranking import orders
from prediction import MATCHER, TOLERANCES, different, in_order, score
from zoo import PEROVSKITE, lattice_of

FCC = 2.8 * (np.ones((3, 3)) - np.eye(3))
SALT = Crystal(FCC, [[0, 0, 0], [0.5, 0.5, 0.5]], [11, 17])
BLENDE = Crystal(FCC, [[0, 0, 0], [0.25, 0.25, 0.25]], [30, 16])
TRAINING = CrystalSet.from_crystals([BLENDE, PEROVSKITE, SALT, Crystal(FCC, [[0, 0, 0]], [29])])


def test_the_chemically_nearest_comes_first_and_its_cell_is_scaled() -> None:
    first, second = Swaps(TRAINING).ranked(((19, 1), (35, 1)), np.random.default_rng(0))
    assert first.numbers.tolist() == [19, 35]  # potassium where sodium was, bromine where chlorine was
    assert first.frac_coords.tolist() == SALT.frac_coords.tolist()
    radii = atomic_radii() ** 3
    ratio = np.linalg.det(first.lattice) / np.linalg.det(SALT.lattice)
    assert ratio == pytest.approx((radii[19] + radii[35]) / (radii[11] + radii[17]))
    assert second.frac_coords.tolist() == BLENDE.frac_coords.tolist()
    assert list(Swaps(TRAINING).ranked(((3, 7), (8, 9)), np.random.default_rng(0))) == []


def test_training_crystals_of_the_composition_come_last() -> None:
    first, last = Swaps(TRAINING).ranked(((11, 1), (17, 1)), np.random.default_rng(0))
    assert first.frac_coords.tolist() == BLENDE.frac_coords.tolist()
    assert last.numbers.tolist() == SALT.numbers.tolist()
    assert last.lattice == pytest.approx(SALT.lattice)


def test_counts_are_kept_whatever_their_order() -> None:
    (crystal,) = Swaps(TRAINING).ranked(((9, 3), (19, 1), (12, 1)), np.random.default_rng(0))
    assert cell_of(crystal.numbers) == ((12, 1), (19, 1), (9, 3))
    assert crystal.numbers.tolist() == [19, 12, 9, 9, 9]  # potassium for strontium, magnesium for titanium
    in_random_order = Swaps(TRAINING).ranked(((19, 1), (35, 1)), np.random.default_rng(0), by_likeness=False)
    assert sorted(len(crystal) for crystal in in_random_order) == [2, 2]


def test_draws_have_neighbours_of_training_elements_and_depend_on_the_seed_alone() -> None:
    draws, again, other = (swap_draws(TRAINING, 40, seed) for seed in (3, 3, 4))
    as_lists = [[crystal.numbers.tolist() for crystal in crystals] for crystals in (draws, again, other)]
    assert as_lists[0] == as_lists[1] != as_lists[2]
    elements = set(TRAINING.numbers.tolist())
    assert {z for numbers in as_lists[0] for z in numbers} <= elements
    changed = [len(draw) for draw in draws if draw.numbers.tolist() not in [c.numbers.tolist() for c in TRAINING]]
    assert changed  # copper and zinc are neighbours, and oxygen and sulphur are
    assert all(np.linalg.det(draw.lattice) > 0 for draw in draws)


def test_a_direct_match_is_one_of_structure_matcher() -> None:
    rng = np.random.default_rng(0)
    n_direct = 0
    for _ in range(60):
        points = PEROVSKITE.frac_coords + rng.normal(0, 0.08, (5, 3)) + rng.random(3)
        axes = np.diag(rng.choice([-1, 1], 3))[rng.permutation(3)]
        lattice = PEROVSKITE.lattice + rng.normal(0, 0.3, (3, 3))
        crystal = Crystal(axes @ lattice, points @ axes.T, PEROVSKITE.numbers)
        if is_direct_match(PEROVSKITE, crystal, TOLERANCES):
            n_direct += 1
            assert MATCHER.fit(PEROVSKITE.to_pymatgen(), crystal.to_pymatgen())
    assert 20 < n_direct < 60
    exchanged = Crystal(PEROVSKITE.lattice, PEROVSKITE.frac_coords, PEROVSKITE.numbers[[1, 0, 2, 3, 4]])
    assert not is_direct_match(PEROVSKITE, exchanged, TOLERANCES)


def test_structures_that_match_are_predicted_once() -> None:
    stretched = Crystal(1.3 * FCC, SALT.frac_coords + 0.1, SALT.numbers)
    other_cell = Crystal(np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1]]) @ FCC, [[0, 0, 0], [0.5, 0, 0.5]], SALT.numbers)
    like_cscl = Crystal(3.4 * np.eye(3), SALT.frac_coords, SALT.numbers)
    kept = different([SALT, stretched, other_cell, like_cscl, SALT], 20)
    assert [crystal is expected for crystal, expected in zip(kept, (SALT, like_cscl), strict=True)] == [True, True]
    assert different([SALT, like_cscl], 1) == [SALT]


def test_scores_are_dimensionless_and_broken_predictions_do_not_count() -> None:
    moved = Crystal(2 * FCC, [[0, 0, 0.02], [0.5, 0.5, 0.5]], SALT.numbers)
    cube = lattice_of(4, 4, 4, 90, 90, 90)
    collapsed = Crystal(cube, [[0, 0, 0], [0.05, 0, 0]], SALT.numbers)
    exact, near, missed = score(SALT, [SALT, moved, collapsed])
    assert exact == pytest.approx(0, abs=1e-6)
    assert 0.005 < near < 0.05
    assert missed is None


def test_a_log_goes_on_where_it_was_cut(tmp_path) -> None:
    log, made = tmp_path / "log.jsonl", []

    def make(ids: list[str]) -> Iterator[dict]:
        for id in ids:
            made.append(id)
            yield {"length": len(id)}

    rows = rows_of(log, {"seed": 1}, ["a", "bb", "ccc"], make, "x")
    log.write_text(log.read_text()[:-5])
    assert rows_of(log, {"seed": 1}, ["a", "bb", "ccc", "dddd"], make, "x") == rows | {"dddd": {"length": 4}}
    assert made == ["a", "bb", "ccc", "ccc", "dddd"]
    with pytest.raises(InputError, match="holds results of"):
        rows_of(log, {"seed": 2}, ["a"], make, "x")
    assert list(islice(made, 5, None)) == []


def test_predictions_have_orders_by_likelihood_and_energy() -> None:
    """The first is likeliest but third by energy, the last cannot be relaxed."""
    energies = [-1.0, -3.0, -2.0, float("inf")]
    assert orders(energies) == {
        "by likelihood": [0, 1, 2, 3],
        "by energy": [1, 2, 0, 3],
        "by likelihood and energy": [1, 0, 2, 3],
    }
    row = {"energies": energies, "rms_relaxed": [0.1, 0.2, None, 0.4]}
    assert in_order(row, "by energy")["rms"] == [0.2, None, 0.1, 0.4]
