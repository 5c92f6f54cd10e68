"""The convex hull of energies: how far a crystal is above the most stable mixture of known ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy.optimize import linprog

from ..crystal import MAX_Z
from ..data.crystalset import CrystalSet
from ..geometry.elements import reduced_formula
from ..geometry.formula import parse_formula

LEAST_SHARE = 1e-6
"""The share of the atoms below which a phase is not one that a crystal decomposes into."""
AMOUNT_ERROR = 1e-3
"""An amount that differs from 1 by less is not written."""


class AboveHull(NamedTuple):
    """The energy of a crystal above the hull, and the decomposition there."""

    energy: float
    """eV/atom; negative if it is more stable than all known."""
    decomposition: dict[str, float]
    """The share of the atoms in each phase of the most stable mixture, by formula."""
    compounds: int
    """The number of known compositions of two or more of the crystal's elements, on which the hull rests."""


class Hull:
    """The energies of known crystals, the lowest of each composition."""

    def __init__(self, counts: np.ndarray, energies: np.ndarray, ids: Iterable[str] | None = None) -> None:
        """Take the numbers of atoms [B, 95] by atomic number and energies [B] in eV/atom, all by one method.

        Energies that are NaN are left out. ids: the names of the crystals, 0, 1, … by default.
        """
        names = np.array([str(id) for id in (range(len(counts)) if ids is None else ids)], dtype=object)
        reduced = counts // np.maximum(1, np.gcd.reduce(counts, axis=1))[:, None]
        order = np.argsort(energies, kind="stable")
        # The first of each composition is the lowest; NaN comes last.
        lowest = {reduced[i].tobytes(): i for i in reversed(order) if np.isfinite(energies[i])}
        chosen = sorted(lowest.values())
        self.counts, self.energies, self.ids = reduced[chosen], energies[chosen], names[chosen]
        """The reduced formulas, [F, 95] atoms by atomic number, energies [F] in eV/atom, and names [F]."""
        self.elements = np.packbits(self.counts > 0, axis=1)
        single = (self.counts > 0).sum(axis=1) == 1
        self.by_themselves = frozenset(np.flatnonzero(self.counts[single].any(axis=0)).tolist())
        """The atomic numbers that have an energy of the element by itself."""

    @classmethod
    def of_crystals(cls, crystals: CrystalSet, energies: np.ndarray) -> Hull:
        """Return the hull of B crystals and their energies [B] in eV/atom."""
        counts = np.zeros((len(crystals), MAX_Z + 1), dtype=np.int64)
        np.add.at(counts, (crystals.crystal_of_atom, crystals.numbers), 1)
        return cls(counts, energies, crystals.ids)

    def missing(self, numbers: np.ndarray) -> list[int]:
        """Return the atomic numbers among atoms [N] that have no energy of the element by itself."""
        return sorted(set(numbers.tolist()) - self.by_themselves)

    def above(self, numbers: np.ndarray, energy: float) -> AboveHull | None:
        """Return how far a crystal of these atoms [N] and of this energy in eV/atom is above the hull.

        The hull's energy is the lowest of all mixtures that have the crystal's composition, a linear programme. None if
        there is no energy of one of its elements by itself, without which mixtures are missing.
        """
        if self.missing(numbers):
            return None
        target = np.bincount(numbers, minlength=MAX_Z + 1) / len(numbers)
        present = target > 0
        among = ~(self.elements & ~np.packbits(present)).any(axis=1)
        counts, energies = self.counts[among][:, present], self.energies[among]
        n_elements = (counts > 0).sum(axis=1)
        fractions = counts / counts.sum(axis=1, keepdims=True)
        solution = linprog(energies, A_eq=fractions.T, b_eq=target[present], method="highs")
        decomposition = {
            reduced_formula(np.repeat(np.flatnonzero(present), counts[i])): float(solution.x[i])
            for i in np.flatnonzero(solution.x > LEAST_SHARE)
        }
        return AboveHull(energy - float(solution.fun), decomposition, int((n_elements > 1).sum()))


def decomposition_text(formula: str, decomposition: dict[str, float]) -> str:
    """Return a decomposition with the amounts per formula unit, as 'Li2O + 2 MnO2'.

    decomposition: the share of the atoms in each phase, by formula.
    """
    atoms = sum(parse_formula("formula", formula).values())
    terms = []
    for phase, share in sorted(decomposition.items()):
        amount = share * atoms / sum(parse_formula("formula", phase).values())
        terms.append(phase if abs(amount - 1) < AMOUNT_ERROR else f"{amount:.3g} {phase}")
    return " + ".join(terms)
