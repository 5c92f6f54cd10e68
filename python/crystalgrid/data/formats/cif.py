"""CIF, by pymatgen, whose silent corrections that would change the crystal are refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from .entry import Arrays, Entry, arrays_of, read_text

OCCUPANCY = "_atom_site_occupancy"
SYMMETRY = re.compile(
    r"^\s*_(?:symmetry_|space_group_)(?:space_group_)?(?:name_\S+|IT_number|Int_Tables_number)[ \t]+(\S.*)$",
    re.MULTILINE | re.IGNORECASE,
)
DATA_BLOCK = re.compile(r"^(?=data_)", re.MULTILINE | re.IGNORECASE)


def open_cif(path: Path) -> Iterator[Entry]:
    """Yield the text of the file as one entry."""
    yield Entry(None, parse_cif, read_text(path))


def parse_cif(text: str) -> list[Arrays | Exception]:
    """Return the structure of every data block that has atoms, or the error that reading it raised."""
    if "_atom_site" not in text:
        raise ValueError("no atoms: nothing in it begins with _atom_site")
    blocks = [block for block in DATA_BLOCK.split(text) if "_atom_site" in block]
    if len(blocks) == 1:
        return [_parse_block(text)]
    results: list[Arrays | Exception] = []
    for block in blocks:
        try:
            results.append(_parse_block(block))
        except Exception as error:  # a block that cannot be read must not keep the others from being read
            results.append(error)
    return results


def _parse_block(text: str) -> Arrays:
    from pymatgen.io.cif import CifParser

    text = _readable_occupancies(text)
    parser = CifParser.from_str(text)
    try:
        structures = parser.parse_structures(primitive=False, on_error="ignore")
    except ValueError as error:
        raise ValueError("; ".join(getattr(parser, "warnings", [])) or str(error)) from error
    if symmetry := _unknown_symmetry(text, getattr(parser, "warnings", [])):
        raise ValueError(f"its symmetry {symmetry!r} is not known; wanted the symmetry operations in it")
    return arrays_of(structures[0])


def _readable_occupancies(text: str) -> str:
    """Return the CIF with unknown occupancies (. and ?), which pymatgen reads as 0, as 1; refuse negative ones."""
    from pymatgen.io.cif import CifFile

    if OCCUPANCY not in text:
        return text
    file, changed = CifFile.from_str(text), False
    for block in file.data.values():
        occupancies = block.data.get(OCCUPANCY, [])
        if any(occupancy.lstrip().startswith("-") for occupancy in occupancies):
            raise ValueError(f"an occupancy of {min(occupancies)}")
        changed |= any(occupancy in (".", "?") for occupancy in occupancies)
        if occupancies:
            block.data[OCCUPANCY] = ["1" if occupancy in (".", "?") else occupancy for occupancy in occupancies]
    return str(file) if changed else text


def _unknown_symmetry(text: str, warnings: list[str]) -> str:
    """Return the symmetry that the CIF names if pymatgen did not know it and took P1 instead, else ''."""
    if not any("Defaulting to P1" in warning for warning in warnings):
        return ""
    symmetries = (match[1].strip(" '\"") for match in SYMMETRY.finditer(text))
    return next((name for name in symmetries if name.replace(" ", "").upper() not in ("P1", "1", "?", ".", "")), "")
