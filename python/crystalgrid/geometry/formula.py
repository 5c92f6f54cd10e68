"""Formulas as chemists write them, read into numbers of atoms."""

from __future__ import annotations

import re
from collections import Counter

from ..errors import InputError
from .elements import ATOMIC_NUMBERS

CLOSING = {"(": ")", "[": "]"}
MOST_BRACKETS = 20
"""The most brackets within each other, so that no text exhausts the stack."""
MOST_ATOMS = 10**6
"""The most atoms of a formula unit, far above what any crystal here has."""


def parse_formula(name: str, formula: object) -> Counter[int]:
    """Return the number of atoms of each atomic number in a formula with brackets, as LiFePO4 or Ca3(PO4)2.

    Raises InputError, which calls the formula `name`, for what is none.
    """
    text = formula if isinstance(formula, str) else ""
    counts, end = _units(name, text, 0, 1)
    if end < len(text) or not counts:
        raise InputError(f"{name}: wanted a formula such as LiFePO4 or Ca(OH)2, got {formula!r}")
    if sum(counts.values()) > MOST_ATOMS:
        raise InputError(f"{name}: wanted at most {MOST_ATOMS:,} atoms in a formula unit, got {formula!r}")
    return counts


def _units(name: str, text: str, at: int, depth: int) -> tuple[Counter[int], int]:
    """Return the atoms of the elements and brackets from a place in the text on, and where these end.

    depth: one more than the brackets around this place.
    """
    total: Counter[int] = Counter()
    while match := re.compile(r"[A-Z][a-z]?|[(\[]").match(text, at):
        word, at = match[0], match.end()
        if word in CLOSING:
            unit, at = _units(name, text, at, depth + 1) if depth < MOST_BRACKETS else (Counter(), at)
            if not unit or text[at : at + 1] != CLOSING[word]:
                raise InputError(f"{name}: wanted a formula such as LiFePO4 or Ca(OH)2, got {text!r}")
            at += 1
        elif word in ATOMIC_NUMBERS:
            unit = Counter({ATOMIC_NUMBERS[word]: 1})
        else:
            raise InputError(f"{name}: no element of Z = 1 to 94 has the symbol {word}, in {text!r}")
        digits = re.compile(r"[1-9]\d{0,6}").match(text, at)
        times = int(digits[0]) if digits else 1
        at = digits.end() if digits else at
        total.update({z: count * times for z, count in unit.items()})
    return total, at
