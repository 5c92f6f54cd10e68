"""The source of a page: the best crystals of a folder or file, with the columns that are known of each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ...data.crystalset import CrystalSet
from ...data.parquet import metadata_of
from ...data.reader import read_files
from ...data.results import Skipped, nothing_kept
from ...data.sources import all_in_one, find_files, of_known_format
from ...errors import InputError, require
from ...pool import Workers
from ...worth.check import Checked, checked
from ...worth.relaxed_folder import JOURNAL
from ...worth.steps import Step, read_steps
from ...worth.table_folder import METADATA
from .as_shown import Columns, as_shown
from .columns import COLUMNS, OTHER_NAMES

MOST_CRYSTALS = 1000
"""The most crystals of a page: with as many it opens in a second, and nobody reads more."""
CHECKED = {"space_group", "space_group_number", "lemat_valid"}
"""The columns by which a table that this package wrote shows that its crystals were checked."""
NUMBERS = ("rank", "energy_above_hull", "energy_above_hull_second", "energy_per_atom", "rms_moved")
"""The columns that a page computes with, which are left out if they are of another kind."""
LONGEST = 200
"""The longest text of a column that is not explained; files have whole CIFs in some."""
LAST = 1e9
"""The place of a crystal that has no rank or energy, behind all others."""


class Reported(NamedTuple):
    """The crystals of a page, the best first."""

    crystals: CrystalSet
    columns: Columns
    total: int
    """The number of crystals that the source has."""
    skipped: list[Skipped]
    """The files and crystals that cannot be read."""
    was_checked: bool
    """Whether the source was without verdicts, so that the crystals of the page were checked for it."""
    steps: list[Step]
    metadata: dict[str, Any]
    """What the file says of its figures: see `table_folder`."""


def reported(source: Path, known: CrystalSet | None, workers: Workers) -> Reported:
    """Return the best crystals of a source, at most 1,000, checked now if its table has no verdicts.

    known: the crystals that the page compares with, among which new ones are not.

    Raises InputError if there is nothing to read.
    """
    file = all_in_one(source)
    if file == source and (source / JOURNAL).is_file():
        raise InputError(f"{source}: its crystals are not all relaxed; the same `crystalgrid relax` again goes on")
    result = read_files(of_known_format(find_files(file)), np.inf, workers)
    crystals = result.crystals
    if len(crystals) == 0:
        raise InputError(nothing_kept(str(source), result.skipped))
    is_table = file.suffix == ".parquet"
    columns = columns_of(file, crystals.ids.tolist()) if is_table else {}
    metadata = json.loads(metadata_of(file).get(METADATA, "{}")) if is_table else {}
    chosen = best_first(columns, len(crystals))[:MOST_CRYSTALS]
    total, crystals = len(crystals), crystals[chosen]
    columns = {name: [values[i] for i in chosen] for name, values in columns.items()}
    was_checked = not metadata or not columns.keys() >= CHECKED
    if was_checked:
        require("smact", "worth")
        rows = checked(crystals, crystals[:0] if known is None else known, workers)
        columns |= {name: [getattr(row, name) for row in rows] for name in Checked._fields}
    columns = _completed(columns, crystals, bool(metadata.get("against")) or (was_checked and known is not None))
    order = best_first(columns, len(crystals))
    columns = {name: [values[i] for i in order] for name, values in columns.items()}
    return Reported(crystals[order], columns, total, result.skipped, was_checked, read_steps(source), metadata)


def _completed(columns: Columns, crystals: CrystalSet, is_compared: bool) -> Columns:
    """Return columns with the names of the crystals and which are new, without the columns that say nothing.

    is_compared: whether crystals were compared with known ones, so that one without a match is new.
    """
    columns = as_shown(columns, crystals) | {"id": list(map(str, crystals.ids))}
    known_as = columns.get("known_as", [])
    compared = bool(known_as) and (is_compared or any(known_as))
    if compared:
        same = columns.get("same_as", [""] * len(crystals))
        columns["new"] = ["" if any(names) else "new" for names in zip(known_as, same, strict=True)]
    return {name: values for name, values in columns.items() if _tells(name, values, compared)}


def columns_of(file: Path, ids: Sequence[str]) -> Columns:
    """Return the columns of a Parquet file that have one value a crystal, for crystals of these ids."""
    schema = pq.read_schema(file)
    names = [field.name for field in schema if _is_plain(field.type) and field.name not in ("split", "nsites")]
    table = pq.read_table(file, columns=names)
    rows: list[int | None] = list(range(table.num_rows))
    if len(ids) != table.num_rows:  # crystals that cannot be read have no place in a page
        row_names = table["immutable_id"].to_pylist() if "immutable_id" in names else map("row {}".format, rows)
        row_of = {str(name): row for row, name in enumerate(row_names)}
        rows = [row_of.get(str(id)) for id in ids]
    taken = table.take(pa.array(rows, pa.int64()))
    columns = {OTHER_NAMES.get(name, name): taken[name].to_pylist() for name in names if name != "immutable_id"}
    return {name: values for name, values in columns.items() if _is_of_use(name, values)}


def _is_of_use(name: str, values: Sequence[Any]) -> bool:
    """Return whether a page can show a column."""
    if name in NUMBERS:
        return all(value is None or type(value) in (int, float) for value in values)
    return name in COLUMNS or all(not isinstance(value, str) or len(value) <= LONGEST for value in values)


def _is_plain(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_plain(kind.value_type)
    of_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    plain: bool = of_text or pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return plain


def _tells(name: str, values: Sequence[Any], compared: bool) -> bool:
    """Return whether a column says something.

    One without values does not, nor one of known crystals if no crystal was compared with any.
    """
    if name in ("known_as", "formula_known") and not compared:
        return False
    return any(value is not None and value == value for value in values)  # NaN is not equal to itself


def best_first(columns: Columns, count: int) -> list[int]:
    """Return the order of crystals from the best to the worst.

    It is their rank where they have one. Otherwise those that are valid come first, then the new and different ones,
    those without doubt, those of the lowest energy above the hull, and those that moved least.
    """
    nothing = [None] * count
    ranks, above, moved = (columns.get(name, nothing) for name in ("rank", "energy_above_hull", "rms_moved"))
    valid, doubtful = columns.get("lemat_valid", nothing), columns.get("doubtful", nothing)
    known_as, same_as = columns.get("known_as", nothing), columns.get("same_as", nothing)
    keys = [
        (_number(ranks[i]), valid[i] is False, bool(known_as[i]) + bool(same_as[i]), bool(doubtful[i]),
         _number(above[i]), _number(moved[i]), i)
        for i in range(count)
    ]  # fmt: skip
    return [key[-1] for key in sorted(keys)]


def _number(value: Any) -> float:
    is_number = isinstance(value, int | float) and value == value
    return float(value) if is_number else LAST
