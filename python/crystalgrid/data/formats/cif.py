"""CIF: gemmi parses the file, and the crystal is compared with the file's own claims about it.

A crystal that is wrong without notice is worse than one that is left out: a file that is ambiguous or contradicts
itself is left out, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gemmi
import numpy as np

from ...crystal import ATOMIC_NUMBERS, SYMBOLS
from ...geometry.cell import Cell
from ...geometry.space_group import space_group
from ...geometry.wyckoff import LETTERS as WYCKOFF_LETTERS
from ...geometry.wyckoff import standard_group
from ..elements import ISOTOPES_TOLD
from .cif_claims import check_claims
from .cif_symmetry import UNSTATED, operations, stated_number, states_symmetry, text
from .entry import Arrays, Disordered, Entry, read_text

CELL = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
SPECIAL = 0.3
"""The distance in Å below which an image is the atom itself, whose position was rounded, as 0.333 for 1/3."""
SAME = 0.1
"""The distance in Å below which two sites of one element are the same site, listed twice."""
DISTORTED = 0.02
"""The share of a side's square by which the cell may deviate from the symmetry that the file states."""
WHOLE = 0.005
"""The largest deviation from an occupancy of one, unless the file states a larger uncertainty."""
NO_SYMMETRY_TOLD = "no symmetry is stated: read as P 1"
EMPTY_TOLD = "sites of occupancy 0 were left off"
FAULTS = {
    "expected block header (data_)": "wanted a block, which begins with data_; is it a CIF?",
    "unterminated text field": "a text field, which begins with a semicolon, has no end",
    "unterminated 'string'": "a value in quotes has no end",
    'unterminated "string"': "a value in quotes has no end",
    "parse error": "not as a CIF has it; is the file cut off?",
    "Wrong number of values in loop": "wanted a value for each column of each row of the loop",
}
"""The words of gemmi for what is wrong in a file, and ours."""
OF_CRYSTAL = ("_cell", "_atom_site_", "_atom_site.", "_symmetry_", "_space_group_", "_chemical_formula_sum")
"""The first words of items that say what the crystal is."""
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


def open_cif(path: Path) -> Iterator[Entry]:
    """Yield the text of the file as one entry."""
    yield Entry(None, parse_cif, read_text(path))


def parse_cif(content: str) -> list[Arrays | Exception]:
    """Return the crystal of every block that has atoms, or the error that reading it raised."""
    try:
        document = gemmi.cif.read_string(content, check_level=0)  # blocks may have the same name
    except (ValueError, RuntimeError) as error:
        raise ValueError(_reason(str(error), content)) from None
    blocks = [block for block in document if _has_atoms(block)]
    if not blocks:
        raise ValueError("no atoms: it has no _atom_site_fract_x")
    found: list[Arrays | Exception] = []
    for block in blocks:
        try:
            found.append(_crystal(block))
        except ValueError as error:  # one that cannot be read does not keep the others from being read
            if len(blocks) == 1:
                raise
            found.append(error)
    return found


def _reason(error: str, content: str) -> str:
    """Say what gemmi found wrong, and where."""
    match = re.match(r"[^:]*:(\d+):\d+\(\d+\): (.*)", error, re.DOTALL)
    if match is None:
        return f"not a CIF ({error})"
    what = match[2].strip()
    for fault, in_our_words in FAULTS.items():
        what = what.replace(fault, in_our_words)
    return f"line {match[1]}: {what}"


def _has_atoms(block: Any) -> bool:
    return (
        any(len(block.find_values(f"_atom_site{mark}fract_x")) > 0 for mark in "_.")
        or _column(block, "cartn_x") is not None
    )


def _column(block: Any, name: str) -> list[str] | None:
    """Return a column of the atoms as plain strings, or None where there is no such column."""
    for mark in "_.":
        column = block.find_values(f"_atom_site{mark}{name}")
        if len(column):
            return [gemmi.cif.as_string(value).strip() for value in column]
    return None


def _number(value: str) -> tuple[float, float]:
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


def _check_items(block: Any) -> None:
    """Raise ValueError if an item about the crystal stands twice in a block, unless with the same value."""
    values: dict[str, str | None] = {}
    for item in block:
        stated = [item.pair] if item.pair else [(tag, None) for tag in item.loop.tags] if item.loop else []
        for tag, value in stated:
            name = tag.lower()
            if name in values and (value is None or value != values[name]) and name.startswith(OF_CRYSTAL):
                raise ValueError(f"its {tag} stands twice")
            values[name] = value


