"""Orderings of known crystals: new structure types with a known geometry, which a generator keeps to draw from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set

import numpy as np
import torch

from ..geometry.canonical_unit import CanonicalUnit
from ..geometry.lattices import from_parameters
from ..geometry.orderings import Ordering, find_ordering
from ..geometry.type_name import type_name
from ..nets.generators.structure_types import LATTICE_UNITS, KnownCrystals, ordering_of
from ..nets.generators.wyckoff_table import WyckoffTable
from ..pool import cpu_count, in_processes
from ..progress import progress
from .encoded_crystals import CHUNK, ENOUGH_FOR_PROCESSES
from .known_crystals import as_examples, is_learnable, joined, known_crystals, select

ORDERINGS = "orderings.npz"
"""The file of a run's folder that keeps its known crystals and their orderings."""
LOOKED_AT = 24_000
"""The most known crystals of which an ordering is looked for, one of each."""
READ_AT_ONCE = 512
"""The number of crystals whose orbits are read together, which bounds memory."""


def with_orderings(known: KnownCrystals, n_learned: int, most: tuple[int, int], seed: int) -> KnownCrystals:
    """Return known crystals and orderings of them, whose structure types no known crystal has, in the order of types.

    The orderings are those that `known` has already, and further ones of the first `n_learned` training crystals. most:
    the most orbits and atoms of an ordering.
    """
    is_ordering = known.source < 0
    crystals, orderings = select(known, torch.where(~is_ordering)[0]), select(known, torch.where(is_ordering)[0])
    names = names_of_types(crystals)
    earlier = names_of(orderings, np.arange(len(orderings.source)), "earlier orderings")
    still_new = [row for row, name in enumerate(earlier) if name not in names]
    return joined([crystals, select(orderings, still_new), find_orderings(crystals, names, n_learned, most, seed)])


def find_orderings(
    known: KnownCrystals, names: Set[str], n_learned: int, most: tuple[int, int], seed: int
) -> KnownCrystals:
    """Return orderings of known crystals, one of each at most, chosen at random; `names` are those of known types."""
    chosen = np.random.default_rng(seed).permutation(np.flatnonzero(known.source.numpy() < n_learned))[:LOOKED_AT]
    workers = cpu_count() if len(chosen) >= ENOUGH_FOR_PROCESSES else 1
    jobs = ((unit, row) for unit, row in zip(units_of(known, chosen), chosen.tolist(), strict=True))
    found = progress(in_processes(find_ordering, jobs, workers, CHUNK), "orderings", len(chosen))
    table = WyckoffTable()
    kept = {
        source: ordering
        for ordering, source in zip(found, known.source[chosen].tolist(), strict=True)
        if ordering is not None and ordering.type not in names and is_learnable(ordering.unit, *most, table)
    }
    return as_known(kept, table) if kept else select(known, [])


def names_of_types(known: KnownCrystals) -> set[str]:
    """Return the name of each structure type of known crystals; equivalent types have one name."""
    keys = as_examples(known).type_key
    first = torch.where(torch.cat((torch.ones(1, dtype=torch.bool), keys[1:] != keys[:-1])))[0].numpy()
    return set(names_of(known, first, "structure types"))


def names_of(known: KnownCrystals, rows: np.ndarray, what: str) -> Iterator[str]:
    """Yield the names of the structure types of some known crystals or orderings; `what` names the work."""
    slots = torch.arange(1, known.elements.size(1) + 1).expand_as(known.elements)
    by_slot = known._replace(elements=slots)  # both slots of an element that an ordering splits count
    return map(type_name, progress(units_of(by_slot, rows), what, len(rows)))


def units_of(known: KnownCrystals, rows: np.ndarray) -> Iterator[CanonicalUnit]:
    """Yield the canonical units of known crystals."""
    examples = as_examples(known)
    for part in torch.from_numpy(rows).split(READ_AT_ONCE):
        letters, slots, points = examples.orbits_of(part)
        numbers = examples.elements[part].long().gather(1, slots).numpy()
        lattices = from_parameters(examples.lattice_params[part].double() / LATTICE_UNITS).numpy()
        for c, n_orbits in enumerate((letters >= 0).sum(1).tolist()):
            own = c, slice(n_orbits)
            group = int(examples.space_group[part[c]])
            yield CanonicalUnit(group, lattices[c], letters[own].numpy(), numbers[own], points[own].numpy())


def as_known(orderings: Mapping[int, Ordering], table: WyckoffTable) -> KnownCrystals:
    """Return orderings, by the `source` of what they order, as a generator keeps them.

    Both elements of the sites that are shared are the one that was there.
    """
    with_stand_ins = known_crystals(
        [ordering.unit for ordering in orderings.values()], np.array(list(orderings)), table
    )
    elements = with_stand_ins.elements.clone()
    for row, source in enumerate(with_stand_ins.source.tolist()):
        elements[row][elements[row] == orderings[source].stand_in] = orderings[source].replaced
    return with_stand_ins._replace(elements=elements, source=ordering_of(with_stand_ins.source))
