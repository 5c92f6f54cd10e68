"""LeMat-GenBench's charge rule: whether the oxidation states of a crystal can balance, or it needs none.

It passes if any of five holds: a metal by smact's score; bond-valence sums that are zero; oxidation states that
pymatgen's bond-valence analysis finds; a neutral assignment among common states; one among all known states in which
more electronegative elements have the lower ones. All but the third depend on the composition alone.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Collection
from functools import cache
from pathlib import Path

from ..crystal import ATOMIC_NUMBERS, SYMBOLS, Crystal
from .composition import Counts, can_be_neutral, for_libraries, least_covariance

METALLIC = 0.7
"""A composition of a larger `metallicity_score` is a metal."""
STATES_FILE = Path(__file__).with_name("lemat_oxidation_states.json")
LESS_THAN_ZERO = -1e-9
"""A covariance below it is negative, and not a zero that was rounded."""


def lemat_charge(crystal: Crystal, counts: Counts) -> bool:
    """Return whether a crystal passes LeMat-GenBench's charge rule; counts: of its reduced formula."""
    return _by_composition(counts) or (can_be_neutral(counts, _bond_valence_states()) and _analysed(crystal))


@cache
def _by_composition(counts: Counts) -> bool:
    """Return whether a composition passes, whatever its structure."""
    if _without_bond_valence(counts) or can_be_neutral(counts, _common_states()) or _metallic(counts):
        return True  # the slowest comes last
    states, electronegativity = _all_states()
    return least_covariance(counts, states, electronegativity) < LESS_THAN_ZERO


def _metallic(counts: Counts) -> bool:
    from smact.metallicity import metallicity_score

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen warns of elements without an electronegativity
        return bool(metallicity_score(for_libraries(counts)) > METALLIC)


def _without_bond_valence(counts: Counts) -> bool:
    """Return whether every bond-valence sum is zero because no bond is of an electronegative and another element."""
    from pymatgen.analysis.bond_valence import ELECTRONEG

    return len(counts) == 1 or {z for z, _ in counts}.isdisjoint(element.Z for element in ELECTRONEG)


def _analysed(crystal: Crystal) -> bool:
    """Return whether pymatgen's analysis of bond valences finds oxidation states, whose sum is then zero."""
    from pymatgen.analysis.bond_valence import BVAnalyzer

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            BVAnalyzer().get_valences(crystal.to_pymatgen())  # type: ignore[no-untyped-call]
    except Exception:  # it fails in several ways: no parameters, no symmetry, no assignment
        return False
    return True


@cache
def _common_states() -> dict[int, Collection[int]]:
    states: dict[str, list[int]] = json.loads(STATES_FILE.read_text(encoding="utf-8"))["states"]
    return {ATOMIC_NUMBERS[symbol]: values for symbol, values in states.items() if symbol in ATOMIC_NUMBERS}


@cache
def _bond_valence_states() -> dict[int, Collection[int]]:
    """Return the oxidation states that the bond-valence analysis chooses from."""
    from pymatgen.analysis.bond_valence import ICSD_BV_DATA

    states: dict[int, Collection[int]] = {}
    for species in ICSD_BV_DATA:
        states[species.Z] = {*states.get(species.Z, ()), int(species.oxi_state or 0)} - {0}
    return states


@cache
def _all_states() -> tuple[dict[int, Collection[int]], dict[int, float]]:
    """Return all oxidation states that pymatgen knows of each element, and Pauling electronegativities."""
    from pymatgen.core.periodic_table import Element

    elements = {z: Element(symbol) for z, symbol in enumerate(SYMBOLS, start=1)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen warns of elements without an electronegativity
        return {z: e.oxidation_states for z, e in elements.items()}, {z: float(e.X) for z, e in elements.items()}
