"""The columns of numbers and text beside the crystals in Parquet files, such as energies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..errors import InputError
from .parquet import NEEDED, OPTIONAL

ID = "immutable_id"


def columns_beside(files: Iterable[Path], ids: Sequence[str]) -> dict[str, pa.Array]:
    """Return the columns that Parquet files have beside the crystals, [B] in the order of ids, null where none has."""
    found: dict[str, pa.Array] = {}
    wanted_ids = pa.array(ids, pa.string())
    for path in (file for file in files if file.suffix == ".parquet"):
        table = _scalars(path)
        index = pc.index_in(wanted_ids, table[ID])
        for name in table.column_names:
            if name not in (ID, *found):
                found[name] = table[name].combine_chunks().take(index)
    return found


def numbers_of(path: Path, name: str, ids: Sequence[str]) -> np.ndarray:
    """Return the numbers [B] that a column of a Parquet file has for crystals, NaN where it has none.

    Raises InputError for a file without the column, a column that is not of numbers, and one without any number.
    """
    table = _scalars(path)
    if name not in table.column_names:
        numeric = [field.name for field in table.schema if _is_number(field.type)]
        raise InputError(f"{path}: no column {name!r}; its columns of numbers are {', '.join(numeric) or 'none'}")
    if not _is_number(table.schema.field(name).type):
        raise InputError(f"{path}: column {name}: wanted numbers, got {table.schema.field(name).type}")
    index = pc.index_in(pa.array(ids, pa.string()), table[ID])
    values = np.asarray(table[name].combine_chunks().cast(pa.float64(), safe=False).take(index), float)
    if not np.isfinite(values).any():
        raise InputError(f"{path}: column {name}: wanted numbers, got none in {len(ids):,} rows")
    return np.where(np.isfinite(values), values, np.nan)


def _scalars(path: Path) -> pa.Table:
    """Return the id of each row and the columns of numbers and text that do not describe the crystal itself."""
    try:
        schema = pq.read_schema(path)
        own = {*NEEDED, *OPTIONAL, "nsites"}
        names = [field.name for field in schema if field.name not in own and not pa.types.is_nested(field.type)]
        table = pq.read_table(path, columns=[*([ID] if ID in schema.names else []), *names])
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not Parquet: {error}") from None
    if ID in schema.names:
        return table.set_column(0, ID, table[ID].cast(pa.string()))
    rows = [f"row {i}" for i in range(pq.read_metadata(path).num_rows)]  # the ids that `read_parquet` gives
    return pa.table({ID: rows, **{name: table[name] for name in names}})


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
