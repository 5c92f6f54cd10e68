"""CSV with a row per crystal: its CIF in the column `cif`, as in the CDVAE data sets, or its JSON in `structure`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from .entry import Entry, id_of, read_text, split_of
from .json_structures import parse_structure

LONGEST_FIELD = 2**31 - 1
"""The longest field in characters: a CIF can be longer than the csv module's default of 131,072."""
COLUMNS = ("cif", "structure")


def open_csv(path: Path) -> Iterator[Entry]:
    """Yield the crystal of each row, with the split that a column `split` gives it."""
    column, rows = _rows(read_text(path))
    for row in rows:
        yield Entry(id_of(row), parse_structure, row[column] or "", split_of(row))


def _rows(text: str) -> tuple[str, list[dict[str, str]]]:
    """Return the name of the column that holds the crystals, and the rows."""
    reader = csv.DictReader(io.StringIO(text, newline=""))
    limit = csv.field_size_limit(LONGEST_FIELD)  # of the whole process, so it is put back at once
    try:
        names = list(reader.fieldnames or [])
        column = next((name for wanted_name in COLUMNS for name in names if name.strip().lower() == wanted_name), None)
        if column is None:
            raise ValueError(f"wanted a column named cif or structure, got {', '.join(names) or 'no columns'}")
        return column, list(reader)
    finally:
        csv.field_size_limit(limit)
