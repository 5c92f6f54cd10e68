"""The choice of a structure type, known or new, and of the elements on it, as conditions ask for."""

import torch
from torch import Tensor

from .conditions import element_numbers, formula_counts, interval, listed, possible_elements, possible_groups
from .dressed_types import Dressed, chosen, from_rows, to_orbits, to_rows, with_tie_break
from .formula_candidates import FormulaCandidates
from .given_crystal import fixed_elements
from .sizes import Sizes
from .wyckoff_language import ElementChoice, Reading

NEW_SHARE = 0.14
"""The share of new structure types among draws: that of unseen crystals of the Materials Project."""
BIAS_PER_DISTANCE = 3.0
"""By how much elements on an ordering are less likely, in logits per chemical distance to those of the known crystal.

Of 200 orderings 43.5 % were M.S.U.N. by CHGNet; without it, 17 % of 100.
"""
FARTHEST = 0.7
"""The largest chemical distance to a known crystal of the same type; half of all swaps of neighbours are below 0.4."""
LEAST_KNOWN = 256
"""The known crystals, at least, whose structure types are drawn, however far from theirs the possible elements are."""
TEMPERATURE = 0.8
"""The temperature at which elements are drawn for a structure type."""
PROPOSALS = 4
"""The structure types that the language draws for a crystal, of which the first new one is taken."""


