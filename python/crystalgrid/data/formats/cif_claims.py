"""The claims of a CIF beside its atoms: formula, formula units and density, which the atoms must agree with."""

from __future__ import annotations

import re
from functools import reduce
from math import gcd, isclose
from typing import Any

import gemmi
import numpy as np

from ...crystal import SYMBOLS
from ...geometry.elements import DALTON
from .cif_symmetry import text

FORMULA = re.compile(r"([A-Z][a-z]?)\s*(\d*\.?\d*)")
GROUP = re.compile(r"\(([^()]*)\)(\d*)")
CALCULATED_DENSITY = 0.01
"""Share by which the density that was calculated from the crystal may be off, which is rounded."""
MEASURED_DENSITY = 0.05
"""Share by which a measured density may be off, which is that of a powder or of another temperature."""
VOLUME = 0.02
"""The share by which a stated volume may be off, since it is rounded."""
WEIGHT = 0.01
"""The share by which the weight of a formula unit may be off."""
SUM = ("_chemical_formula_sum", "_chemical_formula.sum")
STRUCTURAL = ("_chemical_formula_structural", "_chemical_formula.structural")
MOIETY = ("_chemical_formula_moiety", "_chemical_formula.moiety")
DEUTERIUM = {"D": "H", "T": "H"}


def check_claims(block: Any, numbers: np.ndarray, volume: float, listed: bool, isotopes: bool) -> None:
    """Raise ValueError if the atoms of a cell, Z [n] in `volume` Å³, are not what the file says of itself.

    listed: whether the file lists its symmetry operations.
    isotopes: whether some of its hydrogen is deuterium or tritium, so that densities say nothing.
    """
    stated_volume = _stated(block, ("_cell_volume", "_cell.volume"))
    if stated_volume > 0 and not isclose(stated_volume, volume, rel_tol=VOLUME):
        raise ValueError(f"it states a cell of {stated_volume:g} Å³, its sides and angles make {volume:.5g} Å³")
    found = _counts(numbers)
    check_formula(text(block, SUM), numbers)
    unit = formula(text(block, SUM))
    if unit is None:
        structural = _without_groups(text(block, STRUCTURAL))
        # A moiety formula is compared if it is one moiety without a charge, which is a whole formula unit.
        check_formula(structural if formula(structural) else text(block, MOIETY), numbers)
    if not isotopes:
        _check_weight(block, found)
    density = float("nan") if isotopes else mass_density(found, volume)
    calculated = _stated(block, ("_exptl_crystal_density_diffrn", "_exptl_crystal.density_diffrn"))
    if abs(calculated - density) > CALCULATED_DENSITY * density:
        raise ValueError(f"it states {calculated:g} g/cm³, its atoms have {density:.4g}")
    measured = _stated(block, ("_exptl_crystal_density_meas", "_exptl_crystal.density_meas"))
    measured_differs = abs(measured - density) > MEASURED_DENSITY * density
    units = text(block, ("_cell_formula_units_z", "_cell.formula_units_z"))
    if unit is not None and units.isdecimal() and int(units) > 0:
        content = unit if _is_of_a_cell(block, unit, int(units)) else _times(unit, int(units))
        confirmed = calculated == calculated or (measured == measured and not measured_differs)
        if not isclose(sum(found.values()), sum(content.values()), rel_tol=0.01) and not confirmed:
            raise ValueError(f"it says {written(content)} a cell (Z = {units}), its atoms are {written(found)}")
    elif measured_differs and not (listed and unit):
        raise ValueError(f"it states {measured:g} g/cm³, measured, its atoms have {density:.3g}")


def check_formula(stated: str, numbers: np.ndarray) -> None:
    """Raise ValueError if a formula is stated and atoms, Z [n], are not a multiple of it."""
    found, unit = _counts(numbers), formula(stated)
    if unit is not None and not same_ratios(found, unit):
        missing = "hydrogen is missing: " if "H" in unit and "H" not in found else ""
        raise ValueError(f"{missing}it says {written(unit)}, its atoms are {written(reduced(found))}")


def _check_weight(block: Any, found: dict[str, int]) -> None:
    """Raise ValueError if the atoms of a cell are no whole number of formula units of the weight that is stated."""
    stated = _stated(block, ("_chemical_formula_weight", "_chemical_formula.weight"))
    if not stated > 0:
        return
    units = weight(found) / stated
    if abs(units - max(round(units), 1)) > WEIGHT * units:
        raise ValueError(f"it states a formula weight of {stated:g}, its atoms are {units:.4g} times as heavy")


def _counts(numbers: np.ndarray) -> dict[str, int]:
    counts = np.bincount(numbers, minlength=len(SYMBOLS) + 1)
    return {SYMBOLS[z - 1]: int(counts[z]) for z in np.flatnonzero(counts)}


def _is_of_a_cell(block: Any, stated: dict[str, float], units: int) -> bool:
    """Tell whether the formula sum counts the atoms of a whole cell, as in CIFs that pymatgen writes."""
    unit = formula(_without_groups(text(block, STRUCTURAL)))
    return unit is not None and _times(unit, units) == stated


def _without_groups(stated: str) -> str:
    """Return a formula such as 'Ni(GeO3)2' as 'NiGeO3GeO3', whose elements may come more than once."""
    while match := GROUP.search(stated):
        stated = stated[: match.start()] + match[1] * int(match[2] or 1) + stated[match.end() :]
    return stated


def _times(counts: dict[str, float], units: int) -> dict[str, float]:
    return {element: count * units for element, count in counts.items()}


def formula(stated: str) -> dict[str, float] | None:
    """Return the counts of a formula such as 'Ca H2 O2', deuterium as hydrogen; None for what is none."""
    if not stated or FORMULA.sub("", stated).strip(" '\""):
        return None
    counts: dict[str, float] = {}
    for element, count in FORMULA.findall(stated):
        element = DEUTERIUM.get(element, element)
        if element not in SYMBOLS:
            return None
        counts[element] = counts.get(element, 0.0) + (float(count) if count not in ("", ".") else 1.0)
    return {element: count for element, count in counts.items() if count > 0} or None


def same_ratios(found: dict[str, int], stated: dict[str, float]) -> bool:
    """Tell whether two compositions are multiples of each other, within the rounding of a formula."""
    if found.keys() != stated.keys():
        return False
    scale = sum(found.values()) / sum(stated.values())
    return all(abs(found[element] - scale * stated[element]) < 0.02 * max(found[element], 1) for element in found)


def reduced(counts: dict[str, int]) -> dict[str, int]:
    """Return the counts of one formula unit."""
    divisor = reduce(gcd, counts.values(), 0) or 1
    return {element: count // divisor for element, count in counts.items()}


def written(counts: Any) -> str:
    """Return counts as a formula."""
    return " ".join(f"{element}{count:g}" if count != 1 else element for element, count in counts.items())


def _stated(block: Any, names: tuple[str, ...]) -> float:
    """Return a number that the block states, such as 12.3(4), or NaN."""
    given = text(block, names)
    try:
        return float(given.partition("(")[0])
    except ValueError:
        return float("nan")


def mass_density(counts: dict[str, int], volume: float) -> float:
    """Return the mass density in g/cm³ of atoms in a volume in Å³."""
    return DALTON * weight(counts) / volume


def weight(counts: dict[str, int]) -> float:
    """Return the weight of atoms in dalton."""
    return sum(count * gemmi.Element(element).weight for element, count in counts.items())
