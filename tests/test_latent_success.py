"""The benchmark of optimising a property: energies of formation, and the shares of starts that succeed."""

import numpy as np
import pytest

from crystalgrid.crystal import Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.worth.references import load_hull
from latent_success import Candidate, formation_energies, lowest_of_each, of_best, redressed

FCC = 2.8 * (np.ones((3, 3)) - np.eye(3))
SALT = Crystal(FCC, [[0, 0, 0], [0.5, 0.5, 0.5]], [11, 17])
COPPER = Crystal(FCC, [[0, 0, 0]], [29])


def test_elements_have_no_energy_of_formation() -> None:
    hull = load_hull("chgnet")
    alone = (hull.counts > 0).sum(axis=1) == 1
    of_element = dict(zip(hull.counts[alone].argmax(1).tolist(), hull.energies[alone].tolist(), strict=True))
    crystals = CrystalSet.from_crystals([COPPER, SALT, SALT])
    mean = (of_element[11] + of_element[17]) / 2
    energies = formation_energies(crystals, np.array([of_element[29], mean - 2, np.nan]))
    assert energies[:2] == pytest.approx([0, -2])
    assert np.isnan(energies[2])


def test_the_best_of_each_start_counts_and_starts_without_any_fail() -> None:
    candidates = [
        Candidate("a", SALT, 0.0, -1.0), Candidate("a", SALT, -1.0, -0.1), Candidate("b", COPPER, 0.0, -3.0),
    ]  # fmt: skip
    assert [c.energy for c in lowest_of_each(candidates, "energy")] == [-3.0, -1.0]
    assert sorted(c.energy for c in lowest_of_each(candidates, "predicted")) == [-3.0, -0.1]
    best = lowest_of_each(candidates, "energy")
    learned = CrystalSet.from_crystals([SALT])
    first, second, summary = of_best("best", best, {5: -2.0, 10: -1.0}, 4, learned)
    assert "SR5 25.0 %" in first
    assert "SR10 50.0 %" in second
    assert "new 1, different compositions 2" in summary


def test_other_elements_are_different_ones_and_keep_the_structure() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        other = redressed(SALT, np.array([3, 9, 35]), rng)
        assert len(set(other.numbers.tolist())) == 2
        assert set(other.numbers.tolist()) <= {3, 9, 35}
        assert other.frac_coords.tolist() == SALT.frac_coords.tolist()
