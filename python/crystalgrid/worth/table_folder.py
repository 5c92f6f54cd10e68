"""A folder of crystals with their figures: crystals.parquet, crystals.csv and cif/."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pyarrow as pa

from ..data.crystalset import CrystalSet
from ..data.parquet import table_of, write_table
from .validity import SYMPREC

CRYSTALS, TABLE, CIF = "crystals.parquet", "crystals.csv", "cif"
METADATA = "crystalgrid"
"""The key under which a file of crystals says, in JSON, where its figures come from."""
NOT_IN_NAMES = re.compile(r"[^\w.+-]")
TYPES = {str: pa.string(), bool: pa.bool_(), int: pa.int64(), float: pa.float64()}
Row = Mapping[str, Any]


def column_types(table: type) -> dict[str, pa.DataType]:
    """Return the types of the columns for the fields of a NamedTuple; fields of other types have no column."""
    hints = {name: [t for t in (*get_args(hint), hint) if t in TYPES] for name, hint in get_type_hints(table).items()}
    return {name: TYPES[types[0]] for name, types in hints.items() if types}


def write_folder(
    folder: Path,
    crystals: CrystalSet,
    rows: Sequence[Row],
    types: Mapping[str, pa.DataType],
    unreadable: Iterable[Row],
    metadata: Row,
) -> None:
    """Write B crystals and their rows of figures into a folder; those that are unreadable are lines of the table alone.

    types: of the columns, in their order, `id` first. metadata: where the figures come from, as JSON.
    """
    columns = {name: pa.array([row[name] for row in rows], type) for name, type in types.items() if name != "id"}
    text = {METADATA: json.dumps(metadata, ensure_ascii=False)}
    write_table(folder / CRYSTALS, table_of(crystals, columns, text))
    with (folder / TABLE).open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        table = csv.DictWriter(file, list(types), restval="", extrasaction="ignore")
        table.writeheader()
        table.writerows({name: _rounded(value) for name, value in row.items()} for row in rows)
        table.writerows(unreadable)
    (folder / CIF).mkdir()
    for crystal, name in zip(crystals, file_names(crystals.ids), strict=True):
        (folder / CIF / f"{name}.cif").write_text(crystal.to_cif(SYMPREC), encoding="utf-8")


def file_names(ids: Iterable[str]) -> list[str]:
    """Return a file name for each id, which is the id itself where it can be one and no earlier id has it."""
    names: dict[str, None] = {}
    for index, id in enumerate(ids):
        name = NOT_IN_NAMES.sub("_", id)[:100].lstrip(".") or "_"
        names[name if name not in names else f"{name}_{index}"] = None
    return list(names)


def _rounded(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float) else value
