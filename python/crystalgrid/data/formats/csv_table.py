"""CSV with a row per crystal and its CIF in the column `cif`, as the CDVAE data sets are."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from .cif import parse_cif
from .entry import Entry, id_of, read_text

LONGEST_FIELD = 2**31 - 1
"""Characters; the csv module allows 131,072 by default, and a CIF can be longer."""


def open_csv(path: Path) -> Iterator[Entry]:
    """Yield the CIF of each row."""
    for row in _rows(read_text(path)):
        yield Entry(id_of(row), parse_cif, row["cif"] or "")


def _rows(text: str) -> list[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    limit = csv.field_size_limit(LONGEST_FIELD)  # of the whole process, so it is put back at once
    try:
        if "cif" not in (reader.fieldnames or []):
            raise ValueError(f"wanted a column named cif, got {', '.join(reader.fieldnames or ['no columns'])}")
        return list(reader)
    finally:
        csv.field_size_limit(limit)
