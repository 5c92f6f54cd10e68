"""The columns of numbers and text beside the crystals in Parquet files, such as energies."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..errors import InputError
from .parquet import NEEDED, OPTIONAL

ID = "immutable_id"
RENAMED = re.compile(r"#\d+$")
"""The end of the id of a crystal whose id was read before."""


def columns_beside(files: Sequence[str], ids: Sequence[str]) -> dict[str, pa.Array]:
    """Return the columns that Parquet files have beside the crystals, [B], null where a crystal's file has no value.

    files, ids: [B], the file of each crystal, and its id as it was read: a repeated one has a number at its end, such
    as mp-10#2. Of an id that one file has twice, nobody knows the row, so that it has no values.

    A column of numbers of several types has the type that holds all of them. Raises InputError for a column that is of
    numbers in one file and of text in another.
    """
    joined, row_of = pa.table({ID: pa.array([], pa.string())}), np.full(len(ids), -1)
    for file in dict.fromkeys(file for file in files if file.endswith(".parquet")):
        table = _scalars(Path(file))
        own = [b for b, other in enumerate(files) if other == file]
        rows = np.array([-1 if row is None else row for row in _rows_of(table, [ids[b] for b in own])])
        row_of[own] = np.where(rows < 0, -1, rows + joined.num_rows)
        try:
            joined = pa.concat_tables([joined, table], promote_options="permissive")
        except pa.ArrowException as error:
            raise InputError(f"{file}: unlike in the files before it: {error}") from None
    values = joined.take(pa.array(row_of, mask=row_of < 0))
    return {name: values[name].combine_chunks() for name in values.column_names if name != ID}


def numbers_of(path: Path, name: str, ids: Sequence[str]) -> np.ndarray:
    """Return the numbers [B] that a column of a Parquet file has for crystals, NaN where it has none.

    It has none for a crystal whose id two of its rows have. Raises InputError for a file without the column, a column
    that is not of numbers, and one without any number.
    """
    table = _scalars(path)
    if name not in table.column_names:
        numeric = [field.name for field in table.schema if _is_number(field.type)]
        raise InputError(f"{path}: no column {name!r}; its columns of numbers are {', '.join(numeric) or 'none'}")
    if not _is_number(table.schema.field(name).type):
        raise InputError(f"{path}: column {name}: wanted numbers, got {table.schema.field(name).type}")
    rows = pa.array(_rows_of(table, ids), pa.int64())
    values = np.asarray(table[name].combine_chunks().cast(pa.float64(), safe=False).take(rows), float)
    if not np.isfinite(values).any():
        raise InputError(f"{path}: column {name}: wanted numbers, got none in {len(ids):,} rows")
    return np.where(np.isfinite(values), values, np.nan)


def _rows_of(table: pa.Table, ids: Sequence[str]) -> list[int | None]:
    """Return the row of each crystal in a file, by its id as it was read; None where no row or more than one has it."""
    names = table[ID].to_pylist()
    counts = Counter(names)
    row_of = {name: row for row, name in enumerate(names) if counts[name] == 1}
    return [row_of.get(id, row_of.get(RENAMED.sub("", id))) for id in map(str, ids)]


def _scalars(path: Path) -> pa.Table:
    """Return the id of each row and the columns of numbers and text that do not describe the crystal itself."""
    try:
        schema = pq.read_schema(path)
        own = {*NEEDED, *OPTIONAL, "nsites"}
        names = [field.name for field in schema if field.name not in own and not pa.types.is_nested(field.type)]
        table = pq.read_table(path, columns=[*([ID] if ID in schema.names else []), *names])
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not Parquet: {error}") from None
    rows = pa.array([f"row {i}" for i in range(pq.read_metadata(path).num_rows)])  # the ids that `read_parquet` gives
    ids = pc.coalesce(table[ID].cast(pa.string()), rows) if ID in schema.names else rows
    return pa.table({ID: ids, **{name: table[name] for name in names}})


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
