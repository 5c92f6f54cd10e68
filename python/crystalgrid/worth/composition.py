"""Compositions that charges can balance: CDVAE's rule by smact, and neutral sums of oxidation states."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from functools import cache
from typing import TypeAlias

from ..crystal import SYMBOLS

Counts: TypeAlias = tuple[tuple[int, int], ...]
"""Atomic numbers in ascending order, each with its number of atoms in the reduced formula."""
CDVAE_STATES = "smact14"
"""The set of oxidation states that smact had when CDVAE's rule was written; smact 4.0's default set is narrower."""


def for_libraries(counts: Counts) -> str:
    """Return a formula such as 'O2Ti' that pymatgen and smact read."""
    return "".join(f"{SYMBOLS[z - 1]}{n}" for z, n in counts)


@cache
def smact_valid(counts: Counts) -> bool:
    """Return whether a composition is one element, all metals, or neutral with the anions the more electronegative.

    The rule is CDVAE's (Xie et al. 2022, appendix), by `smact.screening.smact_validity` with the oxidation states of
    `CDVAE_STATES`.
    """
    from smact.screening import smact_validity

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen warns of elements without an electronegativity
        return bool(smact_validity(for_libraries(counts), oxidation_states_set=CDVAE_STATES))


def charge_sums(states: Collection[int], n: int) -> set[int]:
    """Return the sums, other than zero, that the oxidation states of n atoms can have, states at most 1 apart."""
    lower = [state for state in states if state + 1 in states]
    sums = {n * state for state in states} | {n * state + k for state in lower for k in range(n + 1)}
    return sums - {0}


def can_be_neutral(counts: Counts, states: Mapping[int, Collection[int]]) -> bool:
    """Return whether oxidation states balance, those of one element at most 1 apart and no element's mean zero.

    states: the oxidation states that each element may have, by atomic number; an element without any cannot balance.
    """
    totals = {0}
    for z, n in counts:
        sums = charge_sums(states.get(z, ()), n)
        totals = {total + charge for total in totals for charge in sums}
    return 0 in totals


def least_covariance(
    counts: Counts, states: Mapping[int, Collection[int]], electronegativity: Mapping[int, float]
) -> float:
    """Return the least covariance of elements' mean oxidation states with their electronegativities, times elements.

    Taken over all neutral assignments, as `can_be_neutral` defines them; infinite where there is none. Elements count
    alike, whatever their numbers of atoms.
    """
    mean = sum(electronegativity[z] for z, _ in counts) / len(counts)
    least = {0: 0.0}
    for z, n in counts:
        above_mean = (electronegativity[z] - mean) / n
        sums = charge_sums(states.get(z, ()), n)
        following: dict[int, float] = {}
        for total, covariance in least.items():
            for charge in sums:
                value = covariance + charge * above_mean
                if value < following.get(total + charge, float("inf")):
                    following[total + charge] = value
        least = following
    return least.get(0, float("inf"))
