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
    """How a crystal's energy compares with the hull."""

    energy: float
    """eV/atom; negative if it is more stable than all known."""
    decomposition: dict[str, float]
    """The share of the atoms in each phase of the most stable mixture, by formula."""


class Hull:
    """The energies of known crystals, the lowest of each composition."""

    def __init__(self, crystals: CrystalSet, energies: np.ndarray) -> None:
        """Take the energies [B] of B crystals, eV/atom, all by one method; those that are NaN are left out."""
        counts = np.zeros((len(crystals), MAX_Z + 1))
        np.add.at(counts, (crystals.crystal_of_atom, crystals.numbers), 1)
        finite = np.isfinite(energies)
        counts, energies = counts[finite], energies[finite]
        order = np.argsort(energies, kind="stable")
        fractions = (counts / counts.sum(axis=1, keepdims=True))[order]
        # Equal compositions have equal fractions, as each is one division of whole numbers; the lowest comes first.
        _, lowest = np.unique(np.round(fractions, 12), axis=0, return_index=True)
        self.fractions, self.energies = fractions[lowest], energies[order][lowest]
        """Shares of the atoms by atomic number, [F, 95], and energies [F] in eV/atom."""

    def above(self, numbers: np.ndarray, energy: float) -> AboveHull | None:
        """Return how far a crystal of these atoms [N] and of this energy in eV/atom is above the hull.

        The hull's energy is the lowest of all mixtures that have the crystal's composition, a linear programme. None if
        there is no energy of one of its elements by itself, without which mixtures are missing.
        """
        target = np.bincount(numbers, minlength=MAX_Z + 1) / len(numbers)
        present = target > 0
        among = ~self.fractions[:, ~present].any(axis=1)
        phases, energies = self.fractions[among][:, present], self.energies[among]
        if not (phases == 1).any(axis=0).all():
            return None
        solution = linprog(energies, A_eq=phases.T, b_eq=target[present], method="highs")
        z = np.flatnonzero(present)
        decomposition = {
            reduced_formula(np.repeat(z, _whole(phases[i]))): float(solution.x[i])
            for i in np.flatnonzero(solution.x > LEAST_SHARE)
        }
        return AboveHull(energy - float(solution.fun), decomposition)


def _whole(fractions: np.ndarray) -> np.ndarray:
    """Return the smallest whole numbers in the ratio of fractions that come from a cell of at most 1,000 atoms."""
    for n in range(1, 1001):
        counts: np.ndarray = np.rint(fractions * n).astype(int)
        if np.abs(counts / n - fractions).max() < 1e-7:
            return counts
    raise ValueError(f"{fractions} are not shares of at most 1,000 atoms")
