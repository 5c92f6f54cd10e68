"""Baselines without any network: training crystals in which chemically near elements replace others."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cache
from itertools import permutations

import numpy as np
from pymatgen.core.periodic_table import Element

from crystalgrid.crystal import SYMBOLS, Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.worth.composition import Counts
from crystalgrid.worth.distances import atomic_radii

UNITS = np.array([20, 1 / 2, 1 / 1.5, 6, 2])
"""Differences that weigh alike: in Mendeleev number, Pauling electronegativity, radius (Å), group and period."""

METALS = (range(21, 31), range(39, 49), range(57, 80))
"""The elements of the d and f blocks in periods 4 to 6."""


@cache
def features() -> np.ndarray:
    """Return the features of Z = 0 to 94 in `UNITS`, [95, 5]."""
    elements = [Element(symbol) for symbol in SYMBOLS]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen warns of elements without an electronegativity
        electronegativities = np.nan_to_num([element.X for element in elements])
    periods = np.searchsorted([2, 10, 18, 36, 54, 86], np.arange(1, len(SYMBOLS) + 1)) + 1
    columns = [
        [element.mendeleev_no for element in elements],
        electronegativities,
        atomic_radii()[1:],
        [element.group for element in elements],
        periods,
    ]
    return np.vstack([np.zeros(len(UNITS)), np.array(columns, dtype=float).T / UNITS])


def dressed(crystal: Crystal, replacement: dict[int, int]) -> Crystal:
    """Return a crystal with elements replaced, its cell scaled so that atoms keep their share of the volume."""
    numbers = np.array([replacement.get(int(z), int(z)) for z in crystal.numbers])
    volumes = atomic_radii() ** 3
    scale = np.cbrt(volumes[numbers].sum() / volumes[crystal.numbers].sum())
    return Crystal(crystal.lattice * scale, crystal.frac_coords, numbers)


def swap_draws(training: CrystalSet, n: int, seed: int) -> list[Crystal]:
    """Return n random training crystals, each with one or two elements replaced by neighbours in the periodic table."""
    rng = np.random.default_rng(seed)
    elements = np.unique(training.numbers)
    draws = []
    for index in rng.integers(len(training), size=n):
        crystal = training[int(index)]
        replaced = rng.permutation(np.unique(crystal.numbers))[: rng.integers(1, 3)]
        choices = {int(z): _neighbours(int(z), elements) for z in replaced}
        draws.append(dressed(crystal, {z: int(rng.choice(near)) for z, near in choices.items() if len(near)}))
    return draws


def _neighbours(z: int, elements: np.ndarray) -> np.ndarray:
    """Return which of the elements are above and below Z in its group, or beside it among metals of the d and f blocks.

    Elsewhere the neighbours in a period have other charges.
    """
    group, period = np.abs((features()[elements] - features()[z]) * UNITS)[:, 3:].T
    beside = (np.abs(elements - z) == 1) & any(z in block for block in METALS)
    return elements[((group == 0) & (period == 1)) | beside]


class Swaps:
    """Training crystals by how many atoms they have of each element, whatever the elements are."""

    def __init__(self, training: CrystalSet) -> None:
        self.training = training
        groups: dict[tuple[int, ...], list[tuple[int, list[int]]]] = {}
        for index, start in enumerate(training.offsets[:-1]):
            cell = cell_of(training.numbers[start : training.offsets[index + 1]])
            groups.setdefault(tuple(n for _, n in cell), []).append((index, [z for z, _ in cell]))
        self.groups = {
            counts: (np.array([index for index, _ in group]), np.array([elements for _, elements in group]))
            for counts, group in groups.items()
        }

    def ranked(self, cell: Counts, rng: np.random.Generator, by_likeness: bool = True) -> Iterator[Crystal]:
        """Yield training crystals in these elements, the chemically nearest first, or in random order.

        Those that have these elements as they are come last: a crystal that is looked for is no training crystal.

        cell: the atomic numbers and their numbers of atoms in the cell.
        """
        cell = tuple(sorted(cell, key=lambda element: (element[1], element[0])))
        counts = tuple(n for _, n in cell)
        if counts not in self.groups:
            return
        group, elements = self.groups[counts]
        assignments = np.array([[z for z, _ in p] for p in permutations(cell) if tuple(n for _, n in p) == counts])
        differences = np.abs(features()[elements] - features()[assignments][:, None]).sum(axis=3)  # [P, G, k]
        costs = differences @ np.array(counts) / sum(counts)
        nearest = costs.argmin(axis=0)
        order = rng.permutation(len(group))
        if by_likeness:
            cost = costs.min(axis=0)[order]
            order = order[np.where(cost > 0, cost, np.inf).argsort(kind="stable")]
        for i in order:
            replacement = dict(zip(elements[i].tolist(), assignments[nearest[i]].tolist(), strict=True))
            yield dressed(self.training[group[i]], replacement)


def cell_of(numbers: np.ndarray) -> Counts:
    """Return the atomic numbers of a cell and how many atoms each has, the fewest first."""
    elements, counts = np.unique(numbers, return_counts=True)
    pairs = zip(elements.tolist(), counts.tolist(), strict=True)
    return tuple(sorted(pairs, key=lambda element: (element[1], element[0])))
