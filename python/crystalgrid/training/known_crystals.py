"""Training crystals in the form in which a generator keeps and learns them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeGuard

import numpy as np
import torch
from torch import Tensor

from ..artifacts.generator_info import GeneratorInfo
from ..geometry.canonical_unit import CanonicalUnit, slots_of
from ..geometry.lattices import parameters
from ..nets.generators.crystal_generator import CrystalGenerator
from ..nets.generators.structure_types import LATTICE_UNITS, POINT_UNITS, KnownCrystals, StructureTypes
from ..nets.generators.wyckoff_table import WyckoffTable
from ..nets.generators.wyckoff_words import SLOTS


def known_crystals(units: Sequence[CanonicalUnit], source: np.ndarray, table: WyckoffTable) -> KnownCrystals:
    """Return crystals as a generator keeps them, ordered by structure type.

    source: [C], the index of each in the training set. No crystal may have more than SLOTS elements.
    """
    count = len(units)
    offsets = np.cumsum([0, *(len(unit.letters) for unit in units)], dtype=np.int64)
    slots, elements = np.zeros(offsets[-1], np.int64), np.zeros((count, SLOTS), np.int64)
    counts = np.zeros((count, SLOTS), np.int64)
    for c, unit in enumerate(units):
        slots[offsets[c] : offsets[c + 1]], named = slots_of(unit.numbers)
        elements[c, : len(named)] = named
        atoms = table.atoms[table.position_of[unit.space_group, torch.from_numpy(unit.letters)]].numpy()
        counts[c] = np.bincount(slots[offsets[c] : offsets[c + 1]], atoms, SLOTS)
    letters = np.concatenate([np.zeros(0, np.int64), *(unit.letters for unit in units)])
    points = np.concatenate([np.zeros((0, 3)), *(unit.points for unit in units)])
    group = np.array([unit.space_group for unit in units], dtype=np.int64)
    lattice = torch.from_numpy(np.array([unit.lattice for unit in units]).reshape(-1, 3, 3))
    crystals = KnownCrystals(
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
    return by_type(crystals)


def by_type(known: KnownCrystals) -> KnownCrystals:
    """Return crystals in the order of the keys of their structure types."""
    return select(known, as_examples(known).type_key.argsort(stable=True))


def as_examples(known: KnownCrystals) -> StructureTypes:
    """Return known crystals in the form in which their orbits can be read."""
    examples = StructureTypes(len(known.space_group), len(known.letters))
    examples.fit(known)
    return examples


def select(known: KnownCrystals, rows: Tensor | Sequence[int]) -> KnownCrystals:
    """Return some of the known crystals, in the order of `rows`."""
    rows = torch.as_tensor(rows, dtype=torch.int64)
    n_orbits = known.orbit_offsets.diff()[rows]
    offsets = torch.cat((torch.zeros(1, dtype=torch.int64), n_orbits.cumsum(0)))
    start = torch.repeat_interleave(known.orbit_offsets[:-1][rows] - offsets[:-1], n_orbits)
    orbit = start + torch.arange(len(start))
    return KnownCrystals(
        known.space_group[rows],
        offsets,
        known.letters[orbit],
        known.slots[orbit],
        known.points[orbit],
        known.elements[rows],
        known.counts[rows],
        known.lattice_params[rows],
        known.source[rows],
    )


def joined(parts: Sequence[KnownCrystals]) -> KnownCrystals:
    """Return the known crystals of several parts, in the order of structure types; in each, the first part's first."""
    n_orbits = torch.cat([part.orbit_offsets.diff().long() for part in parts])
    columns = {name: torch.cat([getattr(part, name) for part in parts]) for name in KnownCrystals._fields}
    columns["orbit_offsets"] = torch.cat((torch.zeros(1, dtype=torch.int64), n_orbits.cumsum(0)))
    return by_type(KnownCrystals(**columns))


def is_learnable(unit: CanonicalUnit | None, orbits: int, atoms: int, table: WyckoffTable) -> TypeGuard[CanonicalUnit]:
    """Return whether a crystal has at most so many orbits, atoms and elements; None for unclear symmetry: it has not.

    unit: the crystal's canonical unit; atoms: the most in the primitive cell.
    """
    if unit is None or len(unit.letters) > orbits or len(set(unit.numbers.tolist())) > SLOTS:
        return False
    n_atoms = table.atoms[table.position_of[unit.space_group, torch.from_numpy(unit.letters)]].sum()
    return int(n_atoms) <= atoms


def describe_known(info: GeneratorInfo, known: KnownCrystals, ids: Sequence[str]) -> GeneratorInfo:
    """Return the description of a generator with its known crystals, and the orderings of them.

    ids: of all training crystals, to which the known crystals' `source` refers.
    """
    is_crystal = known.source >= 0
    elements, groups = known.elements.unique().tolist(), known.space_group[is_crystal].unique().tolist()
    return replace(
        info,
        crystals=int(is_crystal.sum()),
        orderings=int((~is_crystal).sum()),
        crystal_orbits=len(known.letters),
        training_ids=tuple(ids),
        elements=tuple(int(z) for z in elements if z > 0),
        space_groups=tuple(map(int, groups)),
    )


def known_of(network: CrystalGenerator) -> KnownCrystals:
    """Return the known crystals of a generator."""
    return KnownCrystals(*(getattr(network.types, name).clone().long() for name in KnownCrystals._fields))


def keep_known(network: CrystalGenerator, known: KnownCrystals) -> None:
    """Give a generator its known crystals, and the elements that these hold."""
    network.types.fit(known)
    network.seen.zero_()
    network.seen[known.elements.unique().long()] = True
    network.seen[0] = False
