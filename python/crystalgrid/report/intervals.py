"""95 % intervals of metrics, by a bootstrap over crystals: the cubes of one crystal are not independent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .metrics import Region

LEVEL, RESAMPLES = 0.95, 500
METHOD = f"{100 * LEVEL:.0f} % intervals by bootstrap over crystals, {RESAMPLES} resamples"
PERCENTILES = (50, 75, 90)
Names = tuple[str, ...]
"""The keys at which a metric is found in a region's summary."""


def intervals(region: Region, cubes_per_crystal: int, seed: int) -> dict[str, Any]:
    """Return the lower and upper end of each metric in the summary of a region; None where it cannot be computed.

    Crystals, each of which has `cubes_per_crystal` cubes in turn, are drawn with replacement as often as there are
    some; the ends are percentiles of the metrics of what was drawn.
    """
    metrics: list[Callable[[np.ndarray], dict[Names, float]]] = [
        _Percentiles("pred_to_true_A", region.pred_to_true, cubes_per_crystal),
        _Percentiles("true_to_pred_A", region.true_to_pred, cubes_per_crystal),
        *[_Mean(key, values, cubes_per_crystal) for key, values in region.means().items()],
        _Pearson("z_pearson", region.matched, cubes_per_crystal),
    ]
    n_crystals = -(-len(region.counts) // cubes_per_crystal)
    rng = np.random.default_rng(seed)
    resampled: dict[Names, list[float]] = {}
    for _ in range(RESAMPLES):
        weights = np.bincount(rng.integers(n_crystals, size=n_crystals), minlength=n_crystals)
        for metric in metrics:
            for names, value in metric(weights).items():
                resampled.setdefault(names, []).append(value)
    result: dict[str, Any] = {}
    for (key, *part), values in resampled.items():
        ends = _ends(np.array(values))
        result |= {key: {**result.get(key, {}), part[0]: ends}} if part else {key: ends}
    return result


def _ends(values: np.ndarray) -> list[float] | None:
    finite = values[~np.isnan(values)]
    tail = 50 * (1 - LEVEL)
    return [float(end) for end in np.percentile(finite, [tail, 100 - tail])] if len(finite) else None


def _crystals_of(values: list[np.ndarray], cubes_per_crystal: int) -> np.ndarray:
    """Return the index of the crystal that each value of each cube belongs to."""
    return np.repeat(np.arange(len(values)) // cubes_per_crystal, [len(of_cube) for of_cube in values])


class _Percentiles:
    """The percentiles of values, each of which counts as often as its crystal was drawn."""

    def __init__(self, key: str, values: list[np.ndarray], cubes_per_crystal: int) -> None:
        self.key, flat = key, np.concatenate(values)
        order = np.argsort(flat)
        self.sorted, self.crystals = flat[order], _crystals_of(values, cubes_per_crystal)[order]

    def __call__(self, weights: np.ndarray) -> dict[Names, float]:
        last_index = np.cumsum(weights[self.crystals])
        count = last_index[-1] if len(last_index) else 0
        if count == 0:
            return {(self.key, f"p{p}"): np.nan for p in PERCENTILES}
        index = np.array(PERCENTILES) / 100 * (count - 1)
        below, above = (
            self.sorted[np.searchsorted(last_index, rounded, side="right")]
            for rounded in (np.floor(index), np.ceil(index))
        )
        values = below + (above - below) * (index % 1)
        return {(self.key, f"p{p}"): float(value) for p, value in zip(PERCENTILES, values, strict=True)}


class _Mean:
    """The mean of values, each of which counts as often as its crystal was drawn."""

    def __init__(self, key: str, values: list[np.ndarray], cubes_per_crystal: int) -> None:
        self.key, self.crystals = key, _crystals_of(values, cubes_per_crystal)
        flat = np.concatenate(values or [np.zeros(0)]).astype(float)
        self.counts, self.sums = np.bincount(self.crystals), np.bincount(self.crystals, flat)

    def __call__(self, weights: np.ndarray) -> dict[Names, float]:
        weights = weights[: len(self.counts)]
        count = float(weights @ self.counts)
        return {(self.key,): float(weights @ self.sums) / count if count else np.nan}


class _Pearson:
    """The correlation coefficient of pairs, each of which counts as often as its crystal was drawn."""

    def __init__(self, key: str, pairs: list[np.ndarray], cubes_per_crystal: int) -> None:
        self.key, crystals = key, _crystals_of(pairs, cubes_per_crystal)
        x, y = np.concatenate(pairs).T.astype(float)
        moments = (np.ones_like(x), x, y, x * x, y * y, x * y)
        self.moments = np.array([np.bincount(crystals, moment) for moment in moments])

    def __call__(self, weights: np.ndarray) -> dict[Names, float]:
        n, x, y, xx, yy, xy = (self.moments @ weights[: self.moments.shape[1]]).tolist()
        spread = (n * xx - x * x) * (n * yy - y * y)
        return {(self.key,): (n * xy - x * y) / spread**0.5 if spread > 0 else np.nan}
