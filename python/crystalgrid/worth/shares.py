"""Shares of crystals, with the interval in which the share of many more would be."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

QUANTILE = 1.959964
"""The standard deviations on either side of a normal mean between which 95 % lie."""


class Share(NamedTuple):
    """The number of crystals, of n, that have a property."""

    number: int
    n: int

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval by Wilson's score, which holds near 0 and 1 and for few crystals; 0 to 1 for none."""
        if self.n == 0:
            return 0.0, 1.0
        share, z2 = self.number / self.n, QUANTILE**2 / self.n
        centre = (share + z2 / 2) / (1 + z2)
        half = math.sqrt(z2 * (share * (1 - share) + z2 / 4)) / (1 + z2)
        return max(0.0, centre - half), min(1.0, centre + half)

    def as_json(self) -> dict[str, float]:
        """Return the number, n, the share, and the interval's ends as `low` and `high`."""
        low, high = self.interval
        return {"number": self.number, "n": self.n, "share": self.number / max(1, self.n), "low": low, "high": high}

    def __str__(self) -> str:
        """Return such as '72.5 % (65.9 to 78.2, n = 200)'."""
        if self.n == 0:
            return "none to count"
        low, high = self.interval
        return f"{100 * self.number / self.n:.1f} % ({100 * low:.1f} to {100 * high:.1f}, n = {self.n})"


def share(values: Iterable[object]) -> Share:
    """Return how many of the values are true."""
    listed = [bool(value) for value in values]
    return Share(sum(listed), len(listed))
