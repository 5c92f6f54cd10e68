"""The fit of the rank of candidates for a formula, and of the share of new types, to crystals that were not learned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import gcd
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import logsumexp

from ..nets.generators.crystal_generator import CrystalGenerator
from ..nets.generators.rank_weights import RankWeights
from ..nets.generators.structure_types import KnownCrystals
from ..nets.generators.type_drawer import NEW_SHARE
from ..progress import progress
from .known_crystals import as_examples

SPREAD = RankWeights(0.15, 2.0, 3.0, 3.0)
"""The standard deviations of the weights before any crystal is seen; few crystals change little."""
AS_MANY = 50
"""The number of held-out crystals that weigh as much as the default share of new structure types."""
MOST_CRYSTALS = 64
"""The crystals that the weights are fitted to; half as many give nearly the same, and each takes up to a second."""
MOST_CANDIDATES = 1 << 14
"""The number of candidates, of all crystals, after which no further crystal is looked at."""


class Choice(NamedTuple):
    """The candidates for the formula of a crystal, of which one is the crystal."""

    features: np.ndarray
    """[N, 4], in the order of RankWeights."""
    right: int
    """The row of the crystal."""


def fit_rank(choices: Sequence[Choice], before: RankWeights) -> RankWeights:
    """Return the weights that are most likely for some choices, given a normal distribution around weights before.

    The choices are those of a conditional logit (McFadden 1974), whose likelihood has one maximum.
    """
    middle, spread = np.array(before), np.array(SPREAD)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        deviation = (weights - middle) / spread
        value, gradient = deviation @ deviation / 2, deviation / spread
        for features, right in choices:
            odds = features @ weights
            total = logsumexp(odds)
            value += total - odds[right]
            gradient = gradient + np.exp(odds - total) @ features - features[right]
        return float(value), gradient

    return RankWeights(*map(float, minimize(loss, middle, jac=True, method="BFGS").x))


def fit_new_share(network: CrystalGenerator, held_out: KnownCrystals) -> float:
    """Return the share of held-out crystals whose structure type is new, drawn towards the default if they are few."""
    is_new = ~network.types.is_known(as_examples(held_out).type_key)
    return (int(is_new.sum()) + NEW_SHARE * AS_MANY) / (len(is_new) + AS_MANY)


def choices_of(network: CrystalGenerator, held_out: KnownCrystals) -> list[Choice]:
    """Return the choices that held-out crystals pose, of which some are taken at random."""
    rows = np.random.default_rng(0).permutation(len(held_out.space_group))[:MOST_CRYSTALS].tolist()
    choices, n_candidates = [], 0
    for choice in progress(_choices(network, held_out, rows), "rank of candidates", len(rows)):
        choices.append(choice)
        n_candidates += len(choice.features)
        if n_candidates > MOST_CANDIDATES:
            break
    return choices


@torch.inference_mode()
def _choices(network: CrystalGenerator, held_out: KnownCrystals, rows: Sequence[int]) -> Iterator[Choice]:
    """Yield the choice that each of some held-out crystals poses, unless the crystal is not among the candidates."""
    examples = as_examples(held_out)
    for row in rows:
        candidates = network.formula_candidates(composition(held_out, row))
        type_keys = examples.type_keys(candidates.space_group, candidates.letters, candidates.slots)
        is_type = type_keys == examples.type_key[row]
        right = torch.where(is_type & (candidates.elements == examples.elements[row]).all(1))[0]
        if len(right) == 1:
            yield Choice(network.rank_features(candidates).numpy(), int(right))


def composition(known: KnownCrystals, row: int) -> dict[str, list[float]]:
    """Return the conditions that a primitive cell has the atoms of a known crystal."""
    counts = {int(z): int(n) for z, n in zip(known.elements[row], known.counts[row], strict=True) if z > 0}
    units = gcd(*counts.values())
    return {"formula": [float(x) for z, n in counts.items() for x in (z, n // units)], "z": [float(units)]}
