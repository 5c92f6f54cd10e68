"""What a CIF says of itself beside its atoms: formula, formula units and density, which the atoms must agree with."""

from __future__ import annotations

import re
from functools import reduce
from math import gcd, isclose
from typing import Any

import gemmi
import numpy as np

from ...crystal import SYMBOLS
from .cif_symmetry import text

FORMULA = re.compile(r"([A-Z][a-z]?)\s*(\d*\.?\d*)")
DALTON = 1.66053907
"""g/cm³ of one Da in 1 Å³."""
DENSITY = 0.05
"""Share by which the density that a file states may be off: it is measured, or that of another temperature."""
DEUTERIUM = {"D": "H", "T": "H"}


def check_claims(block: Any, numbers: np.ndarray, volume: float, listed: bool) -> None:
    """Raise ValueError if the atoms of a cell, Z [n] in `volume` Å³, are not what the file says of itself."""
    counts = np.bincount(numbers, minlength=len(SYMBOLS) + 1)
    found = {SYMBOLS[z - 1]: int(counts[z]) for z in np.flatnonzero(counts)}
    stated = formula(text(block, ("_chemical_formula_sum",)))
    if stated is None:
        return
    if not same_ratios(found, stated):
        missing = "hydrogen is missing: " if "H" in stated and "H" not in found else ""
        raise ValueError(f"{missing}it says {written(stated)}, its atoms are {written(reduced(found))}")
    units = text(block, ("_cell_formula_units_z", "_cell.formula_units_z"))
    if units.isdecimal() and int(units) > 0:
        wanted = {element: count * int(units) for element, count in stated.items()}
        total = sum(found.values())
        if not isclose(total, sum(wanted.values()), rel_tol=0.01) and not _density_agrees(block, found, volume):
            raise ValueError(f"it says {written(wanted)} a cell (Z = {units}), its atoms are {written(found)}")
    elif _density_agrees(block, found, volume) is False and not listed:
        raise ValueError(f"it states {_density(block):g} g/cm³, its atoms have {mass_density(found, volume):.3g}")


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
    """Whether two compositions are multiples of each other, within the rounding of a formula."""
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


def _density(block: Any) -> float:
    given = text(block, ("_exptl_crystal_density_diffrn", "_exptl_crystal_density_meas"))
    try:
        return float(given.partition("(")[0])
    except ValueError:
        return float("nan")


def _density_agrees(block: Any, counts: dict[str, int], volume: float) -> bool | None:
    """Whether the density that the file states is that of its atoms; None where it states none."""
    stated = _density(block)
    return None if stated != stated else isclose(stated, mass_density(counts, volume), rel_tol=DENSITY)


def mass_density(counts: dict[str, int], volume: float) -> float:
    """Return g/cm³."""
    return DALTON * sum(count * gemmi.Element(element).weight for element, count in counts.items()) / volume
