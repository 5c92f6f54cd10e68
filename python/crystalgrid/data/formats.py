"""Formats: what a file holds, one entry per crystal to be, and how an entry is parsed, by pymatgen where it can."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..crystal import LEAST_VOLUME
from .parquet import read_parquet
from .xyz import frames, parse_frame, values_of

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]
"""lattice [3, 3], frac_coords [n, 3], numbers [n]."""
Entry = tuple[str | None, Callable[..., Any], Any]
"""Id if the file gives one; parser, which makes a list of Arrays or the errors that came instead (`read_parquet`: the
whole set); what to parse."""
ID_NAMES = ("material_id", "immutable_id", "entry_id", "id")
OCCUPANCY = "_atom_site_occupancy"
SYMMETRY = re.compile(
    r"^\s*_(?:symmetry_|space_group_)(?:space_group_)?(?:name_\S+|IT_number|Int_Tables_number)[ \t]+(\S.*)$",
    re.MULTILINE | re.IGNORECASE,
)
CLOSEST = 0.5
"""Å; atoms that are closer are one whose position was rounded, as a special one of 1/3 that is given as 0.333."""
DATA_BLOCK = re.compile(r"^(?=data_)", re.MULTILINE | re.IGNORECASE)
csv.field_size_limit(2**31 - 1)  # a CIF can be longer than the 128 kB that a field may have


class Disordered(ValueError):
    """Sites are occupied in part, which one atom per site cannot tell."""


def without(ending: str, name: str) -> str:
    """`name` without that ending, in capitals or not."""
    return name[: -len(ending)] if name.lower().endswith(ending) else name


def _text(path: Path) -> str:
    with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
        return file.read().decode("utf-8-sig", errors="replace")


def open_cif(path: Path) -> Iterator[Entry]:
    yield None, parse_cif, _text(path)


def open_poscar(path: Path) -> Iterator[Entry]:
    yield None, parse_poscar, _text(path)


def open_parquet(path: Path) -> Iterator[Entry]:
    yield None, read_parquet, path


def open_xyz(path: Path) -> Iterator[Entry]:
    for frame in frames(_text(path).splitlines()):
        yield None, parse_xyz, frame


def open_csv(path: Path) -> Iterator[Entry]:
    """A row per crystal, its CIF in the column `cif`."""
    rows = csv.DictReader(io.StringIO(_text(path), newline=""))
    if "cif" not in (rows.fieldnames or []):
        raise ValueError(f"wanted a column named cif, got {', '.join(rows.fieldnames or ['no columns'])}")
    for row in rows:
        yield _id(row), parse_cif, row["cif"] or ""


def open_json(path: Path) -> Iterator[Entry]:
    """A Structure or an entry with a `structure`, a list of these, or a dictionary of these by id."""
    content = json.loads(_text(path))
    if isinstance(content, dict) and not {"structure", "lattice"} & content.keys():
        entries = list(content.items())
    else:
        entries = [(None, entry) for entry in (content if isinstance(content, list) else [content])]
    for name, entry in entries:
        yield name or _id(entry), parse_structure, entry.get("structure", entry) if isinstance(entry, dict) else entry


def _id(entry: Any) -> str | None:
    return next((str(entry[name]) for name in ID_NAMES if entry.get(name)), None) if isinstance(entry, dict) else None


OPENERS: dict[str, Callable[[Path], Iterator[Entry]]] = {
    ".cif": open_cif, ".vasp": open_poscar, ".poscar": open_poscar, ".parquet": open_parquet, ".xyz": open_xyz,
    ".extxyz": open_xyz, ".csv": open_csv, ".json": open_json,
}  # fmt: skip
SINGLE = (".cif", ".vasp", ".poscar", ".parquet")
"""Formats with one entry per file."""


def parse_cif(text: str) -> list[Arrays | Exception]:
    """The structure of every data block of a CIF that has atoms, or why it cannot be read."""
    if "_atom_site" not in text:
        raise ValueError("no atoms: nothing in it begins with _atom_site")
    blocks = [block for block in DATA_BLOCK.split(text) if "_atom_site" in block]
    if len(blocks) == 1:
        return [_parse_block(text)]
    found: list[Arrays | Exception] = []
    for block in blocks:
        try:
            found.append(_parse_block(block))
        except Exception as error:  # as in files, one that cannot be read does not keep the others from being read
            found.append(error)
    return found


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
    return _arrays(structures[0])


def _readable_occupancies(text: str) -> str:
    """A CIF whose unknown occupancies, which pymatgen takes for none, are whole; ValueError for negative ones."""
    from pymatgen.io.cif import CifFile

    if OCCUPANCY not in text:
        return text
    file, unknown = CifFile.from_str(text), False
    for block in file.data.values():
        given = block.data.get(OCCUPANCY, [])
        if any(one.lstrip().startswith("-") for one in given):
            raise ValueError(f"an occupancy of {min(given)}")
        unknown |= any(one in (".", "?") for one in given)
        if given:
            block.data[OCCUPANCY] = ["1" if one in (".", "?") else one for one in given]
    return str(file) if unknown else text


def _unknown_symmetry(text: str, warnings_: list[str]) -> str:
    """What a CIF gives as its symmetry, where pymatgen knew no better than to take none."""
    if not any("Defaulting to P1" in one for one in warnings_):
        return ""
    given = (match[1].strip(" '\"") for match in SYMMETRY.finditer(text))
    return next((one for one in given if one.replace(" ", "").upper() not in ("P1", "1", "?", ".", "")), "")


def parse_poscar(text: str) -> list[Arrays]:
    """The structure of a POSCAR, which must name its species: pymatgen would warn and guess."""
    from pymatgen.io.vasp.inputs import BadPoscarWarning, Poscar

    with warnings.catch_warnings():
        warnings.simplefilter("error", BadPoscarWarning)
        return [_arrays(Poscar.from_str(_scaled(text), read_velocities=False).structure)]


def _scaled(text: str) -> str:
    """A POSCAR that gives its volume, as a negative scale, with the scale instead (pymatgen gets positions wrong)."""
    lines = text.splitlines()
    try:
        scale, vectors = float(lines[1]), np.array([line.split()[:3] for line in lines[2:5]], dtype=np.float64)
    except (ValueError, IndexError):
        return text  # which pymatgen has the words for
    volume = abs(np.linalg.det(vectors)) if vectors.shape == (3, 3) else 0.0
    if scale >= 0 or volume == 0:
        return text
    return "\n".join([lines[0], repr(float((-scale / volume) ** (1 / 3))), *lines[2:]])


def parse_xyz(frame: str) -> list[Arrays]:
    """The structure of one frame."""
    periodic = values_of(frame).get("pbc", "T T T").split()
    if any(one.upper().startswith("F") or one == "0" for one in periodic):
        raise ValueError(f"pbc: wanted T T T, a crystal, got {' '.join(periodic)}")
    return [parse_frame(frame)]


def parse_structure(entry: Any) -> list[Arrays]:
    """A structure as pymatgen's as_dict gives it."""
    from pymatgen.core import Structure

    if not isinstance(entry, dict):
        raise ValueError(f"wanted a pymatgen Structure, got {type(entry).__name__}")
    if "lattice" not in entry:
        raise ValueError("no lattice: not a pymatgen Structure")
    return [_arrays(Structure.from_dict(entry))]


def _arrays(structure: Any) -> Arrays:
    if not structure.is_ordered:
        raise Disordered("a site has partial occupancy")
    if structure.volume > LEAST_VOLUME * len(structure) and not structure.is_valid(CLOSEST):
        raise ValueError(f"two atoms less than {CLOSEST} Å apart; perhaps a special position was rounded")
    numbers = np.array([getattr(site.specie, "Z", 0) for site in structure], dtype=np.int64)
    return structure.lattice.matrix, structure.frac_coords, numbers
