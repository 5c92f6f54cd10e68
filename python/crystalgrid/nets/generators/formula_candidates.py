"""Structure types that meet conditions, and the candidates for a formula in the order of their likelihood."""

import torch
from torch import Tensor, nn

from ...crystal import MAX_Z
from ...geometry.elements import MENDELEEV_NUMBERS
from ...geometry.orbits import SPACE_GROUPS
from .conditions import element_numbers, formula_counts, interval, listed, possible_elements, possible_groups
from .dressed_types import Dressed, chosen, joined, to_orbits, with_tie_break, with_values
from .rank_weights import RankWeights
from .sizes import Sizes
from .structure_types import StructureTypes
from .wyckoff_language import Sentences, WyckoffLanguage
from .wyckoff_words import SLOTS

KNOWN, NEW, FREE = 1, 2, 3
"""The numbers of the condition `structures`: known types alone; new ones alone; those of them that are drawn freely."""
FORMULA_PROPOSALS = 256
"""The structure types that are drawn for a formula, in equal parts for the possible numbers of formula units."""
LEAST_PROPOSALS = 16
"""The least of these for each number of formula units."""
SCORED_AT_ONCE = 128


class FormulaCandidates(nn.Module):
    """The language, the known structure types, and what both say of a composition."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.atoms, self.orbits, self.most_slots, self.groups = sizes.atoms, sizes.orbits, SLOTS, SPACE_GROUPS
        self.known, self.new, self.free = KNOWN, NEW, FREE
        self.formula_proposals, self.scored_at_once = FORMULA_PROPOSALS, SCORED_AT_ONCE
        self.least_proposals = LEAST_PROPOSALS
        self.type_words = 1 + 2 * sizes.orbits
        self.rank_weights = list(RankWeights())
        self.language = WyckoffLanguage(sizes.width, sizes.depth, sizes.orbits)
        self.types = StructureTypes(sizes.crystals, sizes.crystal_orbits)
        self.seen: Tensor
        self.register_buffer("seen", torch.ones(1 + MAX_Z, dtype=torch.bool))
        self.mendeleev_numbers: Tensor
        self.register_buffer("mendeleev_numbers", torch.from_numpy(MENDELEEV_NUMBERS), persistent=False)

    def allowed(self, conditions: dict[str, list[float]]) -> Tensor:
        """Return which known crystals, and orderings of them, have a structure type that meets the conditions, [C]."""
        types = self.types
        groups = possible_groups(conditions, self.groups)
        n_slots = (types.elements > 0).sum(1)
        least, most = element_numbers(conditions, self.most_slots)
        fewest, largest = interval(conditions, "atoms", 1.0, float(self.atoms))
        met = groups[types.space_group.long()] & (n_slots >= least) & (n_slots <= most)
        met = met & (types.counts.sum(1) >= fewest) & (types.counts.sum(1) <= largest)
        met = met & (n_slots <= possible_elements(conditions, self.seen).sum())
        structures, is_ordering = listed(conditions, "structures"), types.source < 0
        if structures == [self.free]:
            return torch.zeros_like(met)
        if structures == [self.known]:
            return met & ~is_ordering
        return met & is_ordering if structures == [self.new] else met

    def formula_candidates(self, conditions: dict[str, list[float]]) -> Dressed:
        """Return the structure types with elements that have the formula, and the language's likelihood of each.

        Where new ones are asked for, these are orderings, and freely drawn ones only if there is no ordering.
        """
        elements, units = formula_counts(conditions)
        structures = listed(conditions, "structures")
        allowed = self.allowed(conditions)
        found = [self.blank(0)]
        multiples, n_kept = self.multiples(conditions), 0
        proposals = max(self.least_proposals, self.formula_proposals // max(1, len(multiples)))
        is_any = structures != [self.known] and structures != [self.new]
        for z in multiples:
            counts = [z * unit for unit in units]
            rows, dressing = self.types.with_counts(allowed, elements, counts)
            letters, slots, _ = self.types.orbits_of(rows)
            group = self.types.space_group[rows].long()
            found.append(self.scored(group, letters, slots, dressing, elements, counts))
            n_kept += len(rows)
            if is_any:
                found.append(self.free_candidates(conditions, elements, counts, proposals))
        if structures == [self.new] and n_kept == 0:
            for z in multiples:
                found.append(self.free_candidates(conditions, elements, [z * unit for unit in units], proposals))
        return joined(found)

    def free_candidates(
        self, conditions: dict[str, list[float]], elements: list[int], counts: list[int], number: int
    ) -> Dressed:
        """Return freely drawn structure types with elements that have the composition, of `number` drawn given it."""
        total = sum(counts)
        prompt = self.prompt(elements, counts).expand(number, -1, -1)
        groups = possible_groups(conditions, self.groups)
        size = (total, total)
        n_slots = (len(elements), len(elements))
        words = evenly(number, self.type_words)
        beginning = self.language.beginning(prompt)
        group, letters, slots, met = self.language.draw_types(beginning, words, groups, size, n_slots)
        is_first = first_of_each(self.types.name_keys(group, letters, slots))
        new = torch.where(met & self.types.is_unknown(group, letters, slots) & is_first)[0]
        position = self.language.positions(group, letters)
        slot_counts = self.language.slot_counts(position, slots, self.most_slots)
        fitting, dressing = self.types.dressings(slot_counts[new], elements, counts)
        rows = new[fitting]
        return self.scored(group[rows], letters[rows], slots[rows], dressing, elements, counts)

    def scored(
        self, group: Tensor, letters: Tensor, slots: Tensor, dressing: Tensor, elements: list[int], counts: list[int]
    ) -> Dressed:
        """Return dressed structure types with their log likelihoods given a composition; none is given if it is empty.

        elements, counts: Z and the number of atoms in the primitive cell.
        """
        prompt = self.prompt(elements, counts)
        likelihood: list[Tensor] = [torch.zeros(0, dtype=torch.float64)]
        volume: list[Tensor] = [torch.zeros(0, dtype=torch.float64)]
        for first in range(0, len(group), self.scored_at_once):
            last = first + self.scored_at_once
            most = int((dressing[first:last] > 0).sum(1).max())
            reading = self.language.read(
                Sentences(
                    group[first:last],
                    letters[first:last],
                    slots[first:last],
                    dressing[first:last, :most],
                    prompt.expand(len(group[first:last]), -1, -1),
                )
            )
            likelihood.append(reading.log_probabilities.sum(1).double())
            volume.append(reading.log_volume.double())
        letters, slots = to_orbits(letters, self.orbits, -1), to_orbits(slots, self.orbits, 0)
        log_likelihood = torch.cat(likelihood)
        return Dressed(
            group, letters, slots, dressing, log_likelihood, torch.cat(volume), torch.zeros_like(log_likelihood)
        )

    def prompt(self, elements: list[int], counts: list[int]) -> Tensor:
        """Return Z and counts [P, 2] in the order in which the language has learned them, that of Mendeleev numbers."""
        prompt = torch.tensor([elements, counts], dtype=torch.int64).T
        return prompt[self.mendeleev_numbers[prompt[:, 0]].argsort()]

    def weighed(self, dressed: Dressed) -> Dressed:
        """Return candidates with the likelihood that they are the crystal of a formula, up to a factor of all."""
        likelihood = (self.rank_features(dressed) * torch.tensor(self.rank_weights, dtype=torch.float64)).sum(1)
        return with_values(dressed, likelihood, dressed.log_volume, dressed.tie_break)

    def rank_features(self, dressed: Dressed) -> Tensor:
        """Return what candidates are ranked by, [B, 4] float64, in the order of `RankWeights`."""
        group, letters, slots = dressed.space_group, dressed.letters, dressed.slots
        key = self.types.type_keys(group, letters, slots)
        relative, distance, _ = self.nearest_known(dressed)
        is_new = ~self.types.is_known(key)
        is_known_crystal = self.types.same_as(self.types.crystal_keys(key, dressed.elements)) >= 0
        root = distance.sqrt().masked_fill(relative < 0, 0.0)
        return torch.stack((dressed.log_likelihood, root, is_new.double(), is_known_crystal.double()), 1)

    def each_geometry(self, dressed: Dressed, most: int) -> Dressed:
        """Return candidates once for each known crystal that they may begin at, the likeliest first and `most` at most.

        The n-th of a candidate counts 1 / n of the first, so that candidates have geometries in proportion to their
        likelihoods (the D'Hondt method).
        """
        number = self.nearest_known(dressed)[2].clamp(min=1)
        taken = number.clamp(max=most)
        row = torch.repeat_interleave(torch.arange(len(taken)), taken)
        place = torch.arange(len(row)) - (taken.cumsum(0) - taken)[row]
        likelihood = dressed.log_likelihood[row] - (place + 1).double().log()
        order = likelihood.argsort(descending=True, stable=True)[:most]
        geometries = with_tie_break(chosen(dressed, row[order]), ((place + 0.5) / number[row])[order])
        geometries.log_likelihood.copy_(likelihood[order])
        return geometries

    def nearest_known(self, dressed: Dressed) -> tuple[Tensor, Tensor, Tensor]:
        """Return the nearest known crystals, their distances, and how many are as near, as `StructureTypes.nearest`."""
        position = self.language.positions(dressed.space_group, dressed.letters)
        counts = self.language.slot_counts(position, dressed.slots, self.most_slots)
        key = self.types.type_keys(dressed.space_group, dressed.letters, dressed.slots)
        return self.types.nearest(key, dressed.elements, counts, dressed.tie_break)

    def n_atoms(self, types: Dressed) -> Tensor:
        """Return the number of atoms in the primitive cell, [B]."""
        return self.language.table.atoms[self.language.positions(types.space_group, types.letters)].sum(1)

    def multiples(self, conditions: dict[str, list[float]]) -> list[int]:
        """Return the numbers of formula units in the primitive cell that the conditions allow."""
        total = sum(formula_counts(conditions)[1])
        fewest, largest = interval(conditions, "atoms", 1.0, float(self.atoms))
        given, fitting = listed(conditions, "z"), [0 for _ in range(0)]
        for z in range(1, self.atoms // total + 1):
            if (len(given) == 0 or z in given) and fewest <= z * total <= largest:
                fitting.append(z)
        return fitting

    def blank(self, number: int) -> Dressed:
        """Return rows for structure types, without orbits and elements."""
        group = torch.ones(number, dtype=torch.int64)
        slots, real = torch.zeros(number, self.orbits, dtype=torch.int64), torch.zeros(number, dtype=torch.float64)
        elements = torch.zeros(number, self.most_slots, dtype=torch.int64)
        return Dressed(group, slots - 1, slots, elements, real, real.clone(), real.clone())


def evenly(rows: int, columns: int) -> Tensor:
    """Return numbers [rows, columns] that fill [0, 1] evenly in each column, in another order (Weyl sequences)."""
    steps = (torch.arange(1, columns + 1, dtype=torch.float64).sqrt() * 0.6180339887498949 + 0.1234567) % 1
    return ((torch.arange(rows, dtype=torch.float64).unsqueeze(1) + 0.5) * steps % 1).float()


def first_of_each(keys: Tensor) -> Tensor:
    """Return whether each key [B] is the first of its value."""
    ordered, order = keys.sort(stable=True)
    is_first = torch.ones_like(keys, dtype=torch.bool)
    is_first[order[1:]] = ordered[1:] != ordered[:-1]
    return is_first
