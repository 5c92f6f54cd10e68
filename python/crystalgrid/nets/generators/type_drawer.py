"""The choice of a structure type, known or new, and of the elements on it, as conditions ask for."""

import torch
from torch import Tensor, nn

from ...crystal import MAX_Z
from ...geometry.elements import MENDELEEV_NUMBERS
from ...geometry.orbits import SPACE_GROUPS
from .conditions import element_numbers, formula_counts, interval, listed, possible_elements, possible_groups
from .dressed_types import Dressed, chosen, from_rows, joined, to_orbits, to_rows, with_tie, with_values
from .given_crystal import fixed_elements
from .rank_weights import RankWeights
from .sizes import Sizes
from .structure_types import StructureTypes
from .wyckoff_language import ElementChoice, Reading, Sentences, WyckoffLanguage
from .wyckoff_words import SLOTS

NEW_SHARE = 0.14
"""The share of new structure types among draws: that of unseen crystals of the Materials Project."""
KNOWN, NEW, FREE = 1, 2, 3
"""The numbers of the condition `structures`: known types alone; new ones alone; those of them that are drawn freely."""
LEANING = 3.0
"""By how much elements on an ordering are less likely, in logits per chemical distance to those of the known crystal.

Of 90 orderings 49 % were stable, new and unique; without it, 17 % of 100.
"""
TEMPERATURE = 0.8
"""The temperature at which elements are drawn for a structure type."""
PROPOSALS = 4
"""The structure types that are drawn for a crystal of a new type, of which the first new one is taken."""
FORMULA_PROPOSALS = 256
"""The structure types that are drawn for a formula, in equal parts for the possible numbers of formula units."""
LEAST_PROPOSALS = 16
"""The least of these for each number of formula units."""
SCORED_AT_ONCE = 128


