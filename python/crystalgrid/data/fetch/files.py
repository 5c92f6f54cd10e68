"""Files of other projects: JARVIS's JSON, ASE's databases; and the Materials Project, by its own client."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...errors import InputError
from .collect import Item
from .properties import properties


def jarvis_items(path: Path) -> Iterator[Item]:
    """Yield the crystals of a JARVIS file, such as jdft_3d: JSON, or a zip archive with one JSON file in it."""
    for i, entry in enumerate(_json(path)):
        yield Item(str(entry.get("jid", i)), {"atoms": entry.get("atoms")}, properties(entry))


def _json(path: Path) -> list[dict[str, Any]]:
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                (name,) = [name for name in archive.namelist() if name.endswith(".json")]
                content = json.loads(archive.read(name))
        else:
            content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: wanted a JSON file of JARVIS, or a zip archive with one: {error}") from None
    if not isinstance(content, list) or not all(isinstance(entry, dict) for entry in content):
        raise InputError(f"{path}: wanted a list of entries, as JARVIS's files have them")
    return content


def ase_items(path: Path) -> Iterator[Item]:
    """Yield the crystals of an ASE database; key-value pairs of the names that are kept become properties."""
    from ase.db import connect

    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        for row in connect(str(path)).select():  # type: ignore[no-untyped-call]
            atoms = row.toatoms()
            structure = {
                "lattice_vectors": atoms.cell.tolist(),
                "cartesian_site_positions": atoms.positions.tolist(),
                "species_at_sites": atoms.get_chemical_symbols(),
                "dimension_types": [int(periodic) for periodic in atoms.pbc],
            }
            yield Item(str(row.key_value_pairs.get("material_id", row.id)), structure, properties(row.key_value_pairs))
    except Exception as error:  # sqlite's, JSON's and ASE's own, for what is no database
        raise InputError(f"{path}: not a database that ASE reads: {' '.join(str(error).split())}") from None


def materials_project_items(api_key: str, **query: Any) -> Iterator[Item]:
    """Yield the crystals of the Materials Project that answer a query, by its own client, which keeps its limits."""
    from mp_api.client import MPRester

    fields = ["material_id", "structure", "energy_above_hull", "formation_energy_per_atom", "band_gap"]
    with MPRester(api_key) as rester:
        yield from summary_items(rester.materials.summary.search(fields=fields, **query))


def summary_items(documents: Any) -> Iterator[Item]:
    """Yield the crystals of summary documents of the Materials Project, as objects or as dictionaries."""
    for document in documents:
        stated = document if isinstance(document, dict) else document.model_dump()
        structure = stated.get("structure")
        content = structure if isinstance(structure, dict) or structure is None else structure.as_dict()
        yield Item(str(stated.get("material_id")), content, properties(stated))