def _crystal(block: Any) -> Arrays:
    _check_items(block)
    dimension = text(block, ("_cell_modulation_dimension",))
    if dimension not in ("", "0"):
        raise ValueError(f"it is modulated (_cell_modulation_dimension {dimension}), and its atoms are an average")
    cell = _cell(block)
    lattice = np.array(cell.orth.mat.tolist()).T
    rotations, translations, listed = operations(block, cell)
    _check_metric(rotations, lattice)
    listed_sites = _sites(block, _multiplicities_of_letters(stated_number(block, cell), len(rotations)))
    sites = _merged(listed_sites, lattice)
    frac_coords, numbers = _expanded(sites, rotations, translations, lattice)
    if listed and len(rotations) == 1:
        _check_listed_atoms(Cell(lattice, frac_coords, numbers), stated_number(block, cell))
    isotopes = any(site.isotope for site in sites)
    try:
        check_claims(block, numbers, abs(float(np.linalg.det(lattice))), listed, isotopes)
    except ValueError as error:
        if again := len(listed_sites) - len(sites):
            raise ValueError(f"{error}; sites left off within {SAME} Å of another of their element: {again}") from error
        raise
    notes = [ISOTOPES_TOLD] if isotopes else []
    if not listed and not states_symmetry(block):
        notes.append(NO_SYMMETRY_TOLD)
    if any(occupancy not in UNSTATED and _number(occupancy)[0] == 0 for occupancy in _column(block, "occupancy") or []):
        notes.append(EMPTY_TOLD)
    return Arrays(lattice, frac_coords, numbers, "; ".join(notes))


def _check_metric(rotations: np.ndarray, lattice: np.ndarray) -> None:
    """Raise ValueError unless the rotations [M, 3, 3] keep the lengths and angles of the cell."""
    metric = lattice @ lattice.T
    change = np.abs(rotations.transpose(0, 2, 1) @ metric @ rotations - metric).max()
    if change > DISTORTED * np.diag(metric).max():
        lengths = " ".join(f"{length:.4g}" for length in np.linalg.norm(lattice, axis=1))
        raise ValueError(f"its symmetry operations do not fit its cell, of {lengths} Å")


def _check_listed_atoms(cell: Cell, number: int | None) -> None:
    """Raise ValueError unless a cell that is listed without symmetry operations has the space group of this number."""
    if number in (None, 1):
        return
    found = space_group(cell, SAME)
    if found.number != number:
        raise ValueError(f"it lists no operation but x,y,z and says space group {number}, its atoms have {found}")


def _multiplicities_of_letters(number: int | None, order: int) -> dict[str, int]:
    """Return the multiplicity of each Wyckoff letter of a space group, if its cell has so many operations."""
    if number is None:
        return {}
    positions = standard_group(number).positions
    multiplicities = {WYCKOFF_LETTERS[position.letter]: position.multiplicity for position in positions}
    return multiplicities if max(multiplicities.values()) == order else {}


def _cell(block: Any) -> gemmi.UnitCell:
    values = []
    for name in CELL:
        given = text(block, (f"_cell_{name}", f"_cell.{name}"))
        if not given:
            raise ValueError(f"it has no _cell_{name}; wanted three sides and three angles of its cell")
        value = _number(given)[0]
        if not value > 0:
            raise ValueError(f"its _cell_{name} is {given!r}, wanted a positive number")
        values.append(value)
    cell = gemmi.UnitCell(*values)
    if not cell.volume > 0:
        raise ValueError(f"its cell {' '.join(f'{value:g}' for value in values)} spans no space")
    return cell


def _sites(block: Any, multiplicities_of_letters: dict[str, int]) -> list[Site]:
    """Return the atoms that the block lists; raises ValueError for one that stands for something else."""
    columns = {name: column for name in COLUMNS if (column := _column(block, name)) is not None}
    symbols = columns.get("type_symbol")
    labels = columns.get("label") or _column(block, "label_atom_id") or symbols or []
    if not labels:
        raise ValueError("its atoms have neither _atom_site_label nor _atom_site_type_symbol")
    _check_whole(block, labels)
    coordinates = _coordinates(columns)
    occupancies = columns.get("occupancy")
    formula = set(LETTERS.findall(text(block, ("_chemical_formula_sum",))))
    elements = formula | {match[0] for symbol in symbols or () if (match := LETTERS.match(symbol))}
    multiplicities = _column(block, "symmetry_multiplicity") or _column(block, "site_symmetry_multiplicity")
    letters = _column(block, "wyckoff_symbol") or _column(block, "wyckoff_label")
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
        multiplicity = _number(multiplicities[i])[0] if multiplicities else np.nan
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
    return np.array([[_number(value)[0] for value in columns[f"fract_{axis}"]] for axis in "xyz"]).T


def _without_position(label: str, values: list[str]) -> str:
    """Return in words that an atom has no position, or one that is no number."""
    name = repr(label) if label else "an atom without a label"
    if all(value in UNSTATED for value in values):
        return f"{name} has no position"
    return f"the position of {name} is {' '.join(values)!r}, wanted three decimal numbers"


def _check_whole(block: Any, labels: list[str]) -> None:
    """Raise ValueError where sites stand for more than one atom, or for one of several arrangements."""
    for label, attached in zip(labels, _column(block, "attached_hydrogens") or [], strict=False):
        if attached not in UNSTATED and _number(attached)[0] > 0:
            raise ValueError(f"hydrogen is missing: {label} has {attached} attached to it, without a position")
    for label, flag in zip(labels, _column(block, "calc_flag") or [], strict=False):
        if flag.lower() == "dum":
            raise ValueError(f"its atom {label!r} is a dummy (_atom_site_calc_flag dum), wanted atoms alone")
    groups = {group for group in _column(block, "disorder_group") or [] if group not in (*UNSTATED, "0")}
    if len(groups) > 1 or any(group.startswith("-") for group in groups):
        raise Disordered(f"alternatives of its atoms, in disorder groups {', '.join(sorted(groups))}")


