"""Training crystals in the form in which a generator keeps and learns them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ..geometry.canonical_unit import CanonicalUnit
from ..geometry.lattices import parameters
from ..nets.generators.structure_types import LATTICE_UNITS, POINT_UNITS, KnownCrystals, StructureTypes
from ..nets.generators.wyckoff_table import WyckoffTable
from ..nets.generators.wyckoff_words import SLOTS


def slots_of(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the slot of each orbit [O], and the element of each slot, in the order in which they first occur."""
    elements, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    order = first.argsort()
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[inverse.ravel()], elements[order]


def known_crystals(units: Sequence[CanonicalUnit], source: np.ndarray, table: WyckoffTable) -> KnownCrystals:
    """Return crystals as a generator keeps them, ordered by structure type.

    source: [C], the index of each in the training set. No crystal may have more than SLOTS elements.
    """
    count = len(units)
    offsets = np.concatenate(([0], np.cumsum([len(unit.letters) for unit in units])))
    slots, elements = np.zeros(offsets[-1], np.int64), np.zeros((count, SLOTS), np.int64)
    counts = np.zeros((count, SLOTS), np.int64)
    for c, unit in enumerate(units):
        slots[offsets[c] : offsets[c + 1]], named = slots_of(unit.numbers)
        elements[c, : len(named)] = named
        atoms = table.atoms[table.position_of[unit.space_group, torch.from_numpy(unit.letters)]].numpy()
        counts[c] = np.bincount(slots[offsets[c] : offsets[c + 1]], atoms, SLOTS)
    letters = np.concatenate([unit.letters for unit in units])
    points = np.concatenate([unit.points for unit in units])
    group = np.array([unit.space_group for unit in units])
    lattice = torch.from_numpy(np.stack([unit.lattice for unit in units]))
    known = KnownCrystals(
        torch.from_numpy(group),
        torch.from_numpy(offsets),
        torch.from_numpy(letters),
        torch.from_numpy(slots),
        torch.from_numpy(np.rint((points % 1) * POINT_UNITS).clip(max=POINT_UNITS - 1)),
        torch.from_numpy(elements),
        torch.from_numpy(counts),
        torch.round(parameters(lattice) * LATTICE_UNITS),
        torch.from_numpy(source),
    )
    return by_type(known)


def by_type(known: KnownCrystals) -> KnownCrystals:
    """Return crystals in the order of the keys of their structure types."""
    types = StructureTypes(len(known.space_group), len(known.letters))
    types.fit(known)
    order = types.type_key.argsort(stable=True)
    n_orbits = known.orbit_offsets.diff()[order]
    offsets = torch.cat((torch.zeros(1, dtype=torch.int64), n_orbits.cumsum(0)))
    start = torch.repeat_interleave(known.orbit_offsets[:-1][order] - offsets[:-1], n_orbits)
    orbit = start + torch.arange(len(start))
    return KnownCrystals(
        known.space_group[order],
        offsets,
        known.letters[orbit],
        known.slots[orbit],
        known.points[orbit],
        known.elements[order],
        known.counts[order],
        known.lattice_params[order],
        known.source[order],
    )
