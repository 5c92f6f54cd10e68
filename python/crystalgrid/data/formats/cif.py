"""CIF: gemmi parses the file, and the crystal is compared with the file's own claims about it.

A crystal that is wrong without notice is worse than one that is left out: a file that is ambiguous or contradicts
itself is left out, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gemmi
import numpy as np

from ...geometry.cell import Cell
from ...geometry.space_group import space_group
from ..elements import ISOTOPES_TOLD
from .cif_atoms import SAME, expanded, merged
from .cif_claims import check_claims
from .cif_sites import read_column, read_number, read_sites, wyckoff_multiplicities
from .cif_symmetry import UNSTATED, operations, stated_number, states_symmetry, text
from .entry import Arrays, Entry, read_text

CELL = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
DISTORTED = 0.02
"""The share of a side's square by which the cell may deviate from the symmetry that the file states."""
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
        or read_column(block, "cartn_x") is not None
    )


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
    number = stated_number(block, cell)
    listed_sites = read_sites(block, wyckoff_multiplicities(number, len(rotations)))
    sites = merged(listed_sites, lattice)
    frac_coords, numbers = expanded(sites, rotations, translations, lattice)
    if listed and len(rotations) == 1:
        _check_listed_atoms(Cell(lattice, frac_coords, numbers), number)
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
    if any(
        occupancy not in UNSTATED and read_number(occupancy)[0] == 0
        for occupancy in read_column(block, "occupancy") or []
    ):
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


def _cell(block: Any) -> gemmi.UnitCell:
    values = []
    for name in CELL:
        given = text(block, (f"_cell_{name}", f"_cell.{name}"))
        if not given:
            raise ValueError(f"it has no _cell_{name}; wanted three sides and three angles of its cell")
        value = read_number(given)[0]
        if not value > 0:
            raise ValueError(f"its _cell_{name} is {given!r}, wanted a positive number")
        values.append(value)
    cell = gemmi.UnitCell(*values)
    if not cell.volume > 0:
        raise ValueError(f"its cell {' '.join(f'{value:g}' for value in values)} spans no space")
    return cell