def _is_empty(occupancy: str, label: str) -> bool:
    """Tell whether nothing is at a site; raises Disordered for a part of an atom."""
    if occupancy in UNSTATED:
        return False
    value, uncertainty = _number(occupancy)
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
    if found is None:
        raise ValueError(f"{symbol} is not an element of Z 1 to {len(SYMBOLS)}{_perhaps(letters[0])}")
    return found


def _element_of_label(letters: str, formula: set[str]) -> int | None:
    """Return Z of the element that a label such as Ow or CaA begins with, if the formula has one such alone."""
    possible = {letters[:2].capitalize(), letters[:1].upper()} & formula
    return ATOMIC_NUMBERS.get(possible.pop()) if len(possible) == 1 else None


def _perhaps(letters: str) -> str:
    if letters.lower() in ("va", "vac", "x", "vacancy"):
        return ", perhaps a vacancy"
    if gemmi.Element(letters).atomic_number > len(SYMBOLS):
        return ""
    return ", perhaps a group of atoms" if len(letters) > 1 else ""


def _merged(sites: list[Site], lattice: np.ndarray) -> list[Site]:
    """Return the sites less those that are listed again, in the same place or a lattice vector away."""
    kept: list[Site] = []
    for site in sites:
        if not any(_is_again(site, other, lattice) for other in kept if other.number == site.number):
            kept.append(site)
    return kept


def _is_again(site: Site, other: Site, lattice: np.ndarray) -> bool:
    apart = site.frac_coords - other.frac_coords
    # Wrapping is right: whatever the cell, a vector this short is the nearest of its images.
    return float(np.linalg.norm((apart - np.rint(apart)) @ lattice)) < SAME


def _expanded(
    sites: list[Site], rotations: np.ndarray, translations: np.ndarray, lattice: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return fractional coordinates [n, 3] and numbers [n] of all atoms in the cell."""
    numbers: list[int] = []
    done = np.zeros((0, 3))
    for site in sites:
        images = site.frac_coords @ rotations.transpose(0, 2, 1) + translations
        again = np.array(numbers)[(_distances(images[:1], done, lattice) < SAME).any(axis=0)]
        if len(again):
            if (again == site.number).all():
                continue  # an image of a site that was listed before
            raise ValueError(f"two atoms in one place: {site.label} and one of {SYMBOLS[again[0] - 1]}")
        orbit = _orbit(site.frac_coords, images, rotations, translations, lattice)
        _check_multiplicity(site, len(orbit), len(rotations))
        numbers += [site.number] * len(orbit)
        done = np.concatenate([done, orbit])
    return done, np.array(numbers, dtype=np.int64)


def _check_multiplicity(site: Site, found: int, order: int) -> None:
    """Raise ValueError unless a site stands for as many atoms in the cell as the file states.

    Some programs write the order of the site's symmetry instead, the number of all operations over that of atoms.
    """
    if not np.isnan(site.multiplicity) and site.multiplicity not in (found, order // found):
        raise ValueError(
            f"its site {site.label} has multiplicity {site.multiplicity:g}, its symmetry operations make {found} of it"
        )
    if not np.isnan(site.multiplicity_of_letter) and site.multiplicity_of_letter != found:
        raise ValueError(
            f"its site {site.label} is on a Wyckoff position of multiplicity {site.multiplicity_of_letter:g}, "
            f"its symmetry operations make {found} of it"
        )


def _orbit(
    point: np.ndarray, images: np.ndarray, rotations: np.ndarray, translations: np.ndarray, lattice: np.ndarray
) -> np.ndarray:
    """Return the different images [m, 3] of a point, once it is put where the operations that all but keep it meet."""
    apart = images - point
    whole = np.rint(apart)
    keep = np.linalg.norm((apart - whole) @ lattice, axis=1) < SPECIAL
    if keep.sum() == 1:  # two images could only coincide if a further operation kept the point
        general: np.ndarray = images % 1.0
        return general
    point = (images[keep] - whole[keep]).mean(axis=0)
    return _different((point @ rotations.transpose(0, 2, 1) + translations) % 1.0, lattice)


def _different(images: np.ndarray, lattice: np.ndarray) -> np.ndarray:
    """Return the images less those that lie on an earlier one."""
    first = (_distances(images, images, lattice) < SAME).argmax(axis=1)
    different: np.ndarray = images[np.unique(first)]
    return different


def _distances(a: np.ndarray, b: np.ndarray, lattice: np.ndarray) -> np.ndarray:
    """Return [A, B] Å between points, where less than `SAME`, and otherwise at least that."""
    apart = a[:, None] - b
    apart = (apart - np.rint(apart)).reshape(-1, 3) @ lattice
    distances: np.ndarray = np.sqrt(np.einsum("ni,ni->n", apart, apart)).reshape(len(a), len(b))
    return distances
