"""The name of a structure type, whatever the elements are: a space group, and the Wyckoff letters of each element.

`worth.structure_type` names the type of any crystal, by moyopy and within a tolerance; it writes the name as here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeAlias

from .canonical_unit import CanonicalUnit
from .normaliser import changes_of
from .wyckoff import LETTERS

Letters: TypeAlias = tuple[str, ...]
"""The Wyckoff letters of each element's orbits, in alphabetical order, one string an element, sorted."""


def type_name(unit: CanonicalUnit) -> str:
    """Return a name such as '221:a-b-c', a perovskite's: of equivalent descriptions, the alphabetically first.

    Crystals with the same structure and other elements have the same name, though their canonical units may differ,
    since there the order of the elements decides between equivalent descriptions.
    """
    numbers = unit.numbers.tolist()
    descriptions = [
        letters_by_element(zip(numbers, (LETTERS[i] for i in change.letters[unit.letters]), strict=True))
        for change in changes_of(unit.space_group, unit.lattice)
    ]
    return name_of(unit.space_group, descriptions)


def letters_by_element(orbits: Iterable[tuple[int, str]]) -> Letters:
    """Return the letters of orbits, each given by its atomic number and its letter."""
    letters_of = defaultdict(list)
    for number, letter in orbits:
        letters_of[number].append(letter)
    return tuple(sorted("".join(sorted(letters)) for letters in letters_of.values()))


def name_of(space_group: int, descriptions: Iterable[Letters]) -> str:
    """Return the name of a structure type, by the alphabetically first of its equivalent descriptions."""
    return f"{space_group}:{'-'.join(min(descriptions))}"
