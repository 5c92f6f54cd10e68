"""Oxidation states of compositions, as every chemist has them."""

import pytest

from crystalgrid.geometry.formula import parse_formula
from crystalgrid.worth.oxidation import oxidation_states

STATES = {
    "LiMnO2": "Li+1 Mn+3 O-2", "Fe3O4": "Fe+2.67 O-2", "MnFe2O4": "Mn+2 Fe+3 O-2", "LiFePO4": "Li+1 Fe+2 P+5 O-2",
    "NH4Cl": "H+1 N-3 Cl-1", "K3Fe5Mn4Cr3V7P6S4N5O30": None, "TiAl": "", "Fe": "",
}  # fmt: skip


@pytest.mark.parametrize("formula", STATES)
def test_states_balance_and_are_the_usual(formula: str) -> None:
    counts = tuple(sorted(parse_formula("formula", formula).items()))
    found = oxidation_states(counts)
    if STATES[formula] is None:  # of many elements: it balances, and does not take hours
        assert len(found.split()) == len(counts)
    else:
        assert sorted(found.split()) == sorted(STATES[formula].split())
