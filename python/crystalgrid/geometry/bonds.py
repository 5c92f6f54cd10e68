"""Bonds for pictures: which atoms are near enough to each other that a chemist would draw a line between them."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from .elements import ATOMIC_NUMBERS, COVALENT_RADII, NONMETALS

REACH = 1.2
"""The longest bond over the sum of the covalent radii."""
SHORTEST = 0.5
"""The shortest bond in Å: atoms that are nearer are in one place."""
METALLIC = 1.1
"""The longest bond between two metals over the shortest one of the same two elements: second neighbours have none."""
INERT = np.array([ATOMIC_NUMBERS[symbol] for symbol in ("He", "Ne", "Ar")])
"""Atomic numbers of the elements that are not bonded to anything."""
LARGE_CATIONS = np.array(
    [
        ATOMIC_NUMBERS[symbol]
        for symbol in "Li Na K Rb Cs Fr Ca Sr Ba Ra Y La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Ac".split()
    ]
)
"""Atomic numbers of the metals that stand in the holes of a framework and are drawn without bonds to it."""


def longest_bond(numbers: np.ndarray) -> float:
    """Return the length in Å of the longest bond that atoms [N] can have."""
    return float(2 * REACH * COVALENT_RADII[np.unique(numbers)].max())


def bonds(positions: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Return the pairs [P, 2] of atoms that are bonded, as indices; positions: [N, 3] Å, numbers: [N].

    Atoms are bonded if they are nearer than 1.2 times the sum of their covalent radii. In crystals with nonmetals,
    metals are not bonded to metals; where the other atoms are bonded to each other, large cations are not bonded.
    """
    pairs = cKDTree(positions).query_pairs(longest_bond(numbers), output_type="ndarray").reshape(-1, 2)
    lengths = np.linalg.norm(positions[pairs[:, 0]] - positions[pairs[:, 1]], axis=1)
    bonding = ~np.isin(numbers[pairs], INERT).any(axis=1)
    near = bonding & (lengths > SHORTEST) & (lengths < REACH * COVALENT_RADII[numbers[pairs]].sum(axis=1))
    pairs, lengths = pairs[near], lengths[near]
    metal = ~np.isin(numbers, list(NONMETALS))
    metallic = metal[pairs].all(axis=1)
    keep = ~metallic if not metal.all() else _shortest(np.sort(numbers[pairs], axis=1), lengths)
    pairs = pairs[keep]
    to_large_cation = np.isin(numbers[pairs], LARGE_CATIONS).any(axis=1)
    kept: np.ndarray = pairs if to_large_cation.all() else pairs[~to_large_cation]
    return kept


def _shortest(elements: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return [P] bool, whether a bond is about as short as the shortest of the same elements [P, 2]."""
    _, kind = np.unique(elements, axis=0, return_inverse=True)
    shortest = np.full(len(lengths), np.inf)
    np.minimum.at(shortest, kind.reshape(-1), lengths)
    short: np.ndarray = lengths < METALLIC * shortest[kind.reshape(-1)]
    return short
