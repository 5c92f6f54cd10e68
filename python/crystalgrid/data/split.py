"""The split into train, val and test by reduced formula, so that no composition is in two of them."""

import hashlib

import numpy as np

from ..crystal import MAX_Z, SYMBOLS
from ..errors import InputError
from .crystalset import SPLITS, CrystalSet

TRAIN, VAL = 0.8, 0.1
"""The shares of formulas in train and val; the rest is test."""


def check_seed(seed: int) -> None:
    """Raise InputError unless `seed` is from 0 to 2⁶³ - 1."""
    if not 0 <= seed < 2**63:
        raise InputError(f"--seed: wanted a whole number from 0 to {2**63 - 1}, got {seed}")


def reduced_formulas(crystals: CrystalSet) -> np.ndarray:
    """Return [B] str such as 'O2Ti1': elements by atomic number, counts divided by their greatest common divisor."""
    counts = np.zeros((len(crystals), MAX_Z + 1), dtype=np.int64)
    np.add.at(counts, (crystals.crystal_of_atom, crystals.numbers), 1)
    counts //= np.maximum(1, np.gcd.reduce(counts, axis=1))[:, None]
    unique, inverse = np.unique(counts, axis=0, return_inverse=True)
    names = ["".join(f"{SYMBOLS[z - 1]}{row[z]}" for z in np.flatnonzero(row)) for row in unique]
    return np.array(names, dtype=object)[inverse.reshape(-1)]


def split_by_formula(crystals: CrystalSet, seed: int) -> CrystalSet:
    """Return the same crystals with splits: those of their source, or else by reduced formula and `seed`.

    The SHA-256 of a formula with the seed makes a number from 0 to 1: train below 0.8, val below 0.9, else test. So a
    formula has the same split on every machine and among any other crystals, with one exception, in small sets: if a
    split would be empty, the formulas whose numbers are nearest to its range go there. Fewer than three formulas, as in
    a set of polymorphs, cannot make three splits: then the number is that of the crystal's id.
    """
    undecided = np.flatnonzero(crystals.splits == "")
    if len(undecided) == 0:
        return crystals
    groups = reduced_formulas(crystals[undecided])
    if len(set(groups)) < len(SPLITS):
        groups = crystals.ids[undecided]
    unique, inverse = np.unique(groups.astype(str), return_inverse=True)
    splits = crystals.splits.copy()
    splits[undecided] = _assign_splits([_number(seed, group) for group in unique])[inverse]
    return crystals.with_splits(splits)


def _number(seed: int, group: str) -> float:
    """Return a number from 0 to 1, uniform over groups."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{group}".encode()).digest()[:8], "big") / 2**64


def _assign_splits(numbers: list[float]) -> np.ndarray:
    """Return the split of each number; none of the three is empty if there are three numbers."""
    order = np.argsort(numbers)
    val, test = map(int, np.searchsorted(np.sort(numbers), [TRAIN, TRAIN + VAL]))
    test = max(1, min(max(test, 2), len(numbers) - 1))
    val = max(1, min(val, test - 1))
    splits = np.full(len(numbers), "train", dtype="<U5")
    splits[order[val:test]] = "val"
    splits[order[test:]] = "test"
    return splits
