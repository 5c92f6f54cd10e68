"""The convex hull of energies: how far a crystal is above the most stable mixture of known ones."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import linprog

from ..crystal import MAX_Z
from ..data.crystalset import CrystalSet
from ..geometry.elements import reduced_formula

LEAST_SHARE = 1e-6
"""The share of the atoms below which a phase is not one that a crystal decomposes into."""


class AboveHull(NamedTuple):
    """The energy of a crystal above the hull, and the decomposition there."""

    energy: float
    """eV/atom; negative if it is more stable than all known."""
    decomposition: dict[str, float]
    """The share of the atoms in each phase of the most stable mixture, by formula."""


class Hull:
    """The energies of known crystals, the lowest of each composition."""

    def __init__(self, crystals: CrystalSet, energies: np.ndarray) -> None:
        """Take the energies [B] of B crystals, eV/atom, all by one method; those that are NaN are left out."""
        counts = np.zeros((len(crystals), MAX_Z + 1), dtype=np.int64)
        np.add.at(counts, (crystals.crystal_of_atom, crystals.numbers), 1)
        counts //= np.maximum(1, np.gcd.reduce(counts, axis=1))[:, None]
        order = np.argsort(energies, kind="stable")
        # The first of each composition is the lowest; NaN comes last.
        lowest = {counts[i].tobytes(): i for i in reversed(order) if np.isfinite(energies[i])}
        self.counts, self.energies = counts[list(lowest.values())], energies[list(lowest.values())]
        """The reduced formulas, [F, 95] atoms by atomic number, and energies [F] in eV/atom."""
        self.elements = np.packbits(self.counts > 0, axis=1)

    def above(self, numbers: np.ndarray, energy: float) -> AboveHull | None:
        """Return how far a crystal of these atoms [N] and of this energy in eV/atom is above the hull.

        The hull's energy is the lowest of all mixtures that have the crystal's composition, a linear programme. None if
        there is no energy of one of its elements by itself, without which mixtures are missing.
        """
        target = np.bincount(numbers, minlength=MAX_Z + 1) / len(numbers)
        present = target > 0
        among = ~(self.elements & ~np.packbits(present)).any(axis=1)
        counts, energies = self.counts[among][:, present], self.energies[among]
        if not counts[(counts > 0).sum(axis=1) == 1].any(axis=0).all():
            return None
        fractions = counts / counts.sum(axis=1, keepdims=True)
        solution = linprog(energies, A_eq=fractions.T, b_eq=target[present], method="highs")
        decomposition = {
            reduced_formula(np.repeat(np.flatnonzero(present), counts[i])): float(solution.x[i])
            for i in np.flatnonzero(solution.x > LEAST_SHARE)
        }
        return AboveHull(energy - float(solution.fun), decomposition)