class TypeDrawer(FormulaCandidates):
    """A drawer of structure types with elements: of known ones, of orderings of these, or what the language draws."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.new_share, self.temperature, self.proposals = NEW_SHARE, TEMPERATURE, PROPOSALS
        self.bias_per_distance, self.farthest, self.least_known = BIAS_PER_DISTANCE, FARTHEST, LEAST_KNOWN

    def type_plan(self, conditions: dict[str, list[float]]) -> Tensor:
        """Return what all draws share: candidates of a formula as rows, or the rows of known crystals and orderings.

        These are all that conditions allow and whose own elements are within FARTHEST of possible ones, and more, the
        nearest first, if they are fewer than LEAST_KNOWN.
        """
        elements, _ = formula_counts(conditions)
        if len(elements) > 0:
            return to_rows(self.weighed(self.formula_candidates(conditions)))
        rows = torch.where(self.allowed(conditions))[0]
        distance = self.types.distance_to(rows, possible_elements(conditions, self.seen))
        nearest = distance.sort().values[: self.least_known]
        near = distance <= self.farthest
        if len(nearest) > 0:
            near = near | (distance <= nearest[-1])
        return rows[near].unsqueeze(1).double()

    def draw_types(
        self, words: Tensor, conditions: dict[str, list[float]], plan: Tensor, before: Dressed, is_last: bool
    ) -> tuple[Dressed, Tensor]:
        """Return a structure type for each row of uniform numbers, and whether it is as asked for, [B].

        A new type is an ordering of a known one; if the generator has none, or conditions ask for one that is drawn
        freely, the language draws it. words: [B, 2 + PROPOSALS · type_words], in [0, 1]; before: freely drawn types of
        the rows, which are taken again, without orbits where there is none. At last a known type stands in for a new
        one that is not found, unless new ones are asked for. Only the types for a formula have elements already.
        """
        choice, free_words = words.split([2, self.proposals * self.type_words], 1)
        if "formula" in conditions:
            return self.candidate_types(choice[:, 1], plan)
        allowed = plan.flatten().long()
        is_ordering = self.types.source[allowed] < 0
        crystal_rows, ordering_rows = allowed[~is_ordering], allowed[is_ordering]
        only_known = listed(conditions, "structures") == [self.known]
        new_share = 0.0 if only_known else self.share_of_new(len(crystal_rows), len(ordering_rows))
        is_new = choice[:, 0] < new_share
        group, letters, slots, tie_break, met = self.kept_types(choice[:, 1], crystal_rows)
        is_drawn = before.letters[:, 0] >= 0
        rows = torch.where(is_new & ~is_drawn)[0]
        if len(rows) > 0 and len(ordering_rows) > 0:
            kept = self.kept_types(choice[rows, 1], ordering_rows)
            for values, replacing in zip((group, letters, slots, tie_break, met), kept):  # noqa: B905
                values[rows] = replacing
        elif len(rows) > 0:
            free_group, free_letters, free_slots, found = self.free_types(free_words[rows], conditions)
            taken = rows[found]
            group[taken], letters[taken], slots[taken] = free_group[found], free_letters[found], free_slots[found]
            met[rows] = torch.ones_like(found) if is_last and new_share < 1 else found
        group[is_drawn], letters[is_drawn] = before.space_group[is_drawn], before.letters[is_drawn]
        slots[is_drawn], met = before.slots[is_drawn], met | is_drawn
        unknown = before.log_volume
        return Dressed(group, letters, slots, torch.zeros_like(before.elements), unknown, unknown, tie_break), met

    def share_of_new(self, n_crystals: int, n_orderings: int) -> float:
        """Return the share of new structure types among draws where conditions leave so many crystals and orderings.

        It is what conditions would leave of draws without conditions, of which `new_share` are new.
        """
        if n_crystals == 0:
            return 1.0
        n_all_crystals = int((self.types.source >= 0).sum())
        n_all_orderings = len(self.types.source) - n_all_crystals
        if n_all_orderings == 0:
            return self.new_share
        crystals = (1.0 - self.new_share) * n_crystals / n_all_crystals
        orderings = self.new_share * n_orderings / n_all_orderings
        return orderings / (crystals + orderings)

    def candidate_types(self, uniform: Tensor, plan: Tensor) -> tuple[Dressed, Tensor]:
        """Return candidates for a formula, drawn by their likelihood with uniform numbers [B], and True for each."""
        candidates = from_rows(plan, self.orbits, self.most_slots)
        share = candidates.log_likelihood.softmax(0)
        last, uniform = share.cumsum(0), uniform.double().contiguous()
        row = torch.searchsorted(last, uniform).clamp(max=len(share) - 1)
        tie_break = ((last[row] - uniform) / share[row].clamp(min=1e-300)).clamp(0, 1)  # where it is within the share
        return with_tie_break(chosen(candidates, row), tie_break), torch.ones_like(row, dtype=torch.bool)

    def free_of(self, types: Dressed, found: Tensor) -> Dressed:
        """Return the structure types that were found and drawn freely; the other rows have no orbits."""
        group, letters, slots, elements, log_likelihood, log_volume, tie_break = types
        first, last = self.types.crystals_of(self.types.type_keys(group, letters, slots))
        letters = letters.masked_fill(~(found & (first == last)).unsqueeze(1), -1)
        return Dressed(group, letters, slots, elements, log_likelihood, log_volume, tie_break)

    def kept_types(self, uniform: Tensor, kept: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return structure types of known crystals or orderings chosen at random, and True for each, if there are any.

        kept: their rows. The types are groups, letters, slots, and tie breaks, which are the places of the crystals
        among those of a type.
        """
        if len(kept) == 0:
            triclinic = self.blank(len(uniform))
            triclinic.letters[:, 0] = 0
            none = torch.zeros(len(uniform), dtype=torch.bool)
            return triclinic.space_group, triclinic.letters, triclinic.slots, triclinic.tie_break, none
        rows = kept[(uniform.double() * len(kept)).long().clamp(max=len(kept) - 1)]
        letters, slots, _ = self.types.orbits_of(rows)
        group = self.types.space_group[rows].long()
        met = torch.ones_like(rows, dtype=torch.bool)
        first, last = self.types.crystals_of(self.types.type_key[rows])
        tie_break = (rows - first + 0.5).double() / (last - first)
        return group, to_orbits(letters, self.orbits, -1), to_orbits(slots, self.orbits, 0), tie_break, met

    def free_types(self, words: Tensor, conditions: dict[str, list[float]]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return structure types that are drawn freely, the first new one of a few, and whether there is one, [B].

        New is what `StructureTypes.is_unknown` says.
        """
        number = len(words)
        groups = possible_groups(conditions, self.groups)
        least, most = element_numbers(conditions, self.most_slots)
        most = min(most, int(possible_elements(conditions, self.seen).sum()))
        fewest, largest = interval(conditions, "atoms", 1.0, float(self.atoms))
        beginning = self.language.beginning(torch.zeros(number * self.proposals, 0, 2, dtype=torch.int64))
        size, n_slots = (int(fewest), int(largest)), (least, most)
        flat = words.reshape(number * self.proposals, self.type_words)
        group, letters, slots, met = self.language.draw_types(beginning, flat, groups, size, n_slots)
        new = (met & self.types.is_unknown(group, letters, slots)).view(number, self.proposals)
        row = torch.arange(number) * self.proposals + new.int().argmax(1)
        letters, slots = to_orbits(letters, self.orbits, -1), to_orbits(slots, self.orbits, 0)
        return group[row], letters[row], slots[row], new.any(1)

    def dressed(self, types: Dressed, uniform: Tensor, conditions: dict[str, list[float]]) -> tuple[Dressed, Reading]:
        """Return B structure types, each R times with elements drawn for it, and how the language reads them.

        uniform: [B, R, SLOTS], in [0, 1].
        """
        group, letters, slots = types.space_group, types.letters, types.slots
        possible = possible_elements(conditions, self.seen)
        beginning = self.language.beginning(torch.zeros(len(group), 0, 2, dtype=torch.int64))
        kept = fixed_elements(conditions, self.orbits, self.most_slots)
        smallest_z, _ = interval(conditions, "largest_z", 0.0, float(len(self.seen)))
        bias = self.element_bias(types, possible, uniform.size(2))
        choice = ElementChoice(possible, kept, int(smallest_z), self.temperature, bias)
        elements, reading = self.language.dress(beginning, group, letters, slots, uniform, choice)
        likelihood, log_volume = reading.log_probabilities.sum(1).double(), reading.log_volume.double()
        types = chosen(types, torch.arange(len(group)).repeat_interleave(uniform.size(1)))
        group, letters, slots, _, _, _, tie_break = types
        return Dressed(group, letters, slots, elements, likelihood, log_volume, tie_break), reading

    def element_bias(self, types: Dressed, possible: Tensor, n_slots: int) -> Tensor:
        """Return what is added to the logits of elements: less, the farther from those of the known crystal.

        It is so for orderings, and for crystals with impossible elements, to which language alone seldom draws near
        ones. [B, S, 94 + 1]; zeros for other structure types.
        """
        first, last = self.types.crystals_of(self.types.type_keys(types.space_group, types.letters, types.slots))
        row = (first + (types.tie_break * (last - first)).long()).clamp(max=len(self.types.source) - 1)
        features, elements = self.types.element_features, self.types.elements[row, :n_slots].long()
        is_other = (self.types.source[row] < 0) | ((elements > 0) & ~possible[elements]).any(1)
        distance = (features[elements].unsqueeze(2) - features).abs().sum(3)
        is_biased = (elements > 0) & ((first < last) & is_other).unsqueeze(1)
        return distance * (-self.bias_per_distance * is_biased.unsqueeze(2))
