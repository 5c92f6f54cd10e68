"""The data that the scripts of a page show: columns, drawings, CIF files, distributions, phase diagrams; for JSON."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import numpy as np

from ...crystal import Crystal
from ...data.crystalset import CrystalSet
from ...errors import InputError
from ...pool import Workers, in_processes
from ...progress import progress
from ...worth.hull import Hull
from ...worth.references import load_hull
from ...worth.validity import SYMPREC
from .as_shown import Columns
from .columns import COLUMNS, column
from .drawing import drawing, elements
from .phases import phase_diagrams
from .source import Reported

MOST_BYTES = 14_000_000
"""The most bytes of crystals in a page, which leaves a megabyte for all else."""
CHUNK_SIZE = 32
"""The number of crystals that a process draws at a time; no process is started for fewer."""


def content(found: Reported, hull: str | None, workers: Workers) -> tuple[Reported, dict[str, Any]]:
    """Return the crystals that a page has room for, and what its scripts show of them.

    hull: the name or file of reference energies; by default the one that relaxing took.
    """
    drawings, cifs = _drawn(found.crystals, workers)
    kept = len(drawings)
    columns = {name: values[:kept] for name, values in found.columns.items()}
    found = found._replace(crystals=found.crystals[:kept], columns=columns)
    above = np.array(columns.get("energy_above_hull", [None] * kept), dtype=float)
    # Without their energies nothing says how high crystals are beside the known phases.
    references = _hull_of(found, hull) if "energy_per_atom" in columns else None
    return found, {
        "columns": _described(columns),
        "drawings": drawings,
        "cifs": cifs,
        "elements": elements(found.crystals.numbers),
        "phases": phase_diagrams(found.crystals, np.isfinite(above), references),
    }


def _drawn(crystals: CrystalSet, workers: Workers) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the drawings and the CIF files of the first crystals, as many as a page has room for."""
    drawings, cifs, size = list[dict[str, Any]](), list[str](), 0
    parts = in_processes(_drawing_and_cif, ((crystal,) for crystal in crystals), workers, CHUNK_SIZE)
    with closing(parts):
        for picture, cif in progress(parts, "drawing", len(crystals)):
            size += len(json.dumps(picture, separators=(",", ":"))) + len(json.dumps(cif))
            if size > MOST_BYTES and drawings:
                break
            drawings.append(picture)
            cifs.append(cif)
    return drawings, cifs


def _drawing_and_cif(crystal: Crystal) -> tuple[dict[str, Any], str]:
    return drawing(crystal), crystal.to_cif(SYMPREC)


def _described(columns: Columns) -> dict[str, dict[str, Any]]:
    """Return columns with all that a page needs to show them, the explained ones first."""
    names = [name for name in COLUMNS if name in columns] + [name for name in columns if name not in COLUMNS]
    return {name: {**column(name)._asdict(), "values": list(map(_short, columns[name]))} for name in names}


def _short(value: Any) -> Any:
    """Return a value as JSON has it: numbers of six digits, null for what is not finite."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value


def _hull_of(found: Reported, hull: str | None) -> Hull | None:
    """Return the named hull, or the one that the last relaxation took; None if nothing tells or its file is gone."""
    if hull is not None:
        return load_hull(hull)
    names = [step["settings"]["hull"] for step in found.steps if step.get("settings", {}).get("hull")]
    try:
        return load_hull(names[-1]) if names else None
    except InputError:
        return None
