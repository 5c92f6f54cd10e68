"""The changes of Wyckoff letters between equivalent descriptions of a crystal, for all space groups."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import numpy as np

from .orbits import SPACE_GROUPS
from .wyckoff import LETTERS

FILE = Path(__file__).with_suffix(".csv")
"""Written by `scripts/write_letter_changes.py` from `normaliser`, which would take seconds."""


@cache
def letter_changes() -> np.ndarray:
    """Return the index that each letter has after each change of the description, [230 + 1, C, 27] int8.

    Groups with fewer than C changes have the first one, which changes nothing, several times.
    """
    with FILE.open(encoding="utf-8", newline="") as file:
        rows = [(int(row["space_group"]), row["letters"]) for row in csv.DictReader(file)]
    of_group: dict[int, list[str]] = {number: [] for number in range(SPACE_GROUPS + 1)}
    for number, letters in rows:
        of_group[number].append(letters)
    changes = np.zeros((SPACE_GROUPS + 1, max(map(len, of_group.values())), len(LETTERS)), np.int8)
    changes[:] = np.arange(len(LETTERS))
    for number, found in of_group.items():
        for change, letters in enumerate(found):
            changes[number, change, : len(letters)] = [LETTERS.index(letter) for letter in letters]
    return changes
