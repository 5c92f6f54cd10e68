"""The structure type of a given crystal, with other elements: whether conditions allow it, and what they leave."""

import torch
from torch import Tensor

from .conditions import element_numbers, formula_counts, interval, listed, possible_elements, possible_groups
from .crystal_geometry import CrystalGeometry
from .dressed_types import Dressed, joined, to_rows
from .given_crystal import GivenCrystal, fixed_elements, given_crystal


class NearTypes(CrystalGeometry):
    """A drawer of crystals that knows the structure type of a given one, by the conditions `like` and `fix`.

    The arguments are those of `CrystalGeometry`.
    """

    @torch.jit.export
    def problem(self, conditions: dict[str, list[float]]) -> str:
        """Return one line why conditions cannot be met, with what comes nearest; "" if they can."""
        if "like" not in conditions:
            return self.condition_problem(conditions)
        line = self.size_problem(conditions)
        if len(line) == 0:
            line = self.element_problem(conditions)
        if len(line) == 0:
            line = self.number_problem(conditions)
        if len(line) == 0:
            line = self.likeness_problem(conditions)
        return line

    @torch.jit.export
    def plan(self, conditions: dict[str, list[float]]) -> Tensor:
        """Return what all draws share: candidates of a formula as rows, or the rows of the known crystals allowed."""
        if "like" not in conditions:
            return self.type_plan(conditions)
        if "formula" in conditions:
            return to_rows(self.weighed(self.likeness_candidates(conditions)))
        return torch.zeros(0, 1, dtype=torch.float64)

    def size_problem(self, conditions: dict[str, list[float]]) -> str:
        """Return why this generator could not draw the given crystal."""
        number = (len(conditions["like"]) - 10) // 5
        if number > self.orbits:
            return f"like: the crystal has {number} Wyckoff orbits, and this generator draws at most {self.orbits}"
        crystal = given_crystal(conditions, number, max(number, self.most_slots))
        if not bool((self.language.positions(crystal.space_group, crystal.letters) > 0).all()):
            return f"like: space group {int(crystal.space_group)} has no Wyckoff position of one of the letters"
        elements, n_atoms = crystal.elements[crystal.elements > 0], self.size_of(crystal)
        if len(elements) > self.most_slots:
            return f"like: the crystal has {len(elements)} elements, and this generator draws at most {self.most_slots}"
        if n_atoms > self.atoms:
            return f"like: the crystal has {n_atoms} atoms in the primitive cell, this generator at most {self.atoms}"
        for z in elements:
            if not bool(self.seen[z]):
                return f"like: the crystal holds {self.symbols[int(z)]}, which no training crystal does"
        return ""

    def likeness_problem(self, conditions: dict[str, list[float]]) -> str:
        """Return why other conditions exclude the structure type of the given crystal, or what is fixed of it."""
        crystal = given_crystal(conditions, self.orbits, self.most_slots)
        group, n_atoms, n_elements = int(crystal.space_group), self.size_of(crystal), int((crystal.elements > 0).sum())
        if not bool(possible_groups(conditions, self.groups)[group]):
            return f"like: the crystal has space group {group}, which another condition excludes"
        fewest, largest = interval(conditions, "atoms", 1.0, float(self.atoms))
        if not fewest <= n_atoms <= largest:
            return f"like: the crystal has {n_atoms} atoms in the primitive cell, which `atoms` excludes"
        least, most = element_numbers(conditions, self.most_slots)
        possible = possible_elements(conditions, self.seen)
        if not least <= n_elements <= min(most, int(possible.sum())):
            return f"like: the crystal has {n_elements} elements, more or less than other conditions leave"
        key = self.types.type_keys(crystal.space_group, crystal.letters, crystal.slots)
        is_known, structures = bool(self.types.is_known(key)), listed(conditions, "structures")
        if structures == [self.known] and not is_known:
            return "like: the crystal has a new structure type, which `structures` excludes"
        if (structures == [self.new] or structures == [self.free]) and is_known:
            return "like: the crystal has a known structure type, which `structures` excludes"
        return self.fix_problem(conditions, crystal)

    def fix_problem(self, conditions: dict[str, list[float]], crystal: GivenCrystal) -> str:
        """Return why what is fixed of the given crystal, or a formula on its sites, cannot be."""
        kept = fixed_elements(conditions, self.orbits, self.most_slots)[0]
        possible = possible_elements(conditions, self.seen)
        for z in kept[kept > 0]:
            if not bool(possible[z]):
                return f"fix: {self.symbols[int(z)]} is fixed, and left out by another condition"
        lightest, _ = interval(conditions, "largest_z", 0.0, float(len(self.seen)))
        is_element = crystal.elements[0] > 0
        if bool((kept[is_element] > 0).all()) and int(kept.max()) < lightest:
            return "fix: all elements are fixed, and `largest_z` excludes them"
        if "formula" not in conditions or len(self.plan(conditions)) > 0:
            return ""
        position = self.language.positions(crystal.space_group, crystal.letters)
        counts = self.language.slot_counts(position, crystal.slots, self.most_slots)[0]
        sites = ""
        for slot in range(int(is_element.sum())):
            sites += f" {int(counts[slot])} {self.symbols[int(crystal.elements[0, slot])]}"
        return f"formula {self.formula_text(conditions)} does not fit the atoms of the given crystal,{sites}"

    def is_settled(self, conditions: dict[str, list[float]]) -> bool:
        """Return whether the elements are all those of a given crystal, so that drawing again changes none."""
        if "fix" not in conditions:
            return False
        crystal = given_crystal(conditions, self.orbits, self.most_slots)
        return bool((fixed_elements(conditions, self.orbits, self.most_slots) == crystal.elements).all())

    def size_of(self, crystal: GivenCrystal) -> int:
        """Return the number of atoms in the primitive cell of a given crystal."""
        return int(self.language.table.atoms[self.language.positions(crystal.space_group, crystal.letters)].sum())

    def likeness(self, number: int, conditions: dict[str, list[float]]) -> Dressed:
        """Return the structure type of the given crystal, without elements, `number` times."""
        crystal = given_crystal(conditions, self.orbits, self.most_slots)
        nameless = torch.zeros(number, self.most_slots, dtype=torch.int64)
        unknown = torch.zeros(number, dtype=torch.float64)
        letters, slots = crystal.letters.repeat(number, 1), crystal.slots.repeat(number, 1)
        return Dressed(crystal.space_group.repeat(number), letters, slots, nameless, unknown, unknown, unknown)

    def likeness_candidates(self, conditions: dict[str, list[float]]) -> Dressed:
        """Return the structure type of the given crystal with the elements of a formula, in each order that fits."""
        elements, units = formula_counts(conditions)
        crystal = given_crystal(conditions, self.orbits, self.most_slots)
        position = self.language.positions(crystal.space_group, crystal.letters)
        slot_counts = self.language.slot_counts(position, crystal.slots, self.most_slots)
        kept = fixed_elements(conditions, self.orbits, self.most_slots)
        found = [self.blank(0)]
        for z in self.multiples(conditions):
            counts = [z * unit for unit in units]
            _, dressing = self.types.dressings(slot_counts, elements, counts)
            dressing = dressing[((kept == 0) | (dressing == kept)).all(1)]
            types = self.likeness(len(dressing), conditions)
            found.append(self.scored(types.space_group, types.letters, types.slots, dressing, elements, counts))
        return joined(found)
