"""The making of a file of reference energies from crystals and their energies by any method."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from ..crystal import ATOMIC_NUMBERS, MAX_Z, SYMBOLS
from ..data.parquet import read_parquet
from ..data.sources import all_in_one
from ..errors import InputError
from ..files import check_output
from ..geometry.elements import reduced_formula
from ..pool import Workers, in_processes
from ..progress import progress
from .element_references import element_energy
from .hull import Hull
from .references import write_references

NEAR_HULL = 0.1
"""eV/atom; phases that are farther above the hull of their elements are not kept."""
ENERGY_COLUMNS = ("energy_per_atom", "immutable_id")
CHUNK_SIZE = 512


def build_hull(
    source: Path, out: Path, energies: Path | None, calculator: str | None, description: str, workers: Workers
) -> None:
    """Write the phases on the hull of each chemical system and those within 0.1 eV/atom of it; print what is lacking.

    source: a Parquet file of crystals with a column energy_per_atom, a folder that `relax` wrote, or JSON of pymatgen's
    computed entries. energies: a Parquet or CSV file with the energies of its crystals. calculator: a potential that
    gives energies of elements which the source does not have by themselves.
    """
    check_output(out)
    source = all_in_one(source)
    hull = entries_hull(source) if source.suffix == ".json" else crystals_hull(source, energies)
    if len(hull.energies) == 0:
        raise InputError(f"{source}: no crystal of it has an energy")
    everything = np.flatnonzero(hull.counts.any(axis=0))
    lacking = hull.missing(everything)
    if lacking and calculator:
        hull = with_elements(hull, lacking, calculator)
        lacking = hull.missing(everything)
    above = energies_above(hull, workers)
    kept = ~(above > NEAR_HULL)  # those without a number are kept: an element may be added to the file
    formulas = [reduced_formula(np.repeat(np.arange(MAX_Z + 1), row)) for row in hull.counts]
    write_references(out, hull, kept, formulas, {"description": description, "source": source.name})
    print(
        f"{out}: {int(kept.sum()):,} of {len(kept):,} compositions, {int((above <= 1e-6).sum()):,} of them on the hull"
    )
    if lacking:
        symbols = ", ".join(SYMBOLS[z - 1] for z in lacking)
        print(f"no energy of {symbols} by itself: crystals with these get no energy above the hull")


def crystals_hull(source: Path, energies: Path | None) -> Hull:
    """Return the hull of the crystals of a Parquet file."""
    crystals = read_parquet(source).crystals
    table = _table(source if energies is None else energies)
    energy_of = dict(zip(map(str, table["immutable_id"]), table["energy_per_atom"], strict=True))
    values = [energy_of.get(str(id)) for id in crystals.ids]
    return Hull.of_crystals(crystals, np.array([np.nan if value is None else value for value in values], dtype=float))


def _table(path: Path) -> dict[str, list[Any]]:
    """Return the columns of energies of a Parquet or CSV file."""
    try:
        table = pyarrow.csv.read_csv(path) if path.suffix == ".csv" else pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    for column in ENERGY_COLUMNS:
        if column not in table.column_names:
            raise InputError(f"{path}: wanted columns {' and '.join(ENERGY_COLUMNS)}, missing {column}")
    columns: dict[str, list[Any]] = table.select(list(ENERGY_COLUMNS)).to_pydict()
    return columns


def entries_hull(source: Path) -> Hull:
    """Return the hull of pymatgen's ComputedEntries in a JSON file, their energies corrected."""
    try:
        content = json.loads(source.read_text(encoding="utf-8"))
        entries = content["entries"] if isinstance(content, dict) else content
        counts = np.zeros((len(entries), MAX_Z + 1), dtype=np.int64)
        energies = np.zeros(len(entries))
        for i, entry in enumerate(entries):
            for symbol, n in entry["composition"].items():
                counts[i, ATOMIC_NUMBERS[symbol]] = round(n)
            energies[i] = (entry["energy"] + (entry.get("correction") or 0.0)) / counts[i].sum()
        ids = [str(entry.get("entry_id") or i) for i, entry in enumerate(entries)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{source}: wanted a JSON list of pymatgen's ComputedEntry with composition and energy; "
            f"{type(error).__name__}: {error}"
        ) from error
    return Hull(counts, energies, ids)


def with_elements(hull: Hull, numbers: list[int], calculator: str) -> Hull:
    """Return the hull with the energies of elements [E] by a potential."""
    phases = [element_energy(z, calculator) for z in progress(numbers, "elements")]
    counts = np.zeros((len(numbers), MAX_Z + 1), dtype=np.int64)
    counts[np.arange(len(numbers)), numbers] = 1
    return Hull(
        np.concatenate([hull.counts, counts]),
        np.concatenate([hull.energies, [energy for _, energy in phases]]),
        [*hull.ids, *(f"{SYMBOLS[z - 1]} {name}" for z, (name, _) in zip(numbers, phases, strict=True))],
    )


def energies_above(hull: Hull, workers: Workers) -> np.ndarray:
    """Return how far each phase of a hull is above it, [F] eV/atom; NaN where an element has no energy."""
    chunks = [range(i, min(i + CHUNK_SIZE, len(hull.energies))) for i in range(0, len(hull.energies), CHUNK_SIZE)]
    results = in_processes(_above, ((hull, chunk) for chunk in chunks), workers if len(chunks) > 1 else 1)
    return np.concatenate(list(progress(results, "hull", len(chunks))))


def _above(hull: Hull, phases: range) -> np.ndarray:
    results = [hull.above(np.repeat(np.arange(MAX_Z + 1), hull.counts[i]), hull.energies[i]) for i in phases]
    return np.array([np.nan if result is None else result.energy for result in results])
