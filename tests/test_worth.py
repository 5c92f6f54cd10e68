"""The benchmark of what crystals are worth: the choice among draws, and the table."""

import numpy as np

from worth import by_both, chosen, figures

COLUMNS = {
    "rank": np.arange(1, 5),
    "lemat_valid": np.array([True, True, False, True]),
    "same_as": np.array(["", "", "", "0"]),
    "known_as": np.array(["", "", "", ""]),
    "same_after": np.array([True, False, None, True]),
    "rms_moved": np.array([0.1, 0.3, None, 0.2]),
    "energy_above_hull": np.array([-0.01, -0.5, None, 0.05]),
    "doubtful": np.array(["", "0.50 eV/atom below the hull", "", ""]),
    "relax_error": np.array(["", "", "exploded", ""]),
}
"""Four crystals: stable, doubtful, failed and invalid, metastable but not unique."""


def test_the_best_of_each_group_is_chosen() -> None:
    assert chosen([3, 1, 2, 9, 8, 7, 0], 3) == [1, 5]


def test_what_failed_or_is_doubtful_counts_against() -> None:
    found = figures(COLUMNS, [1.0, 2.0, 6.0])
    assert found["≤ 0.1 eV/atom"].startswith("50.0 %")
    assert found["M.S.U.N."].startswith("25.0 %")
    assert found["S.U.N."] == found["failed"] == found["doubtful"]
    assert (found["RMS moved, median, Å"], found["median seconds"]) == ("0.200", "2.0")


def test_the_worse_of_two_potentials_counts() -> None:
    columns = {**COLUMNS, "doubtful": np.array([""] * 4), "lemat_valid": np.array([True] * 4)}
    found = by_both(columns, np.array([0.05, -0.1, -0.1, np.nan]), "7net-0")
    assert found["≤ 0.1 eV/atom by 7net-0"].startswith("75.0 %")
    assert found["M.S.U.N. by 7net-0"].startswith("75.0 %")
    assert found["S.U.N. by 7net-0"].startswith("50.0 %")
    assert (found["M.S.U.N. by both"][:6], found["S.U.N. by both"][:6]) == ("50.0 %", "25.0 %")
    assert found["difference, median, eV/atom"] == "0.230"


def test_a_doubtful_crystal_is_stable_by_no_potential() -> None:
    found = by_both(COLUMNS, np.full(4, -0.1), "7net-0")
    assert found["≤ 0 by 7net-0"].startswith("75.0 %")
    assert found["S.U.N. by 7net-0"].startswith("25.0 %")
