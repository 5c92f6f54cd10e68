"""The recovered parts of a library, kept on disk so that a run which is stopped can go on."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from ..crystal import Crystal
from ..data.crystalset import CrystalSet
from ..data.parquet import read_parquet, write_parquet
from .crystal_table import Row, read_rows, write_rows

STRUCTURES = 4096
"""The number of structures in a part: a library of a million has about 250 parts."""
SECONDS = 60.0
"""The most seconds between parts, which a run that is killed loses at most."""


class RecoveredStructure(NamedTuple):
    """The result for one structure: its crystal and that crystal's row of the table, or neither without a lattice."""

    crystal: Crystal | None
    row: Row | None


class LibraryParts:
    """A folder of parts of consecutive structures, from the first structure of a library on.

    A part is a CSV file with a line for each structure, empty for one without a lattice, and a Parquet file of the
    crystals. The CSV file is written last: a part that has one is complete.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def tables(self) -> list[Path]:
        """Return the CSV files, in order."""
        return sorted(self.folder.glob("*.csv"))

    def rows(self) -> Iterator[list[str]]:
        """Yield a row for each structure, in order; it is empty for one without a lattice."""
        return chain.from_iterable(map(read_rows, self.tables()))

    def crystals(self) -> CrystalSet:
        """Return the crystals of all parts, in order; ids are the structures' indices.

        Recovered crystals may have atoms that are too near to each other; they are told of, and not left out.
        """
        files = [table.with_suffix(".parquet") for table in self.tables()]
        return CrystalSet.concatenate(read_parquet(file, closest=0.0).crystals for file in files if file.is_file())

    def write(self, structures: Iterable[RecoveredStructure]) -> None:
        """Write recovered structures in parts as they come, and after an interruption those that have come."""
        part: list[RecoveredStructure] = []
        began = time.monotonic()
        try:
            for structure in structures:
                part.append(structure)
                if len(part) == STRUCTURES or time.monotonic() - began > SECONDS:
                    self._write_part(part)
                    part, began = [], time.monotonic()
        finally:
            if part:
                self._write_part(part)

    def _write_part(self, part: list[RecoveredStructure]) -> None:
        table = self.folder / f"{len(self.tables()):07}.csv"
        found = [(crystal, row) for crystal, row in part if crystal is not None and row is not None]
        if found:
            crystals = CrystalSet.from_crystals([crystal for crystal, _ in found], [row.structure for _, row in found])
            write_parquet(table.with_suffix(".parquet"), crystals)
        write_rows(table, [row or () for _, row in part])
