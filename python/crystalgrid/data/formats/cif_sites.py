"""The sites that a CIF lists, each of which stands for one atom or for those that symmetry makes of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import gemmi
import numpy as np

from ...crystal import ATOMIC_NUMBERS, SYMBOLS
from ...geometry.wyckoff import LETTERS as WYCKOFF_LETTERS
from ...geometry.wyckoff import standard_group
from .cif_symmetry import UNSTATED, text
from .entry import Disordered

WHOLE = 0.005
"""The largest deviation from an occupancy of one, unless the file states a larger uncertainty."""
COLUMNS = ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy")
"""The columns of the atoms that are read, if the file has them, without _atom_site_ before their names."""
NUMBER = re.compile(r"([-+]?\d*\.?\d*(?:[eE][-+]?\d+)?)(?:\((\d+)\))?")
LETTERS = re.compile(r"[A-Za-z]+")


@dataclass(frozen=True)
class Site:
    """One atom that a CIF lists."""

    label: str
    number: int
    isotope: bool
    """True for deuterium and tritium."""
    frac_coords: np.ndarray
    multiplicity: float
    """The number of atoms in the cell that it stands for, as the file states it; NaN if it does not."""
    multiplicity_of_letter: float
    """The number of atoms at the Wyckoff position that the file states; NaN if it does not."""


def read_column(block: Any, name: str) -> list[str] | None:
    """Return a column of the atoms as plain strings, or None where there is no such column."""
    for mark in "_.":
        column = block.find_values(f"_atom_site{mark}{name}")
        if len(column):
            return [gemmi.cif.as_string(value).strip() for value in column]
    return None


def read_number(value: str) -> tuple[float, float]:
    """Return a number such as 0.333(4) and its uncertainty; NaN where there is none."""
    match = NUMBER.fullmatch(value)
    try:
        number = float(match[1]) if match else float("nan")
    except ValueError:
        return float("nan"), 0.0
    if match is None or match[2] is None:
        return number, 0.0
    digits = len(match[1].partition(".")[2].partition("e")[0])
    return number, int(match[2]) * 10.0**-digits


def read_sites(block: Any, multiplicities_of_letters: dict[str, int]) -> list[Site]:
    """Return the atoms that the block lists; raises ValueError for one that stands for something else."""
    columns = {name: column for name in COLUMNS if (column := read_column(block, name)) is not None}
    symbols = columns.get("type_symbol")
    labels = columns.get("label") or read_column(block, "label_atom_id") or symbols or []
    if not labels:
        raise ValueError("its atoms have neither _atom_site_label nor _atom_site_type_symbol")
    _check_whole(block, labels)
    coordinates = _coordinates(columns)
    occupancies = columns.get("occupancy")
    formula = set(LETTERS.findall(text(block, ("_chemical_formula_sum",))))
    elements = formula | {match[0] for symbol in symbols or () if (match := LETTERS.match(symbol))}
    multiplicities = read_column(block, "symmetry_multiplicity") or read_column(block, "site_symmetry_multiplicity")
    letters = read_column(block, "wyckoff_symbol") or read_column(block, "wyckoff_label")
    sites = []
    for i, label in enumerate(labels):
        if occupancies is not None and _is_empty(occupancies[i], label):
            continue
        if not np.isfinite(coordinates[i]).all():
            raise ValueError(_without_position(label, [columns[f"fract_{axis}"][i] for axis in "xyz"]))
        symbol = symbols[i] if symbols and symbols[i] not in UNSTATED else label
        number = _atomic_number(symbol, label, formula)
        if symbol is not label:
            _check_label(label, number, elements)
        isotope = number == 1 and symbol[:1].upper() in "DT"
        multiplicity = read_number(multiplicities[i])[0] if multiplicities else np.nan
        of_letter = multiplicities_of_letters.get(letters[i][-1:], np.nan) if letters else np.nan
        sites.append(Site(label, number, isotope, coordinates[i], multiplicity, of_letter))
    return sites


def _check_label(label: str, number: int, elements: set[str]) -> None:
    """Raise ValueError if a label names another element than its type symbol does.

    Ow, of oxygen in water, and B1, of a perovskite's second site, do not: B is meant where the crystal has boron.
    """
    letters = LETTERS.match(label)
    if letters is None or letters[0][:1] == SYMBOLS[number - 1][:1]:
        return
    named = ATOMIC_NUMBERS.get(letters[0], number)
    if named != number and (len(letters[0]) > 1 or letters[0] in elements):
        raise ValueError(f"its atom {label!r} is of type {SYMBOLS[number - 1]}, wanted one element in both")


def _coordinates(columns: dict[str, list[str]]) -> np.ndarray:
    """Return fractional coordinates [n, 3] from the columns of the atoms, which must be as long as each other."""
    missing = {"fract_x", "fract_y", "fract_z"} - columns.keys()
    if len(missing) == 3:
        raise ValueError("its positions are Cartesian, in axes of its own; wanted _atom_site_fract_x, _y and _z")
    if missing:
        raise ValueError("wanted _atom_site_fract_x, _y and _z of its atoms, got not all of them")
    if len(set(map(len, columns.values()))) > 1:
        lengths = ", ".join(f"{len(column)} _atom_site_{name}" for name, column in columns.items())
        raise ValueError(f"wanted one value of each for every atom, got {lengths}")
    return np.array([[read_number(value)[0] for value in columns[f"fract_{axis}"]] for axis in "xyz"]).T


def _without_position(label: str, values: list[str]) -> str:
    """Return in words that an atom has no position, or one that is no number."""
    name = repr(label) if label else "an atom without a label"
    if all(value in UNSTATED for value in values):
        return f"{name} has no position"
    return f"the position of {name} is {' '.join(values)!r}, wanted three decimal numbers"


def _check_whole(block: Any, labels: list[str]) -> None:
    """Raise ValueError where sites stand for more than one atom, or for one of several arrangements."""
    for label, attached in zip(labels, read_column(block, "attached_hydrogens") or [], strict=False):
        if attached not in UNSTATED and read_number(attached)[0] > 0:
            raise ValueError(f"hydrogen is missing: {label} has {attached} attached to it, without a position")
    for label, flag in zip(labels, read_column(block, "calc_flag") or [], strict=False):
        if flag.lower() == "dum":
            raise ValueError(f"its atom {label!r} is a dummy (_atom_site_calc_flag dum), wanted atoms alone")
    groups = {group for group in read_column(block, "disorder_group") or [] if group not in (*UNSTATED, "0")}
    if len(groups) > 1 or any(group.startswith("-") for group in groups):
        raise Disordered(f"alternatives of its atoms, in disorder groups {', '.join(sorted(groups))}")


def _is_empty(occupancy: str, label: str) -> bool:
    """Tell whether nothing is at a site; raises Disordered for a part of an atom."""
    if occupancy in UNSTATED:
        return False
    value, uncertainty = read_number(occupancy)
    if value < 0 or value != value:
        raise ValueError(f"an occupancy of {occupancy}, of {label}")
    if value == 0:
        return True
    if abs(value - 1) > max(WHOLE, uncertainty):
        if value > 1:
            raise ValueError(f"an occupancy of {occupancy}, of {label}")
        raise Disordered(f"{label} has an occupancy of {occupancy}")
    return False


def _atomic_number(symbol: str, label: str, formula: set[str]) -> int:
    """Return Z of a site by its type symbol, such as O2-, or else by its label, such as O1 or CA2."""
    letters = LETTERS.match(symbol)
    if letters is None:
        raise ValueError(f"its atom {label!r} is of no element")
    found = ATOMIC_NUMBERS.get(letters[0].capitalize())
    if found is None and symbol is label:
        found = _element_of_label(letters[0], formula)
    elif symbol is label and _is_ambiguous(letters[0], formula):
        element, other = letters[0].capitalize(), letters[0][0]
        raise ValueError(
            f"its atom {label!r} may be {element} or {other}, wanted its element in _atom_site_type_symbol"
        )
    if found is None:
        raise ValueError(f"{symbol} is not an element of Z 1 to {len(SYMBOLS)}{_perhaps(letters[0])}")
    return found


def _element_of_label(letters: str, formula: set[str]) -> int | None:
    """Return Z of the element that a label such as Ow or CaA begins with, if the formula has one such alone."""
    possible = {letters[:2].capitalize(), letters[:1].upper()} & formula
    return ATOMIC_NUMBERS.get(possible.pop()) if len(possible) == 1 else None


def _is_ambiguous(letters: str, formula: set[str]) -> bool:
    """Tell whether a label in capitals, such as CO1, names an element or an atom of a group, and no formula decides."""
    if len(letters) != 2 or not letters.isupper() or not ATOMIC_NUMBERS.keys() >= set(letters):
        return False
    return (letters.capitalize() in formula) == (letters[0] in formula)


def _perhaps(letters: str) -> str:
    if letters.lower() in ("va", "vac", "x", "vacancy"):
        return ", perhaps a vacancy"
    if gemmi.Element(letters).atomic_number > len(SYMBOLS):
        return ""
    return ", perhaps a group of atoms" if len(letters) > 1 else ""


def wyckoff_multiplicities(number: int | None, order: int) -> dict[str, int]:
    """Return the multiplicity of each Wyckoff letter of a space group, if its cell has so many operations."""
    if number is None:
        return {}
    positions = standard_group(number).positions
    multiplicities = {WYCKOFF_LETTERS[position.letter]: position.multiplicity for position in positions}
    return multiplicities if max(multiplicities.values()) == order else {}
