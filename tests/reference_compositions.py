"""Slow and obvious twins of what compositions are told apart by and of how charges balance, by trying everything."""

import itertools
import math
from collections.abc import Collection, Iterator, Mapping

from crystalgrid.geometry.elements import NONMETALS, OXIDATION_STATES


def reduced(elements: list[int], counts: list[int]) -> list[tuple[int, int]]:
    """Return a reduced formula: each element with its number of atoms, in the order of Z; Z = 0 is no element."""
    divisor = math.gcd(*counts)
    return sorted((z, n // divisor) for z, n in zip(elements, counts, strict=True) if z > 0)


def charges_balance(elements: list[int], counts: list[int]) -> bool:
    """Return whether one oxidation state an element adds up to zero, or one element or metals alone need none."""
    present = [(z, n) for z, n in zip(elements, counts, strict=True) if z > 0]
    if len(present) == 1 or all(z not in NONMETALS for z, _ in present):
        return True
    choices = itertools.product(*(OXIDATION_STATES[z] for z, _ in present))
    return any(sum(state * n for state, (_, n) in zip(states, present, strict=True)) == 0 for states in choices)


def can_be_neutral(counts: list[tuple[int, int]], states: Mapping[int, Collection[int]]) -> bool:
    """Return whether oxidation states of all atoms add up to zero, as `neutral_charges` says."""
    return any(True for _ in neutral_charges(counts, states))


def least_covariance(
    counts: list[tuple[int, int]], states: Mapping[int, Collection[int]], electronegativity: Mapping[int, float]
) -> float:
    """Return the least sum, over elements, of their deviations from both means; infinite if charges cannot balance.

    The means are those of the elements' electronegativities and of their mean oxidation states.
    """
    k = len(counts)
    eagerness = [electronegativity[z] for z, _ in counts]
    covariances = [math.inf]
    for charges in neutral_charges(counts, states):
        oxidation = [charge / n for charge, (_, n) in zip(charges, counts, strict=True)]
        pairs = zip(eagerness, oxidation, strict=True)
        covariances.append(sum((x - sum(eagerness) / k) * (y - sum(oxidation) / k) for x, y in pairs))
    return min(covariances)


def neutral_charges(counts: list[tuple[int, int]], states: Mapping[int, Collection[int]]) -> Iterator[tuple[int, ...]]:
    """Yield the elements' charges of each neutral assignment of an oxidation state to every atom.

    States of the atoms of one element are at most 1 apart, and their sum is not zero.
    """
    choices = []
    for z, n in counts:
        assignments = itertools.combinations_with_replacement(sorted(states.get(z, ())), n)
        choices.append({sum(charges) for charges in assignments if max(charges) - min(charges) <= 1} - {0})
    for charges in itertools.product(*choices):
        if sum(charges) == 0:
            yield charges
