"""The latent vectors of many crystals, whose symmetry is found by a pool of processes."""

from __future__ import annotations

from contextlib import closing
from typing import NamedTuple

import numpy as np

from ..crystal import Crystal
from ..data.crystalset import CrystalSet
from ..geometry.canonical_unit import CanonicalUnit
from ..pool import Workers, in_processes
from ..progress import progress
from .described_crystals import Limits, canonical_units
from .latent_model import LatentModel

CHUNK_SIZE = 32
"""The number of crystals that a process gets at a time; no process is started for fewer."""


class EncodedSet(NamedTuple):
    """The latent vectors of those of B crystals that can be encoded."""

    z: np.ndarray
    """[E, latent_dim] float32."""
    units: list[CanonicalUnit]
    """[E], the crystals as they were encoded."""
    rows: np.ndarray
    """[E] int64, which of the B crystals they are, ascending."""
    reasons: dict[int, str]
    """Why each of the others cannot be encoded."""


def encode_set(model: LatentModel, crystals: CrystalSet, workers: Workers = 1) -> EncodedSet:
    """Return the latent vectors of crystals, the same for any workers."""
    jobs = ((crystal, model.limits) for crystal in crystals)
    found = in_processes(_unit, jobs, workers if len(crystals) > CHUNK_SIZE else 1, CHUNK_SIZE, _died)
    units: dict[int, CanonicalUnit] = {}
    reasons: dict[int, str] = {}
    with closing(found):
        for index, unit in enumerate(progress(found, "symmetry", len(crystals))):
            if isinstance(unit, str):
                reasons[index] = unit
            else:
                units[index] = unit
    mu, _ = model.encode_units(list(units.values()))
    return EncodedSet(mu.numpy(), list(units.values()), np.array(list(units), dtype=np.int64), reasons)


def _unit(crystal: Crystal, limits: Limits) -> CanonicalUnit | str:
    """Return a crystal as it is encoded, or why it cannot be."""
    units, reasons = canonical_units([crystal], limits)
    return units[0] if units else reasons[0]


def _died(_crystal: Crystal, _limits: Limits) -> str:
    return "ended the process that looked for its symmetry"
