"""The table of recovered crystals, with what each is and how well it explains its cube."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ..files import written_whole
from ..recovery import Recovered

SYMPREC = 0.1
"""The largest distance in Å of atoms from symmetric positions; those of decoded densities are about 0.05 Å off."""


class Row(NamedTuple):
    """A line of the table."""

    structure: int
    """The structure's index in the library."""
    formula: str
    """The reduced formula, such as LiFePO4."""
    space_group: str
    """The Hermann-Mauguin symbol of the crystal's space group within 0.1 Å."""
    atoms: int
    """The number of atoms in the cell."""
    volume: float
    """The volume of the cell in Å³."""
    explained: float
    """The share of the cube's atoms that the crystal explains; see `Recovered`."""
    error: str
    """The relative error of the density, empty without densities; see `Recovered`."""


def row_of(structure: int, recovered: Recovered) -> Row:
    """Return the line of the crystal that was recovered from a structure."""
    crystal = recovered.crystal
    return Row(
        structure,
        crystal.formula,
        crystal.symmetry(SYMPREC).symbol,
        len(crystal),
        round(crystal.volume, 2),
        round(recovered.explained, 3),
        "" if recovered.error is None else f"{recovered.error:.4f}",
    )


def write_rows(path: Path, rows: Iterable[Iterable[object]]) -> None:
    """Write a CSV file, whole or not at all."""
    with written_whole(path) as temporary, temporary.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def read_rows(path: Path) -> Iterator[list[str]]:
    """Yield the lines of a CSV file."""
    with path.open(newline="") as file:
        yield from csv.reader(file)
