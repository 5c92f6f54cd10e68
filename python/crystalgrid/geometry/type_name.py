"""The name of a structure type, whatever the elements are: a space group, and the Wyckoff letters of each element."""

from __future__ import annotations

from collections import defaultdict

from .canonical_unit import CanonicalUnit
from .normaliser import changes_of
from .wyckoff import LETTERS


def type_name(unit: CanonicalUnit) -> str:
    """Return a name such as '221:a-b-c', a perovskite's: of equivalent descriptions, the alphabetically first.

    Crystals with the same structure and other elements have the same name, though their canonical units may differ,
    since there the order of the elements decides between equivalent descriptions.
    """
    names = []
    for change in changes_of(unit.space_group, unit.lattice):
        letters_of = defaultdict(list)
        for letter, number in zip(change.letters[unit.letters].tolist(), unit.numbers.tolist(), strict=True):
            letters_of[number].append(LETTERS[letter])
        names.append("-".join(sorted("".join(sorted(letters)) for letters in letters_of.values())))
    return f"{unit.space_group}:{min(names)}"
