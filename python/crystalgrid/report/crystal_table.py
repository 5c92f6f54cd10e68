"""The table of recovered crystals, with what each is and how well it explains its cube."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..crystal import Crystal
from ..data.filters import CLOSEST
from ..files import written_whole
from ..geometry.cell import cell_parameters
from ..geometry.elements import COVALENT_RADII
from ..geometry.space_group import standard_cell
from ..recovery import Recovered
from ..worth.distances import pair_distances, radii_sums

SYMPREC = 0.1
"""The largest distance in Å of atoms from symmetric positions; those of decoded densities are about 0.05 Å off."""


class Row(NamedTuple):
    """A line of the table."""

    structure: int
    """The structure's index in the library."""
    formula: str
    """The reduced formula, such as LiFePO4."""
    z: int
    """The formula units in the conventional cell."""
    space_group: str
    """The Hermann-Mauguin symbol of the space group within 0.1 Å."""
    space_group_number: int
    """From 1 to 230."""
    a: float
    b: float
    c: float
    """The sides of the conventional cell in Å."""
    alpha: float
    beta: float
    gamma: float
    """The angles of the conventional cell in degrees."""
    atoms: int
    """The number of atoms in the primitive cell."""
    volume_per_atom: float
    """Å³."""
    density: float
    """g/cm³."""
    smallest_distance: float
    """From an atom to the nearest other one or image of its own, Å."""
    radii_share: float
    """The smallest ratio of such a distance to the sum of the two covalent radii."""
    valid: str
    """Why the crystal cannot be real; "true" if its distances do not speak against it."""
    explained: float
    """The share of the cube's atoms that the crystal explains; see `Recovered`."""
    error: str
    """The relative error of the density, empty without densities; see `Recovered`."""


FACTS = Row._fields[1 : Row._fields.index("valid")]
"""The columns that say what a crystal is by itself."""


def row_of(structure: int, recovered: Recovered) -> Row:
    """Return the line of the crystal that was recovered from a structure."""
    smallest = float(pair_distances(recovered.crystal).min())
    own = (
        f"atoms {smallest:.2g} Å apart" if smallest < CLOSEST else "true",
        round(recovered.explained, 3),
        "" if recovered.error is None else f"{recovered.error:.4f}",
    )
    return Row._make((structure, *facts_of(recovered.crystal, SYMPREC), *own))


def facts_of(crystal: Crystal, symprec: float) -> tuple[Any, ...]:
    """Return what a crystal is by itself, in the order of FACTS; symprec: of its space group, Å."""
    cell = Crystal(*standard_cell(crystal, symprec))
    group = crystal.symmetry(symprec)
    _, counts = np.unique(cell.numbers, return_counts=True)
    lengths, angles = (np.round(values, 4).tolist() for values in cell_parameters(cell.lattice))
    distances = pair_distances(crystal)
    return (
        crystal.formula,
        int(np.gcd.reduce(counts)),
        group.symbol,
        group.number,
        *lengths,
        *angles,
        len(crystal),
        round(crystal.volume / len(crystal), 2),
        round(crystal.density, 3),
        float(f"{distances.min():.4g}"),
        round(float((distances / radii_sums(crystal, COVALENT_RADII)).min()), 3),
    )


def write_rows(path: Path, rows: Iterable[Iterable[object]]) -> None:
    """Write a CSV file, whole or not at all."""
    with written_whole(path) as temporary, temporary.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def read_rows(path: Path) -> Iterator[list[str]]:
    """Yield the lines of a CSV file."""
    with path.open(newline="") as file:
        yield from csv.reader(file)
