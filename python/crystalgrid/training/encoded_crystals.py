"""Crystals as a generator learns them, encoded by several processes and kept in the folder of a run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ..data.crystalset import CrystalSet
from ..errors import InputError
from ..files import written_whole
from ..geometry.canonical_unit import find_canonical_unit
from ..nets.generators.structure_types import KnownCrystals
from ..nets.generators.wyckoff_table import WyckoffTable
from ..pool import cpu_count, in_processes
from ..pool.jobs import Job
from ..progress import progress
from .known_crystals import is_learnable, known_crystals
from .processes import first_process, only_first_prints, wait_for_all

FILES = "learned.npz", "held_out.npz"
CHUNK = 64
"""The number of crystals that a process is given at once, 5 ms each."""
ENOUGH_FOR_PROCESSES = 1000
"""The number of crystals from which on it is worth starting processes, which takes a few seconds."""


class EncodedSplits(NamedTuple):
    """The crystals of a run that a generator can learn; `source` counts those of each split as the data has them."""

    training: KnownCrystals
    held_out: KnownCrystals


def encoded_splits(
    run: Path, crystals: CrystalSet, val: CrystalSet, most: tuple[int, int], symprec: float
) -> EncodedSplits:
    """Return the crystals to learn and to validate on, read from the folder of the run if they are there.

    most: the most orbits and atoms of a crystal that is learned; symprec: of its symmetry, Å. Raises InputError if
    no crystal can be learned.
    """
    splits = EncodedSplits(
        kept_in(run / FILES[0], lambda: encode(crystals, most, symprec, "symmetry")),
        kept_in(run / FILES[1], lambda: encode(val, most, symprec, "symmetry, validation")),
    )
    left_out = len(crystals) - len(splits.training.source)
    with only_first_prints():
        if left_out == len(crystals):
            raise InputError(f"data: none of {left_out:,} crystals has a symmetry and a size that a generator learns")
        if left_out:
            of_all = f"{left_out:,} of {len(crystals):,} crystals"
            print(f"generator: {of_all} are too large, or of unclear symmetry, and are not learned", file=sys.stderr)
    return splits


def kept_in(file: Path, compute: Callable[[], KnownCrystals]) -> KnownCrystals:
    """Return crystals that a file of the run's folder keeps; the first process computes and writes them if need be."""
    if first_process() and not file.is_file():
        with written_whole(file) as temporary, temporary.open("wb") as opened:
            np.savez_compressed(opened, **{name: values.numpy() for name, values in compute()._asdict().items()})
    wait_for_all()
    with np.load(file) as columns:
        return KnownCrystals(*(torch.from_numpy(columns[name]) for name in KnownCrystals._fields))


def encode(crystals: CrystalSet, most: tuple[int, int], symprec: float, what: str) -> KnownCrystals:
    """Return the crystals of a set that a generator can learn; `what` names the work where its progress is printed."""
    table = WyckoffTable()
    workers = cpu_count() if len(crystals) >= ENOUGH_FOR_PROCESSES else 1
    units = progress(in_processes(find_canonical_unit, jobs(crystals, symprec), workers, CHUNK), what, len(crystals))
    learnable = [(unit, index) for index, unit in enumerate(units) if is_learnable(unit, *most, table)]
    return known_crystals([unit for unit, _ in learnable], np.array([i for _, i in learnable], np.int64), table)


def jobs(crystals: CrystalSet, symprec: float) -> Iterator[Job]:
    """Yield lattice, fractional coordinates and numbers of each crystal, and the tolerance of its symmetry."""
    for b in range(len(crystals)):
        atoms = slice(crystals.offsets[b], crystals.offsets[b + 1])
        yield crystals.lattice[b], crystals.frac_coords[atoms], crystals.numbers[atoms].astype(np.int64), symprec
