"""Known structure types: training crystals by space group, Wyckoff letters and slots, with their geometry."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ...geometry.elements import element_features
from ...geometry.lattices import LATTICE_PARAMS
from .conditions import permutations
from .type_keys import TypeKeys
from .wyckoff_words import SLOTS

POINT_UNITS = 1 << 15
"""The units per 1 of stored fractional coordinates: 0.3 mÅ in a cell of 10 Å."""
LATTICE_UNITS = 1 << 12
"""The units per 1 of stored lattice parameters, which are logarithms and ratios of lengths."""
EQUALLY_NEAR = 1 + 1e-5
"""The ratio of chemical distances up to which they are equal, but for rounding."""
FAR = 0.5
"""The chemical distance that stands for that of a crystal whose structure type is new."""


class KnownCrystals(NamedTuple):
    """C training crystals and orderings of O orbits in all, ordered by structure type.

    An ordering has the geometry of a training crystal, and two slots for an element of which some sites may have
    another; its structure type is new. Both slots have the same element here.
    """

    space_group: Tensor
    """[C]."""
    orbit_offsets: Tensor
    """[C + 1]."""
    letters: Tensor
    """[O]."""
    slots: Tensor
    """[O], from 0."""
    points: Tensor
    """[O, 3], the first points of the orbits, in units of 1 / POINT_UNITS of the conventional cell."""
    elements: Tensor
    """[C, SLOTS], Z of each slot, 0 for none."""
    counts: Tensor
    """[C, SLOTS], the number of atoms of each slot in the primitive cell."""
    lattice_params: Tensor
    """[C, 6], the `parameters` of the conventional cell, in units of 1 / LATTICE_UNITS."""
    source: Tensor
    """[C], the index of the crystal in the training set; of an ordering of one, its `ordering_of`, less than -1."""


class StructureTypes(TypeKeys):
    """Known structure types with the crystals that have them, the types in the order of their keys.

    crystals, orbits: the numbers of training crystals with their orderings, and of all their orbits. Before `fit` they
    are empty.
    """

    def __init__(self, crystals: int, orbits: int) -> None:
        super().__init__()
        self.point_units, self.lattice_units = POINT_UNITS, LATTICE_UNITS
        self.far, self.equally_near = FAR, EQUALLY_NEAR
        self.space_group: Tensor
        self.orbit_offsets: Tensor
        self.letters: Tensor
        self.slots: Tensor
        self.points: Tensor
        self.elements: Tensor
        self.lattice_params: Tensor
        self.source: Tensor
        self.log_volume: Tensor
        self.type_key: Tensor
        self.crystal_key: Tensor
        self.crystal_order: Tensor
        self.formula_key: Tensor
        self.element_features: Tensor
        self.register_buffer("space_group", torch.ones(crystals, dtype=torch.int16))
        self.register_buffer("orbit_offsets", torch.zeros(crystals + 1, dtype=torch.int32))
        self.register_buffer("letters", torch.zeros(orbits, dtype=torch.int8))
        self.register_buffer("slots", torch.zeros(orbits, dtype=torch.int8))
        self.register_buffer("points", torch.zeros(orbits, 3, dtype=torch.int16))
        self.register_buffer("elements", torch.zeros(crystals, SLOTS, dtype=torch.int8))
        self.register_buffer("lattice_params", torch.zeros(crystals, LATTICE_PARAMS, dtype=torch.int16))
        self.register_buffer("source", torch.zeros(crystals, dtype=torch.int32))
        self.register_buffer("log_volume", torch.zeros(crystals))  # beyond what the language expects
        self.register_buffer("element_features", torch.from_numpy(element_features()).float(), persistent=False)
        self.name_key: Tensor
        self.register_buffer("name_key", torch.zeros(0, dtype=torch.int64), persistent=False)
        self.counts: Tensor
        self.register_buffer("counts", torch.zeros(crystals, SLOTS, dtype=torch.int16))
        self.register_buffer("type_key", torch.zeros(crystals, dtype=torch.int64), persistent=False)
        self.register_buffer("crystal_key", torch.zeros(crystals, dtype=torch.int64), persistent=False)
        self.register_buffer("formula_key", torch.zeros(crystals, dtype=torch.int64), persistent=False)
        self.register_buffer("crystal_order", torch.zeros(crystals, dtype=torch.int64), persistent=False)
        self.register_load_state_dict_post_hook(index_known_crystals)  # type: ignore[no-untyped-call]

    def fit(self, known: KnownCrystals) -> None:
        """Keep training crystals and their orderings, by structure type."""
        for name, values in known._asdict().items():
            getattr(self, name).copy_(values)
        self.index()

    def index(self) -> None:
        """Compute the keys of all known crystals, after their buffers were filled.

        Keys of orderings with their elements never match a crystal that is drawn: an element has two slots in them.
        """
        rows = torch.arange(len(self.space_group))
        letters, slots, _ = self.orbits_of(rows)
        self.type_key = self.type_keys(self.space_group.long(), letters, slots)
        keys = self.crystal_keys(self.type_key, self.elements.long())
        self.crystal_key, self.crystal_order = keys.sort(stable=True)
        self.formula_key = self.formula_keys(self.elements.long(), self.counts.long()).sort().values
        is_first = torch.ones_like(self.type_key, dtype=torch.bool)
        is_first[1:] = self.type_key[1:] != self.type_key[:-1]
        first = is_first & (self.source >= 0)
        self.name_key = self.name_keys(self.space_group[first].long(), letters[first], slots[first]).sort().values

    @torch.jit.export
    def orbits_of(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return letters, slots [B, O] and first points [B, O, 3] of known crystals; letters are -1 after the last."""
        start = self.orbit_offsets[rows].long()
        count = self.orbit_offsets[rows + 1].long() - start
        most = int(count.max()) if len(rows) > 0 else 0
        column = torch.arange(most, device=rows.device)
        is_orbit = column < count.unsqueeze(1)
        index = (start.unsqueeze(1) + column).clamp(max=len(self.letters) - 1)
        letters = self.letters[index].long().masked_fill(~is_orbit, -1)
        slots = self.slots[index].long() * is_orbit
        return letters, slots, self.points[index].double() / self.point_units * is_orbit.unsqueeze(2)

    @torch.jit.export
    def is_unknown(self, group: Tensor, letters: Tensor, slots: Tensor) -> Tensor:
        """Return whether no training crystal has each structure type in any description, and no ordering in this one.

        [B] bool.
        """
        key = self.name_keys(group, letters, slots)
        at = torch.searchsorted(self.name_key, key).clamp(max=len(self.name_key) - 1)
        first, last = self.crystals_of(self.type_keys(group, letters, slots))
        return (self.name_key[at] != key) & (first == last)

    @torch.jit.export
    def crystals_of(self, type_key: Tensor) -> tuple[Tensor, Tensor]:
        """Return the first known crystal of each structure type and the one after the last, both [B]; equal if none."""
        first = torch.searchsorted(self.type_key, type_key)
        return first, torch.searchsorted(self.type_key, type_key, right=True)

    @torch.jit.export
    def is_known(self, type_key: Tensor) -> Tensor:
        """Return whether a training crystal has each structure type, [B] bool, and not only an ordering of one."""
        first, last = self.crystals_of(type_key)
        is_found = first < last
        is_found[is_found.clone()] = self.source[first[is_found]] >= 0
        return is_found

    @torch.jit.export
    def same_as(self, crystal_key: Tensor) -> Tensor:
        """Return a training crystal with the same type and elements for each key [B], -1 for none."""
        at = torch.searchsorted(self.crystal_key, crystal_key).clamp(max=len(self.crystal_key) - 1)
        found = self.source.long()[self.crystal_order[at]]
        return torch.where(self.crystal_key[at] == crystal_key, found, -1)

    @torch.jit.export
    def formula_seen(self, elements: Tensor, counts: Tensor) -> Tensor:
        """Return whether a training crystal has each reduced formula, [B] bool; elements, counts: [B, S]."""
        keys = self.formula_keys(elements, counts)
        at = torch.searchsorted(self.formula_key, keys).clamp(max=len(self.formula_key) - 1)
        return self.formula_key[at] == keys

    @torch.jit.export
    def nearest(
        self, type_key: Tensor, elements: Tensor, counts: Tensor, tie_break: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the known crystal of the type whose elements are nearest, its distance, and how many are as near.

        The distance is the mean over atoms of the sum of the differences of `element_features`. If there is no crystal
        of that type, the index is -1, the distance FAR, and the number 0. All are [B].

        elements, counts: [B, S], Z of each slot and the number of its atoms; tie_break: [B] in [0, 1], which of the
        equally near ones is returned, as a share of their number.
        """
        first, last = self.crystals_of(type_key)
        chosen, nearest = torch.full_like(first, -1), torch.full([len(first)], self.far, dtype=torch.float64)
        features, n_slots, number = self.element_features[elements], elements.size(1), torch.zeros_like(first)
        for b in range(len(first)):
            low, high = int(first[b]), int(last[b])
            if high > low:
                other = self.element_features[self.elements[low:high, :n_slots].long()]
                distance = (other - features[b]).abs().sum(2) @ counts[b].to(other.dtype)
                least = distance.min()
                equal = torch.where(distance <= least * self.equally_near)[0]
                chosen[b] = low + equal[min(int(tie_break[b] * len(equal)), len(equal) - 1)]
                nearest[b] = least / counts[b].sum()
                number[b] = len(equal)
        return chosen, nearest, number

    @torch.jit.export
    def distance_to(self, rows: Tensor, possible: Tensor) -> Tensor:
        """Return the chemical distance of known crystals [R] to themselves in possible elements [94 + 1], [R].

        It is 0 if all their elements are possible. Otherwise slot after slot takes the nearest element that is left,
        from the first to the last or the other way round, whichever leads less far; few assignments are nearer.
        """
        distance = torch.zeros(len(rows))
        elements = self.elements[rows].long()
        other = torch.where(((elements > 0) & ~possible[elements]).any(1))[0]
        elements, counts = elements[other], self.counts[rows[other]]
        between = (self.element_features.unsqueeze(1) - self.element_features[possible]).abs().sum(2)
        most_slots = elements.size(1)
        least = torch.full([len(other)], math.inf)
        for is_reversed in (False, True):
            total = torch.zeros_like(least)
            is_taken = torch.zeros(len(other), between.size(1), dtype=torch.bool)
            for place in range(most_slots):
                slot = most_slots - 1 - place if is_reversed else place
                is_slot = elements[:, slot] > 0
                nearest, element = between[elements[:, slot]].masked_fill(is_taken, math.inf).min(1, keepdim=True)
                total += torch.where(is_slot, nearest[:, 0] * counts[:, slot], 0.0)
                is_taken.scatter_(1, element, is_taken.gather(1, element) | is_slot.unsqueeze(1))
            least = torch.minimum(least, total)
        distance[other] = least / counts.sum(1)
        return distance

    @torch.jit.export
    def with_counts(self, allowed: Tensor, elements: list[int], counts: list[int]) -> tuple[Tensor, Tensor]:
        """Return known crystals, one of each structure type that has a composition, and the elements [R, SLOTS] on it.

        allowed: [C] bool; elements, counts: Z and the number of atoms in the primitive cell.
        """
        is_first = torch.ones_like(allowed)
        is_first[1:] = self.type_key[1:] != self.type_key[:-1]
        rows = torch.where(is_first & allowed)[0]
        fitting, dressing = self.dressings(self.counts[rows].long(), elements, counts)
        return rows[fitting], dressing

    @torch.jit.export
    def dressings(self, slot_counts: Tensor, elements: list[int], counts: list[int]) -> tuple[Tensor, Tensor]:
        """Return the rows of slot counts [R, SLOTS] that a composition fits, and the elements on their slots.

        A row in which slots have equal counts occurs several times, with each order of the elements.
        """
        number = len(elements)
        orders = permutations(number)
        z, ordered = torch.tensor(elements)[orders], torch.tensor(counts)[orders]
        sorted_counts = torch.tensor(counts).sort().values
        fits = (slot_counts[:, :number].sort(1).values == sorted_counts).all(1) & (slot_counts[:, number:] == 0).all(1)
        rows = torch.where(fits)[0]
        row, order = torch.where((slot_counts[rows, :number].unsqueeze(1) == ordered).all(2))
        dressing = torch.zeros(len(row), slot_counts.size(1), dtype=torch.int64)
        dressing[:, :number] = z[order]
        return rows[row], dressing


def ordering_of(source: Tensor) -> Tensor:
    """Return the `source` of an ordering of a training crystal by the crystal's, or the crystal's by the ordering's."""
    return -2 - source


def index_known_crystals(types: StructureTypes, _: object) -> None:
    """Compute the keys of known crystals that were loaded."""
    types.index()
