"""Split: crystals into train, val and test by reduced formula, so that no composition stands in two of them."""

import hashlib

import numpy as np

from ..crystal import MAX_Z, SYMBOLS
from ..errors import InputError
from .crystalset import SPLITS, CrystalSet

TRAIN, VAL = 0.8, 0.1
"""Shares of the formulas; the rest is test."""


def check_seed(seed: int) -> None:
    """Raise InputError for what is no seed."""
    if not 0 <= seed < 2**63:
        raise InputError(f"--seed: wanted a whole number from 0 to {2**63 - 1}, got {seed}")


def reduced_formulas(crystals: CrystalSet) -> np.ndarray:
    """[B] str such as 'O2Ti1': elements by atomic number, counts divided by their greatest common divisor."""
    counts = np.zeros((len(crystals), MAX_Z + 1), dtype=np.int64)
    np.add.at(counts, (crystals.crystal_of_atom, crystals.numbers), 1)
    counts //= np.maximum(1, np.gcd.reduce(counts, axis=1))[:, None]
    unique, inverse = np.unique(counts, axis=0, return_inverse=True)
    names = ["".join(f"{SYMBOLS[z - 1]}{row[z]}" for z in np.flatnonzero(row)) for row in unique]
    return np.array(names, dtype=object)[inverse.reshape(-1)]


def split_by_formula(crystals: CrystalSet, seed: int) -> CrystalSet:
    """The same crystals, each with the split that its source gave, else the one of its reduced formula and `seed`.

    A formula's SHA-256 with the seed is its place from 0 to 1: train below 0.8, val below 0.9, else test. A formula so
    keeps its split on every machine and whatever other crystals there are, with one exception, for small sets: where
    a split would be empty, the formulas nearest to it in that order go there. Fewer than three formulas, as in a set
    of polymorphs, cannot make three splits: then crystals are placed by their ids instead.
    """
    open_ = np.flatnonzero(crystals.splits == "")
    if len(open_) == 0:
        return crystals
    groups = reduced_formulas(crystals[open_])
    if len(set(groups)) < len(SPLITS):
        groups = crystals.ids[open_]
    unique, inverse = np.unique(groups.astype(str), return_inverse=True)
    splits = crystals.splits.copy()
    splits[open_] = _placed([_place(seed, group) for group in unique])[inverse]
    return crystals.with_splits(splits)


def _place(seed: int, group: str) -> float:
    return int.from_bytes(hashlib.sha256(f"{seed}:{group}".encode()).digest()[:8], "big") / 2**64


def _placed(places: list[float]) -> np.ndarray:
    """The split of each place; all three non-empty if there are three places."""
    order = np.argsort(places)
    val, test = map(int, np.searchsorted(np.sort(places), [TRAIN, TRAIN + VAL]))
    test = max(1, min(max(test, 2), len(places) - 1))
    val = max(1, min(val, test - 1))
    splits = np.full(len(places), "train", dtype="<U5")
    splits[order[val:test]] = "val"
    splits[order[test:]] = "test"
    return splits
