"""Space groups: the number and symbol of a crystal's symmetry within a tolerance, and its standard cell, by moyopy."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..crystal import Crystal

if TYPE_CHECKING:
    from moyopy import MoyoDataset


class SpaceGroup(NamedTuple):
    """A space group of the International Tables."""

    number: int
    """The number, from 1 (no symmetry but the lattice's) to 230."""
    symbol: str
    """The short Hermann-Mauguin symbol, as in "Fm-3m" or "P6_3mc"."""


def space_group(crystal: Crystal, symprec: float) -> SpaceGroup:
    """Return the space group of a crystal whose atoms may be `symprec` Å from where its symmetry puts them.

    It is P1 if none can be determined, for example because atoms nearly coincide.
    """
    from moyopy import SpaceGroupType

    dataset = symmetry_dataset(crystal.lattice, crystal.frac_coords, crystal.numbers, symprec)
    number = 1 if dataset is None else dataset.number
    return SpaceGroup(number, SpaceGroupType(number).hm_short.replace(" ", ""))


def standard_cell(crystal: Crystal, symprec: float) -> Crystal:
    """Return the conventional cell of a crystal in the standard setting, its atoms moved to exact symmetry.

    The symmetry is the one found within `symprec` Å. A crystal whose symmetry cannot be determined is
    returned as it is.
    """
    dataset = symmetry_dataset(crystal.lattice, crystal.frac_coords, crystal.numbers, symprec)
    if dataset is None:
        return crystal
    cell = dataset.std_cell
    return Crystal(np.array(cell.basis), np.array(cell.positions), np.array(cell.numbers))


def symmetry_dataset(
    lattice: np.ndarray, frac_coords: np.ndarray, numbers: np.ndarray, symprec: float
) -> MoyoDataset | None:
    """Return moyopy's analysis of a crystal's symmetry within `symprec` Å, or None if it fails.

    lattice: [3, 3] Å; frac_coords: [N, 3]; numbers: [N].
    """
    import moyopy

    try:
        with _only_errors_logged("moyo"):
            cell = moyopy.Cell(lattice.tolist(), frac_coords.tolist(), numbers.tolist())
            return moyopy.MoyoDataset(cell, symprec=symprec)
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
