"""Energies of the crystals that a hull is made of: those of a table, or by a potential of crystals as they stand."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from ..crystal import MAX_Z
from ..data.crystalset import CrystalSet
from ..errors import InputError
from ..pool import Workers, in_processes
from .check import read_set
from .journal import Row, rows_of
from .potentials import potential
from .references import load_hull
from .relax import DIED
from .relaxing import energy_as_it_stands

COLUMNS = ("energy_per_atom", "immutable_id")
MOST_ERRORS = 3
"""The most reasons why crystals have no energy that are printed."""


class Selection(NamedTuple):
    """The choice among the crystals of a file, for a hull that is made for some crystals alone."""

    kept_by: str | None = None
    """Another hull, a name or a file, of whose crystals, by their ids, it is to be."""
    systems_of: Path | None = None
    """Crystals in whose chemical systems it is to be."""

    def among(self, crystals: CrystalSet) -> CrystalSet:
        """Return those of B crystals that are chosen; InputError if none is."""
        mask = np.ones(len(crystals), dtype=bool)
        if self.kept_by is not None:
            mask &= np.isin(crystals.ids.astype(str), load_hull(self.kept_by).ids.astype(str))
        if self.systems_of is not None:
            mask &= in_systems(elements_of(crystals), elements_of(read_set(self.systems_of)))
        if len(crystals) and not mask.any():
            raise InputError(f"none of {len(crystals)} crystals is in the hull or the chemical systems that were named")
        return crystals[mask]


EVERYTHING = Selection()


def elements_of(crystals: CrystalSet) -> np.ndarray:
    """Return which elements each of B crystals has, bits packed over atomic numbers, [B, 12] bytes."""
    present = np.zeros((len(crystals), MAX_Z + 1), dtype=bool)
    present[crystals.crystal_of_atom, crystals.numbers] = True
    return np.packbits(present, axis=1)


def in_systems(elements: np.ndarray, systems: np.ndarray) -> np.ndarray:
    """Return which of B sets of elements are subsets of one of S systems, [B]; all as `elements_of` packs them."""
    mask = np.zeros(len(elements), dtype=bool)
    for system in np.unique(systems, axis=0):
        mask |= ~(elements & ~system).any(axis=1)
    return mask


def tabled(crystals: CrystalSet, table: Path) -> np.ndarray:
    """Return the energies [B] in eV/atom of crystals by their ids in a Parquet or CSV file; NaN for those not in it."""
    columns = _table(table)
    for id, count in Counter(map(str, columns["immutable_id"])).items():
        if count > 1:
            raise InputError(f"{table}: {count} rows have the id {id!r}, by which energies are found; keep one of them")
    energy_of = dict(zip(map(str, columns["immutable_id"]), columns["energy_per_atom"], strict=True))
    values = [energy_of.get(str(id)) for id in crystals.ids]
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def has_energies(table: Path) -> bool:
    """Return whether a Parquet file has a column of energies; False for what is not Parquet."""
    try:
        return "energy_per_atom" in pq.read_schema(table).names
    except (pa.ArrowException, OSError):
        return False


def _table(path: Path) -> dict[str, list[Any]]:
    """Return the columns of energies of a Parquet or CSV file."""
    try:
        table = pyarrow.csv.read_csv(path) if path.suffix == ".csv" else pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    for column in COLUMNS:
        if column not in table.column_names:
            raise InputError(
                f"{path}: wanted columns {' and '.join(COLUMNS)}, missing {column}; --calculator computes energies of "
                "crystals as they stand"
            )
    columns: dict[str, list[Any]] = table.select(list(COLUMNS)).to_pydict()
    return columns


def as_they_stand(crystals: CrystalSet, calculator: str, journal: Path, source: str, workers: Workers) -> np.ndarray:
    """Return the energies [B] in eV/atom of crystals as they stand, by a potential; NaN where it gives none.

    The journal keeps what is finished, and a run that was stopped goes on. source: what the crystals are chosen from;
    a journal serves each choice from it.
    """
    potential(calculator)
    index = {str(id): i for i, id in enumerate(crystals.ids)}

    def make(ids: Sequence[str]) -> Iterable[Row]:
        jobs = ((crystals[index[id]], calculator) for id in ids)
        return in_processes(energy_as_it_stands, jobs, workers if len(ids) > 1 else 1, after_death=_died)

    rows = rows_of(journal, {"calculator": calculator, "crystals": source}, list(index), make, "energies")
    errors = Counter(rows[id]["error"] for id in index if "error" in rows[id])
    for error, number in errors.most_common(MOST_ERRORS):
        print(f"{number} of {len(index)} crystals have no energy: {error}", file=sys.stderr)
    return np.array([rows[id].get("energy_per_atom", np.nan) for id in index], dtype=float)


def _died(*_: object) -> Row:
    return {"error": DIED}
