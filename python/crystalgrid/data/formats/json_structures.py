"""JSON and JSON lines: pymatgen's structures, OPTIMADE's answers, JARVIS's, ASE's and pandas' files, CIFs in these.

A file holds one structure, a list of them, an object with one under each id, or a table.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..crystalset import fractional
from ..elements import elements
from .cif import parse_cif
from .cif_claims import check_formula
from .entry import Arrays, Disordered, Entry, check_periodic, id_of, read_text, split_of

HOLDERS = ("@class", "sites", "structure", "atoms", "cif", "lattice", "attributes", "lattice_vectors")
"""The keys that show that an object is one crystal."""


def open_json(path: Path) -> Iterator[Entry]:
    """Yield each structure of a file, with the split that its entry says."""
    for name, item in _items(_content(read_text(path))):
        entry = item if isinstance(item, dict) else {}
        yield Entry(id_of(entry) or name, parse_structure, item, split_of(entry))


def _content(text: str) -> Any:
    """Return what a file holds; of JSON lines, the list of them."""
    try:
        return json.loads(text)
    except ValueError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) > 1 and _is_json(lines[0]):  # a line that is damaged does not keep the others from being read
            return [json.loads(line) if _is_json(line) else line for line in lines]
        raise ValueError(f"not JSON, or damaged{_place(error)}") from None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _place(error: ValueError) -> str:
    return f": line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""


def _items(content: Any) -> Iterator[tuple[str | None, Any]]:
    """Yield the crystals of a file with the names that their keys give them."""
    if isinstance(content, list):
        yield from ((None, item) for item in content)
    elif not isinstance(content, dict) or any(_holds(content, key) for key in HOLDERS):
        yield None, content
    elif {"ids", "nextid"} <= content.keys():  # ASE
        yield from ((None, content.get(str(row))) for row in content["ids"])
    elif isinstance(content.get("data"), list | dict) and "columns" not in content:  # OPTIMADE
        data = content["data"]
        yield from ((None, item) for item in (data if isinstance(data, list) else [data]))
    elif {"columns", "data"} <= content.keys():  # pandas, orient="split"
        names = content.get("index", range(len(content["data"])))
        for name, row in zip(names, content["data"], strict=True):
            yield str(name), dict(zip(content["columns"], row, strict=True))
    elif any(key in content for key in ("structure", "atoms", "cif")):  # pandas, a column under each name
        rows = next(content[key] for key in ("structure", "atoms", "cif") if key in content)
        for name in rows:
            yield name, {key: column.get(name) for key, column in content.items() if isinstance(column, dict)}
    else:
        yield from content.items()


def _holds(content: dict[str, Any], key: str) -> bool:
    """Tell whether an object is one crystal by this key, and no table of which it is a column."""
    value = content.get(key)
    if value is None:
        return False
    table = key in ("structure", "atoms", "cif") and isinstance(value, dict)
    return not (table and not {"lattice", "sites", "lattice_mat", "@class"} & value.keys())


def parse_structure(item: Any) -> list[Arrays | Exception]:
    """Return the crystal of one item, in whatever form it is."""
    if isinstance(item, str) and not item.strip():
        raise ValueError("nothing is in its field, wanted a structure or a CIF")
    if isinstance(item, str):  # text of JSON, or of a CIF, in a field
        return parse_structure(_content(item)) if item.lstrip().startswith("{") else parse_cif(item)
    if not isinstance(item, dict):
        raise ValueError(f"wanted a structure, got {type(item).__name__}")
    for key in ("structure", "cif"):
        if item.get(key) is not None:
            return parse_structure(item[key])
    if isinstance(item.get("atoms"), dict):
        return [_jarvis(item["atoms"])]
    if isinstance(item.get("attributes"), dict) or "lattice_vectors" in item:
        return [_optimade(item.get("attributes", item))]
    if "lattice" in item and "sites" in item:
        return [_pymatgen(item)]
    if "lattice_mat" in item:
        return [_jarvis(item)]
    if {"cell", "positions", "numbers"} <= item.keys():
        return [_ase(item)]
    raise ValueError("wanted a structure of pymatgen, OPTIMADE, JARVIS or ASE, or a CIF: no lattice in it")


def _pymatgen(item: dict[str, Any]) -> Arrays:
    """Return a structure as pymatgen's `as_dict` writes it."""
    lattice = _numbers(item["lattice"].get("matrix") if isinstance(item["lattice"], dict) else None, "lattice.matrix")
    check_periodic(item["lattice"].get("pbc", (True, True, True)))
    symbols, coordinates = [], []
    for site in item["sites"]:
        species = site.get("species") or []
        if len(species) != 1 or abs(float(species[0].get("occu", 1)) - 1) > 1e-3:
            raise Disordered("a site has partial occupancy")
        symbols.append(species[0].get("element", ""))
        coordinates.append(site.get("abc"))
    numbers, note = elements(symbols)
    return Arrays(lattice, _numbers(coordinates, "sites"), numbers, note)


