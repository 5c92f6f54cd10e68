"""Intervals of metrics: what they are of, how wide they are, and that they can be repeated."""

import numpy as np
import pytest
import torch

from crystalgrid.report import intervals as module
from crystalgrid.report.intervals import intervals
from crystalgrid.report.metrics import Region


def region_of(rng: np.random.Generator, n_cubes: int, independent: bool = True) -> Region:
    """Return counts of cubes, three to a crystal, which are copies of one another unless they are independent."""
    region = Region()
    for cube in range(n_cubes):
        if independent or cube % 3 == 0:
            n_found, n_true = rng.integers(1, 9, 2)
            arguments = (
                rng.random(n_found),
                rng.integers(1, 9, n_found),
                rng.integers(1, 9, n_found),
                rng.random(n_true),
            )
            decoded = torch.from_numpy(rng.random((1, 4, 4, 4)))
        region.add_atoms(*arguments)
        region.add_voxels(decoded, torch.ones(1, 4, 4, 4, dtype=torch.float64))
    return region


def flat(metrics: dict) -> dict:
    return {
        (key, part): value
        for key, parts in metrics.items()
        if not key.startswith("n_")
        for part, value in (parts.items() if isinstance(parts, dict) else [(None, parts)])
    }


def test_each_metric_has_an_interval_that_it_lies_in() -> None:
    region = region_of(np.random.default_rng(0), 300)
    metrics, ends = flat(region.summary()), flat(intervals(region, 3, seed=0))
    assert ends.keys() == metrics.keys()
    assert len(ends) == 15
    for key, (low, high) in ends.items():
        assert low < metrics[key] < high, key


def test_a_crystal_that_counts_twice_is_the_same_as_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """The metrics of what was drawn are those of a region that holds each crystal as often."""
    region = region_of(np.random.default_rng(1), 12)
    monkeypatch.setattr(module, "RESAMPLES", 1)
    drawn = np.random.default_rng(5).integers(4, size=4)
    repeated = Region()
    for crystal in drawn:
        for cube in range(3 * crystal, 3 * crystal + 3):
            for name in ("pred_to_true", "true_to_pred", "matched", "counts", "squared_errors", "relative_errors"):
                getattr(repeated, name).append(getattr(region, name)[cube])
    metrics = flat(repeated.summary())
    for key, (low, high) in flat(intervals(region, 3, seed=5)).items():
        assert low == high == pytest.approx(metrics[key]), key


def test_cubes_of_one_crystal_are_not_counted_as_independent() -> None:
    rng = np.random.default_rng(2)
    (low, high), (low_copies, high_copies) = (
        intervals(region_of(rng, 600, independent), 3, seed=0)["recall_0p5A"] for independent in (True, False)
    )
    assert high_copies - low_copies > 1.4 * (high - low)  # the square root of 3, were it exact


def test_nothing_to_count_has_no_interval() -> None:
    region = Region()
    for _ in range(3):
        region.add_atoms(np.zeros(0), np.zeros(0, int), np.zeros(0, int), np.ones(2))
    ends = intervals(region, 3, seed=0)
    assert ends["precision_0p5A"] is ends["pred_to_true_A"]["p50"] is ends["z_pearson"] is ends["voxel_mse"] is None
    assert ends["recall_0p5A"] == [0, 0]


def test_the_same_seed_gives_the_same_intervals() -> None:
    region = region_of(np.random.default_rng(3), 30)
    assert intervals(region, 3, seed=1) == intervals(region, 3, seed=1) != intervals(region, 3, seed=2)
