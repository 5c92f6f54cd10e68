"""Space groups: the number and symbol of a crystal's symmetry within a tolerance, and its standard cell, by moyopy."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..errors import InputError
from .cell import Cell, CellLike

if TYPE_CHECKING:
    from moyopy import MoyoDataset


class SpaceGroup(NamedTuple):
    """A space group of the International Tables."""

    number: int
    """The number, from 1 (no symmetry but the lattice's) to 230."""
    symbol: str
    """The short Hermann-Mauguin symbol, as in "Fm-3m" or "P6_3mc"."""

    def __str__(self) -> str:
        """Return the symbol and the number, as in "Pnma (62)"."""
        return f"{self.symbol} ({self.number})"


def space_group(cell: CellLike, symprec: float) -> SpaceGroup:
    """Return the space group of a crystal whose atoms may be `symprec` Å from where its symmetry puts them.

    It is P1 if none can be determined, for example because atoms nearly coincide.
    """
    dataset = symmetry_dataset(cell.lattice, cell.frac_coords, cell.numbers, symprec)
    number = 1 if dataset is None else dataset.number
    return SpaceGroup(number, symbol_of(number))


def symbol_of(number: int) -> str:
    """Return the short Hermann-Mauguin symbol of a space group's number, without spaces."""
    from moyopy import SpaceGroupType

    return SpaceGroupType(number).hm_short.replace(" ", "")


def standard_cell(cell: CellLike, symprec: float) -> Cell:
    """Return the conventional cell of a crystal in the standard setting, its atoms moved to exact symmetry.

    The symmetry is the one found within `symprec` Å. If none can be determined, the cell is the given one.
    """
    dataset = symmetry_dataset(cell.lattice, cell.frac_coords, cell.numbers, symprec)
    if dataset is None:
        return Cell(cell.lattice, cell.frac_coords, cell.numbers)
    standard = dataset.std_cell
    return Cell(np.array(standard.basis), np.array(standard.positions), np.array(standard.numbers))


def symmetry_dataset(
    lattice: np.ndarray, frac_coords: np.ndarray, numbers: np.ndarray, symprec: float
) -> MoyoDataset | None:
    """Return moyopy's analysis of a crystal's symmetry within `symprec` Å, or None if it fails.

    lattice: [3, 3] Å; frac_coords: [N, 3]; numbers: [N]. Raises InputError for a tolerance that is no positive number.
    """
    import moyopy

    if not 0 < symprec < math.inf:
        raise InputError(f"symprec: wanted a positive number in Å, got {symprec!r}")
    try:
        with _only_errors_logged("moyo"):
            cell = moyopy.Cell(lattice.tolist(), frac_coords.tolist(), numbers.tolist())
            return moyopy.MoyoDataset(cell, symprec=symprec, setting=moyopy.Setting.standard())
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # moyopy's panics are not Exceptions
        return None


@contextmanager
def _only_errors_logged(name: str) -> Iterator[None]:
    """Silence a logger's warnings while the block runs: moyo warns of every cell that is not primitive."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
