"""The columns of numbers and text beside the crystals in Parquet files, such as energies."""

from __future__ import annotations

import sys
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


def columns_beside(files: Sequence[str], ids: Sequence[str]) -> tuple[dict[str, pa.Array], dict[str, str]]:
    """Return the columns that Parquet files have beside the crystals, [B], null where a crystal's file has no value.

    files, ids: [B], the file of each crystal, and its id as it was read. Of an id that one file has twice, nobody knows
    the row, so that it has no values.

    A column of numbers of several types has the type that holds all of them. Of columns that no type holds, such as
    numbers in one file and text in another, the types are returned instead, by name.
    """
    tables, row_of, n_rows = {}, np.full(len(ids), -1), 0
    for file in dict.fromkeys(file for file in files if file.endswith(".parquet")):
        table = _scalars(Path(file))
        own = [b for b, other in enumerate(files) if other == file]
        rows = np.array([-1 if row is None else row for row in _rows_of(table, [ids[b] for b in own])])
        row_of[own] = np.where(rows < 0, -1, rows + n_rows)
        tables[file], n_rows = table, n_rows + table.num_rows
    columns, unlike, taken = {}, {}, pa.array(row_of, mask=row_of < 0)
    for name in dict.fromkeys(name for table in tables.values() for name in table.column_names if name != ID):
        try:
            columns[name] = _joined(name, list(tables.values())).take(taken).combine_chunks()
        except pa.ArrowException:
            types = {str(table[name].type): file for file, table in tables.items() if name in table.column_names}
            unlike[name] = ", ".join(f"{kind} in {file}" for kind, file in types.items())
    return columns, unlike


def name_unlike(unlike: dict[str, str]) -> None:
    """Print a line for each column that `columns_beside` leaves out."""
    for name, types in unlike.items():
        print(f"column {name} is left out: no type holds {types}", file=sys.stderr)


def _joined(name: str, tables: Sequence[pa.Table]) -> pa.ChunkedArray:
    """Return a column of several tables, null for those without it."""
    parts = [table[name] if name in table.column_names else pa.nulls(table.num_rows) for table in tables]
    return pa.concat_tables([pa.table({name: part}) for part in parts], promote_options="permissive")[name]


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
    return [row_of.get(str(id)) for id in ids]


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
    return pa.table({ID: ids, **{name: _decoded(table[name]) for name in names}})


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column without a dictionary, in which pandas writes text of few kinds."""
    is_encoded = pa.types.is_dictionary(column.type)
    return column.cast(column.type.value_type) if is_encoded else column


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