def _optimade(stated: dict[str, Any]) -> Arrays:
    """Return a structure as OPTIMADE's attributes describe it."""
    check_periodic(stated.get("dimension_types") or (1, 1, 1))
    if stated.get("nperiodic_dimensions", 3) not in (3, None):
        raise ValueError(f"it says that it is periodic in {stated['nperiodic_dimensions']} directions, wanted 3")
    features = set(stated.get("structure_features") or [])
    if features & {"disorder", "assemblies"}:
        raise Disordered("it says that it is disordered")
    if features & {"implicit_atoms", "site_attachments", "unknown_positions"}:
        raise ValueError(f"it says that atoms have no positions ({', '.join(sorted(features))})")
    elements_of = {}
    for species in stated.get("species") or []:
        listed = species.get("chemical_symbols") or []
        if len(listed) != 1 or any(share < 0.999 for share in species.get("concentration") or []):
            raise Disordered(f"species {species.get('name')} is not one element")
        if species.get("attached"):
            raise ValueError(f"{', '.join(species['attached'])} attached to {species['name']}, without positions")
        elements_of[species.get("name")] = listed[0]
    numbers, note = elements(elements_of.get(name, name) for name in stated.get("species_at_sites") or [])
    check_formula(str(stated.get("chemical_formula_reduced") or ""), numbers)
    for name, count in (("nsites", len(numbers)), ("nelements", len(set(numbers.tolist())))):
        if stated.get(name) not in (None, count):
            raise ValueError(f"it says {name} {stated[name]}, its atoms make {count}")
    lattice = _numbers(stated.get("lattice_vectors"), "lattice_vectors")
    positions = _numbers(stated.get("cartesian_site_positions"), "cartesian_site_positions")
    return _from_positions(lattice, positions, numbers, note)


def _jarvis(atoms: dict[str, Any]) -> Arrays:
    """Return a structure as JARVIS's `atoms` describe it."""
    lattice = _numbers(atoms.get("lattice_mat"), "lattice_mat")
    coordinates = _numbers(atoms.get("coords"), "coords")
    numbers, note = elements(atoms.get("elements") or [])
    if atoms.get("cartesian") in (True, "True", "true"):
        return _from_positions(lattice, coordinates, numbers, note)
    return Arrays(lattice, coordinates, numbers, note)


def _ase(atoms: dict[str, Any]) -> Arrays:
    """Return a structure as a JSON file of ASE describes it."""
    check_periodic(_plain(atoms.get("pbc")) or (False, False, False))
    lattice = _numbers(_plain(atoms["cell"]), "cell")
    positions = _numbers(_plain(atoms["positions"]), "positions")
    numbers = np.array(_plain(atoms["numbers"]), dtype=np.int64)
    return _from_positions(lattice, positions, numbers, "")


def _plain(value: Any) -> Any:
    """Return an array of ASE's as nested lists: it stands for itself, or in an object with its shape and type."""
    if isinstance(value, dict):
        value = value.get("array", value)
    if isinstance(value, dict) and "__ndarray__" in value:
        shape, _, numbers = value["__ndarray__"]
        return np.reshape(numbers, shape).tolist()
    return value


def _from_positions(lattice: np.ndarray, positions: np.ndarray, numbers: np.ndarray, note: str) -> Arrays:
    if len(lattice) != 3:
        raise ValueError(f"lattice: wanted three vectors, got {len(lattice)}")
    coordinates = fractional(positions, lattice[None], np.zeros(len(positions), int))
    return Arrays(lattice, coordinates, numbers, note)


def _numbers(values: Any, name: str) -> np.ndarray:
    """Return vectors of three numbers [n, 3]."""
    try:
        vectors = np.array(values, dtype=np.float64)  # null becomes NaN
    except (TypeError, ValueError):
        vectors = np.zeros(0)
    if values == []:
        return np.zeros((0, 3))
    if vectors.ndim != 2 or vectors.shape[1] != 3:
        raise ValueError(f"{name}: wanted vectors of three numbers")
    return vectors
