"""Shares and their intervals."""

import pytest
from scipy.stats import binomtest

from crystalgrid.worth.shares import Share, share


@pytest.mark.parametrize(("number", "n"), [(0, 7), (7, 7), (145, 200), (1, 1000)])
def test_intervals_are_wilsons(number: int, n: int) -> None:
    expected = binomtest(number, n).proportion_ci(method="wilson")
    assert Share(number, n).interval == pytest.approx(tuple(expected), abs=1e-6)


def test_a_share_reads_as_in_a_table() -> None:
    assert str(Share(145, 200)) == "72.5 % (65.9 to 78.2, n = 200)"
    assert share([True, 0, "x", ""]) == Share(2, 4)
    assert str(share([])) == "none to count"