class TypeDrawer(nn.Module):
    """A drawer of structure types with elements: known types are those of training crystals, new ones are drawn."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.atoms, self.orbits, self.most_slots, self.groups = sizes.atoms, sizes.orbits, SLOTS, SPACE_GROUPS
        self.new_share, self.temperature, self.proposals = NEW_SHARE, TEMPERATURE, PROPOSALS
        self.known, self.new, self.free, self.leaning = KNOWN, NEW, FREE, LEANING
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

    def type_plan(self, conditions: dict[str, list[float]]) -> Tensor:
        """Return what all draws share: candidates of a formula as rows, or the rows of the known crystals allowed."""
        elements, _ = formula_counts(conditions)
        if len(elements) > 0:
            return to_rows(self.weighed(self.formula_candidates(conditions)))
        return self.allowed(conditions).nonzero().double()

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
        """Return the structure types with elements that have the formula, and the language's likelihood of each."""
        elements, units = formula_counts(conditions)
        structures = listed(conditions, "structures")
        allowed = self.allowed(conditions)
        found = [self.blank(0)]
        multiples = self.multiples(conditions)
        proposals = max(self.least_proposals, self.formula_proposals // max(1, len(multiples)))
        for z in multiples:
            counts = [z * unit for unit in units]
            rows, dressing = self.types.with_counts(allowed, elements, counts)
            letters, slots, _ = self.types.orbits_of(rows)
            group = self.types.space_group[rows].long()
            found.append(self.scored(group, letters, slots, dressing, elements, counts))
            if structures != [self.known]:
                found.append(self.new_candidates(conditions, elements, counts, proposals))
        return joined(found)

    def weighed(self, dressed: Dressed) -> Dressed:
        """Return candidates with the likelihood that they are the crystal of a formula, up to a factor of all."""
        likelihood = (self.rank_features(dressed) * torch.tensor(self.rank_weights, dtype=torch.float64)).sum(1)
        return with_values(dressed, likelihood, dressed.log_volume, dressed.tie)

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
        geometries = with_tie(chosen(dressed, row[order]), ((place + 0.5) / number[row])[order])
        geometries.log_likelihood.copy_(likelihood[order])
        return geometries

    def rank_features(self, dressed: Dressed) -> Tensor:
        """Return what candidates are ranked by, [B, 4] float64, in the order of `RankWeights`."""
        group, letters, slots = dressed.space_group, dressed.letters, dressed.slots
        key = self.types.type_keys(group, letters, slots)
        relative, distance, _ = self.nearest_known(dressed)
        is_new = ~self.types.is_known(key)
        is_known_crystal = self.types.same_as(self.types.crystal_keys(key, dressed.elements)) >= 0
        root = distance.sqrt().masked_fill(relative < 0, 0.0)
        return torch.stack((dressed.log_likelihood, root, is_new.double(), is_known_crystal.double()), 1)

    def nearest_known(self, dressed: Dressed) -> tuple[Tensor, Tensor, Tensor]:
        """Return the nearest known crystals, their distances, and how many are as near, as `StructureTypes.nearest`."""
        position = self.language.positions(dressed.space_group, dressed.letters)
        counts = self.language.slot_counts(position, dressed.slots, self.most_slots)
        key = self.types.type_keys(dressed.space_group, dressed.letters, dressed.slots)
        return self.types.nearest(key, dressed.elements, counts, dressed.tie)

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

    def new_candidates(
        self, conditions: dict[str, list[float]], elements: list[int], counts: list[int], number: int
    ) -> Dressed:
        """Return new structure types with elements that have the composition, of `number` that are drawn given it."""
        total = sum(counts)
        prompt = self.prompt(elements, counts).expand(number, -1, -1)
        groups = possible_groups(conditions, self.groups)
        size = (total, total)
        n_slots = (len(elements), len(elements))
        words = evenly(number, self.type_words)
        beginning = self.language.beginning(prompt)
        group, letters, slots, met = self.language.draw_types(beginning, words, groups, size, n_slots)
        keys = self.types.type_keys(group, letters, slots)
        first, last = self.types.crystals_of(keys)
        new = torch.where(met & (first == last) & first_of_each(keys))[0]
        position = self.language.positions(group, letters)
        slot_counts = self.language.slot_counts(position, slots, self.most_slots)
        fitting, dressing = self.types.dressings(slot_counts[new], elements, counts)
        rows = new[fitting]
        return self.scored(group[rows], letters[rows], slots[rows], dressing, elements, counts)

    def prompt(self, elements: list[int], counts: list[int]) -> Tensor:
        """Return Z and counts [P, 2] in the order in which the language has learned them, that of Mendeleev numbers."""
        prompt = torch.tensor([elements, counts], dtype=torch.int64).T
        return prompt[self.mendeleev_numbers[prompt[:, 0]].argsort()]

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

    def draw_types(
        self, words: Tensor, conditions: dict[str, list[float]], plan: Tensor, before: Dressed, is_last: bool
    ) -> tuple[Dressed, Tensor]:
        """Return a structure type for each row of uniform numbers, and whether it is as asked for, [B].

        A new type is an ordering of a known one; if the conditions leave none, or ask for one that is drawn freely, the
        language draws it. words: [B, 2 + PROPOSALS · type_words], in [0, 1]; before: freely drawn types of the rows,
        which are taken again, without orbits where there is none. At last a known type stands in for a new one that is
        not found, unless new ones are asked for. Only the types for a formula have elements already.
        """
        choice, new_words = words.split([2, self.proposals * self.type_words], 1)
        elements, _ = formula_counts(conditions)
        if len(elements) > 0:
            candidates = from_rows(plan, self.orbits, self.most_slots)
            share = candidates.log_likelihood.softmax(0)
            last, uniform = share.cumsum(0), choice[:, 1].double().contiguous()
            row = torch.searchsorted(last, uniform).clamp(max=len(share) - 1)
            tie = ((last[row] - uniform) / share[row].clamp(min=1e-300)).clamp(0, 1)  # where it is within the share
            return with_tie(chosen(candidates, row), tie), torch.ones_like(row, dtype=torch.bool)
        allowed = plan.flatten().long()
        is_ordering = self.types.source[allowed] < 0
        known, orderings = allowed[~is_ordering], allowed[is_ordering]
        only_known = listed(conditions, "structures") == [self.known]
        new_share = 1.0 if len(known) == 0 else 0.0 if only_known else self.new_share
        is_new = choice[:, 0] < new_share
        group, letters, slots, tie, met = self.kept_types(choice[:, 1], known)
        is_drawn = before.letters[:, 0] >= 0
        rows = torch.where(is_new & ~is_drawn)[0]
        if len(rows) > 0 and len(orderings) > 0:
            kept = self.kept_types(choice[rows, 1], orderings)
            for values, replacing in zip((group, letters, slots, tie, met), kept):  # noqa: B905
                values[rows] = replacing
        elif len(rows) > 0:
            new_group, new_letters, new_slots, found = self.new_types(new_words[rows], conditions)
            taken = rows[found]
            group[taken], letters[taken], slots[taken] = new_group[found], new_letters[found], new_slots[found]
            met[rows] = torch.ones_like(found) if is_last and new_share < 1 else found
        group[is_drawn], letters[is_drawn] = before.space_group[is_drawn], before.letters[is_drawn]
        slots[is_drawn], met = before.slots[is_drawn], met | is_drawn
        unknown = before.log_volume
        return Dressed(group, letters, slots, torch.zeros_like(before.elements), unknown, unknown, tie), met

    def new_of(self, types: Dressed, found: Tensor) -> Dressed:
        """Return the types that are found and freely drawn, and rows without orbits in place of the others."""
        group, letters, slots, elements, log_likelihood, log_volume, tie = types
        first, last = self.types.crystals_of(self.types.type_keys(group, letters, slots))
        letters = letters.masked_fill(~(found & (first == last)).unsqueeze(1), -1)
        return Dressed(group, letters, slots, elements, log_likelihood, log_volume, tie)

    def dressed(self, types: Dressed, uniform: Tensor, conditions: dict[str, list[float]]) -> tuple[Dressed, Reading]:
        """Return B structure types, each R times with elements drawn for it, and how the language reads them.

        uniform: [B, R, SLOTS], in [0, 1].
        """
        group, letters, slots = types.space_group, types.letters, types.slots
        possible = possible_elements(conditions, self.seen)
        beginning = self.language.beginning(torch.zeros(len(group), 0, 2, dtype=torch.int64))
        kept = fixed_elements(conditions, self.orbits, self.most_slots)
        smallest_z, _ = interval(conditions, "largest_z", 0.0, float(len(self.seen)))
        leaning = self.leaning_of(types, uniform.size(2))
        choice = ElementChoice(possible, kept, int(smallest_z), self.temperature, leaning)
        elements, reading = self.language.dress(beginning, group, letters, slots, uniform, choice)
        likelihood, log_volume = reading.log_probabilities.sum(1).double(), reading.log_volume.double()
        types = chosen(types, torch.arange(len(group)).repeat_interleave(uniform.size(1)))
        group, letters, slots, _, _, _, tie = types
        return Dressed(group, letters, slots, elements, likelihood, log_volume, tie), reading

    def leaning_of(self, types: Dressed, n_slots: int) -> Tensor:
        """Return by how much the logits of elements on orderings fall, the farther from those of the known crystal.

        [R · B, S, 94 + 1], of zeros for other structure types.
        """
        first, last = self.types.crystals_of(self.types.type_keys(types.space_group, types.letters, types.slots))
        row = (first + (types.tie * (last - first)).long()).clamp(max=len(self.types.source) - 1)
        is_ordering = (first < last) & (self.types.source[row] < 0)
        features, elements = self.types.element_features, self.types.elements[row, :n_slots].long()
        distance = (features[elements].unsqueeze(2) - features).abs().sum(3)
        is_shared = (elements > 0) & is_ordering.unsqueeze(1)
        return distance * (-self.leaning * is_shared.unsqueeze(2))

    def n_atoms(self, types: Dressed) -> Tensor:
        """Return the number of atoms in the primitive cell, [B]."""
        return self.language.table.atoms[self.language.positions(types.space_group, types.letters)].sum(1)

    def kept_types(self, uniform: Tensor, kept: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return structure types of known crystals or orderings chosen at random, and True for each, if there are any.

        kept: their rows. The types are groups, letters, slots, and ties: the places of the crystals among those of a
        type.
        """
        if len(kept) == 0:
            triclinic = self.blank(len(uniform))
            triclinic.letters[:, 0] = 0
            none = torch.zeros(len(uniform), dtype=torch.bool)
            return triclinic.space_group, triclinic.letters, triclinic.slots, triclinic.tie, none
        rows = kept[(uniform.double() * len(kept)).long().clamp(max=len(kept) - 1)]
        letters, slots, _ = self.types.orbits_of(rows)
        group = self.types.space_group[rows].long()
        met = torch.ones_like(rows, dtype=torch.bool)
        first, last = self.types.crystals_of(self.types.type_key[rows])
        tie = (rows - first + 0.5).double() / (last - first)
        return group, to_orbits(letters, self.orbits, -1), to_orbits(slots, self.orbits, 0), tie, met

    def new_types(self, words: Tensor, conditions: dict[str, list[float]]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return new structure types, the first of a few proposals that is new, and whether there is one, [B]."""
        number = len(words)
        groups = possible_groups(conditions, self.groups)
        least, most = element_numbers(conditions, self.most_slots)
        most = min(most, int(possible_elements(conditions, self.seen).sum()))
        fewest, largest = interval(conditions, "atoms", 1.0, float(self.atoms))
        beginning = self.language.beginning(torch.zeros(number * self.proposals, 0, 2, dtype=torch.int64))
        size, n_slots = (int(fewest), int(largest)), (least, most)
        flat = words.reshape(number * self.proposals, self.type_words)
        group, letters, slots, met = self.language.draw_types(beginning, flat, groups, size, n_slots)
        first, last = self.types.crystals_of(self.types.type_keys(group, letters, slots))
        new = (met & (first == last)).view(number, self.proposals)
        row = torch.arange(number) * self.proposals + new.int().argmax(1)
        letters, slots = to_orbits(letters, self.orbits, -1), to_orbits(slots, self.orbits, 0)
        return group[row], letters[row], slots[row], new.any(1)


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
