"""The check of conditions: one line says why none can meet them, if so."""

import torch
from torch import Tensor

from ...geometry.elements import SYMBOLS
from .conditions import element_numbers, formula_counts, interval, listed, possible_elements, without
from .crystal_draws import Draws
from .formula_candidates import evenly
from .predicted_energy import PredictedEnergy
from .sizes import Sizes

DENSITIES = (0.01, 25.0)
"""The density in g/cm³ of crystals that are drawn: osmium has 22.6."""
VOLUMES = (2.0, 1e4)
"""The volume per atom in Å³ of crystals that are drawn: diamond has 5.7."""
TRIED = 16
"""The candidates of new structure types that are looked at to see whether one of them can be drawn."""
NEAREST = 8
"""The most space groups that a line lists."""


class ConditionCheck(PredictedEnergy):
    """A drawer of structure types that says why it cannot meet conditions, and what comes nearest."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.symbols, self.nearest_listed = ["", *SYMBOLS], NEAREST
        self.densities, self.volumes, self.tried = DENSITIES, VOLUMES, TRIED

    def condition_problem(self, conditions: dict[str, list[float]]) -> str:
        """Return one line why conditions cannot be met, with what comes nearest; "" if they can."""
        line = self.element_problem(conditions)
        if len(line) == 0:
            line = self.number_problem(conditions)
        if len(line) == 0:
            line = self.formula_problem(conditions) if "formula" in conditions else self.type_problem(conditions)
        return line

    def element_problem(self, conditions: dict[str, list[float]]) -> str:
        """Return why the elements that are asked for cannot occur."""
        formula, _ = formula_counts(conditions)
        elements = listed(conditions, "elements")
        if len(formula) > 0 and len(elements) > 0 and sorted(formula) != sorted(elements):
            return f"formula {self.formula_text(conditions)} has other elements than the ones in `elements`"
        possible = possible_elements(conditions, self.seen)
        for z in formula + elements:
            if not bool(self.seen[z]):
                return f"no training crystal holds {self.symbols[z]}, so that it is never drawn"
            if not bool(possible[z]):
                return f"{self.symbols[z]} is asked for, and left out by another condition"
        lightest, heaviest = interval(conditions, "largest_z", 1.0, float(len(self.seen) - 1))
        heavy = max(formula + elements) if len(formula + elements) > 0 else int(heaviest)
        if not bool(possible.any()):
            return "no element that training crystals hold is left by the conditions"
        if not bool(possible[int(lightest) :].any()) or heavy < lightest or lightest > heaviest:
            return "largest_z: no element in this range may occur"
        return ""

    def number_problem(self, conditions: dict[str, list[float]]) -> str:
        """Return why the numbers of elements or atoms, the density or the volume cannot be met."""
        formula, _ = formula_counts(conditions)
        least, most = element_numbers(conditions, self.most_slots)
        if least > most or (len(formula) > 0 and not least <= len(formula) <= most):
            return f"n_elements: excluded by other conditions, or above {self.most_slots}, the most of this generator"
        possible = int(possible_elements(conditions, self.seen).sum())
        if possible < least:
            return f"n_elements: wanted at least {least}, and the other conditions leave {possible}"
        fewest, largest = interval(conditions, "atoms", 1.0, float(self.atoms))
        if fewest > largest:
            return f"atoms: this generator draws 1 to {self.atoms} in a primitive cell"
        lightest, heaviest = interval(conditions, "density", self.densities[0], self.densities[1])
        if lightest > heaviest:
            return f"density: this generator draws {self.densities[0]} to {self.densities[1]} g/cm³"
        smallest, widest = interval(conditions, "volume_per_atom", self.volumes[0], self.volumes[1])
        if smallest > widest:
            return f"volume_per_atom: this generator draws {self.volumes[0]} to {self.volumes[1]} Å³"
        return ""

    def formula_problem(self, conditions: dict[str, list[float]]) -> str:
        """Return why no crystal has the formula with the other conditions."""
        formula = self.formula_text(conditions)
        total = sum(formula_counts(conditions)[1])
        if total > self.atoms:
            return f"{formula} has {total} atoms in a formula unit; this generator draws at most {self.atoms} in a cell"
        if len(self.multiples(conditions)) == 0:
            fewest, largest = interval(conditions, "atoms", 1.0, float(self.atoms))
            return f"{formula} has {total} atoms in a formula unit; no z gives {int(fewest)} to {int(largest)} atoms"
        if int(self.groups_of_formula(conditions).sum()) > 0:
            return ""
        if listed(conditions, "structures") != [self.known] and self.is_drawable(conditions):
            return ""
        free = self.among_known(without(conditions, "space_groups"))
        nearest = self.groups_text(self.groups_of_formula(free))
        if len(nearest) == 0:
            nearest = self.groups_text(self.groups_of_formula(without(without(free, "z"), "atoms")))
        return f"no {self.kind_of_types(conditions)}structure type of {formula} meets the conditions{nearest}"

    def type_problem(self, conditions: dict[str, list[float]]) -> str:
        """Return why no structure type meets the conditions, if no formula is given."""
        if bool(self.allowed(conditions).any()):
            return ""
        if listed(conditions, "structures") != [self.known]:
            words = evenly(self.formula_proposals, self.proposals * self.type_words)
            if bool(self.free_types(words, conditions)[3].any()):
                return ""
        free = self.among_known(without(conditions, "space_groups"))
        groups = torch.bincount(self.types.space_group[self.allowed(free)].long(), minlength=self.groups + 1)
        return f"no {self.kind_of_types(conditions)}structure type meets the conditions{self.groups_text(groups)}"

    def among_known(self, conditions: dict[str, list[float]]) -> dict[str, list[float]]:
        """Return the conditions for known structure types alone."""
        for_known_types = without(conditions, "structures")
        for_known_types["structures"] = [float(self.known)]
        return for_known_types

    def kind_of_types(self, conditions: dict[str, list[float]]) -> str:
        """Return "known " or "new " if `structures` asks for these alone, else ""."""
        structures = listed(conditions, "structures")
        if structures == [self.known]:
            return "known "
        return "new " if structures == [self.new] or structures == [self.free] else ""

    def is_drawable(self, conditions: dict[str, list[float]]) -> bool:
        """Return whether the likeliest candidates of a formula hold a crystal whose atoms do not come too near."""
        plan = self.type_plan(conditions)
        return len(plan) > 0 and len(self.likeliest(self.tried, conditions, plan).numbers) > 0

    def likeliest(self, count: int, conditions: dict[str, list[float]], plan: Tensor) -> Draws:
        """Return the likeliest candidates of a formula that meet the conditions, at most `count`."""
        raise NotImplementedError

    def groups_of_formula(self, conditions: dict[str, list[float]]) -> Tensor:
        """Return how many of what is `allowed`, of each space group, has a type that fits the formula, [groups + 1]."""
        elements, units = formula_counts(conditions)
        allowed = self.allowed(conditions)
        total = torch.zeros(self.groups + 1, dtype=torch.int64)
        for z in self.multiples(conditions):
            rows, _ = self.types.with_counts(allowed, elements, [z * unit for unit in units])
            fits = torch.zeros_like(allowed)
            fits[rows] = True  # once, however many orders of the elements fit
            first, last = self.types.crystals_of(self.types.type_key[fits])
            groups = self.types.space_group[fits].long()
            total = total + torch.bincount(groups, (last - first).double(), self.groups + 1).long()
        return total

    def groups_text(self, count: Tensor) -> str:
        """Return the space groups with the most structure types, in words; "" if there are none."""
        best = count.argsort(descending=True, stable=True)[: self.nearest_listed]
        names: list[str] = []
        for group in best:
            if int(count[group]) > 0:
                names.append(str(int(group)))
        return f"; known ones are in space group {', '.join(names)}" if len(names) > 0 else ""

    def formula_text(self, conditions: dict[str, list[float]]) -> str:
        """Return the formula that is asked for, elements in the order of Mendeleev numbers."""
        elements, counts = formula_counts(conditions)
        text = ""
        for row in self.prompt(elements, counts):
            count = int(row[1])
            text += self.symbols[int(row[0])] + (str(count) if count > 1 else "")
        return text
