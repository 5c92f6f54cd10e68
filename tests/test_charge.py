"""Charge balance, of what generators draw and of crystals that are judged, beside trying every oxidation state."""

import math

import numpy as np
import pytest
import torch

import reference_compositions as reference
from crystalgrid.geometry.elements import ELECTRONEGATIVITIES, OXIDATION_STATES
from crystalgrid.nets.generators.charge_balance import ChargeBalance
from crystalgrid.worth.composition import can_be_neutral, least_covariance

SLOTS = 7
AWKWARD = (
    {},  # no element at all
    {8: 2},  # one element
    {2: 1, 9: 1},  # helium has the state 0 alone
    {2: 1, 10: 3},  # zeros alone
    {26: 2, 28: 1},  # metals alone
    {26: 3, 8: 4},  # magnetite: one state an element does not do
    {11: 1, 17: 2},
    {3: 1, 26: 1, 15: 1, 8: 4},
    {44: 63, 1: 1},  # 63 times +8 is near the largest charge that is looked at
    {54: 8, 76: 55, 9: 1},
    {80: 1, 17: 1},
    {6: 12, 1: 22, 8: 11},
    {1: 8, 6: 8, 7: 8, 8: 8, 15: 8, 16: 8, 17: 8},  # a state of each of seven
)
"""Compositions: the number of atoms of each Z."""


def random_compositions(number: int, most_elements: int, most_atoms: int) -> list[dict[int, int]]:
    """Return compositions of elements with few oxidation states, of which many balance and many do not."""
    rng = np.random.default_rng(0)
    common = [z for z, states in enumerate(OXIDATION_STATES) if z and 1 <= len(states) <= 5]
    return [
        {
            int(z): int(rng.integers(1, most_atoms + 1))
            for z in rng.choice(common, rng.integers(1, most_elements + 1), False)
        }
        for _ in range(number)
    ]


def test_charges_balance_as_trying_every_state_says() -> None:
    compositions = [*AWKWARD, *random_compositions(300, 4, 8)]
    elements, counts = torch.zeros(2, len(compositions), SLOTS, dtype=torch.int64)
    for row, composition in enumerate(compositions):
        order = np.random.default_rng(row).permutation(SLOTS)[: len(composition)].tolist()  # gaps are allowed
        elements[row, order] = torch.tensor(list(composition), dtype=torch.int64)
        counts[row, order] = torch.tensor(list(composition.values()), dtype=torch.int64)
    expected = [reference.charges_balance(z, n) for z, n in zip(elements.tolist(), counts.tolist(), strict=True)]
    assert ChargeBalance()(elements, counts).tolist() == expected
    assert 50 < sum(expected) < len(expected) - 50


def test_states_at_most_one_apart_balance_as_trying_all_atoms_says() -> None:
    states = dict(enumerate(OXIDATION_STATES))
    strange = {1: (-1, 1), 2: (0,), 3: (-1, 0, 1, 2), 4: (), 5: (-3, -2, 2, 3)}
    cases = [(composition, states) for composition in random_compositions(200, 4, 6)]
    cases += [
        ({}, strange),
        ({1: 2}, strange),  # -1 and +1 are two apart
        ({3: 2}, strange),  # a mean of zero is none
        ({3: 2, 1: 1}, strange),
        ({2: 1, 1: 1}, strange),
        ({4: 1, 1: 1}, strange),
        ({6: 1, 1: 1}, strange),
        ({5: 2, 3: 4}, strange),
        ({26: 3, 8: 4}, states),  # magnetite
    ]
    electronegativity = {z: float(x) for z, x in enumerate(np.nan_to_num(ELECTRONEGATIVITIES, nan=4.0))}
    verdicts = []
    for composition, of_element in cases:
        counts = tuple(sorted(composition.items()))
        verdicts.append(can_be_neutral(counts, of_element))
        assert verdicts[-1] == reference.can_be_neutral(counts, of_element), counts
        if counts:
            expected = reference.least_covariance(counts, of_element, electronegativity)
            assert least_covariance(counts, of_element, electronegativity) == pytest.approx(expected, abs=1e-9), counts
            assert verdicts[-1] == math.isfinite(expected)
    assert 20 < sum(verdicts) < len(verdicts) - 20
