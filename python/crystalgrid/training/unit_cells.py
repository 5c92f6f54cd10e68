"""Unit cells of many crystals, padded to the same number of atoms, as a prior learns them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..crystal import MAX_Z
from ..data.crystalset import CrystalSet
from ..geometry.lattices import from_parameters, neighbours, parameters, reduced
from ..geometry.orbits import Sites
from ..geometry.symmetry import orbits
from ..nets.generators.composition import ELEMENTS
from ..progress import progress

SAME = 1e-3
"""Å, from an atom to itself."""
TOGETHER = 128
"""Crystals whose distances are computed at once, which bounds memory."""


class UnitCells(NamedTuple):
    """B crystals of at most K atoms, in the order of Z, with zeros behind the last."""

    sides: Tensor
    """[B, 6] float32, `parameters` of the shortest bases."""
    places: Tensor
    """[B, K, 3] float32, fractional coordinates."""
    numbers: Tensor
    """[B, K] int64."""
    elements: Tensor
    """[B, ELEMENTS] int64, in the order of Z."""
    counts: Tensor
    """[B, ELEMENTS] int64, how many atoms there are of each."""
    kinds: Tensor
    """[B, K] int8, which of the elements an atom is, from 1 on, or 0."""
    sites: Sites
    """Where their symmetry lets atoms be, in whole numbers."""

    def of(self, indices: np.ndarray) -> UnitCells:
        """Some of the crystals, with no more room than they need."""
        counts = self.counts[indices]
        most = int(counts.sum(1).max())
        places, numbers, kinds = (part[indices, :most] for part in (self.places, self.numbers, self.kinds))
        turn, back, shift, orbit = (part[indices, :most] for part in self.sites[:4])
        sites = Sites(turn, back, shift, orbit, self.sites.metric[indices], self.sites.group[indices])
        return UnitCells(self.sides[indices], places, numbers, self.elements[indices], counts, kinds, sites)


def shortest_distances(cells: UnitCells) -> tuple[Tensor, Tensor, Tensor]:
    """Of each crystal's every two species, Z of the lighter and the heavier and the shortest distance between them.

    All are [N], the distances in Å; of a species with itself too, to another atom of the cell or its own image.
    """
    by_size = cells.counts.sum(1).argsort(stable=True)
    parts = [_shortest(cells.of(part.numpy())) for part in by_size.split(TOGETHER)]
    pairs, distance = map(torch.cat, zip(*parts, strict=True))
    return pairs // (MAX_Z + 1), pairs % (MAX_Z + 1), distance


def _shortest(cells: UnitCells) -> tuple[Tensor, Tensor]:
    """Of a few crystals, pairs of species as one number, and distances."""
    lattice, numbers = from_parameters(cells.sides), cells.numbers
    between = cells.places.unsqueeze(2) - cells.places.unsqueeze(1)
    images = (between - between.round()).unsqueeze(3) + neighbours()
    distance = (images.flatten(1, 3) @ lattice).norm(dim=2).view(images.shape[:4])
    distance = torch.where(distance < SAME, torch.inf, distance).amin(3)
    light, heavy = numbers.unsqueeze(2).expand_as(distance), numbers.unsqueeze(1).expand_as(distance)
    wanted = (light > 0) & (heavy >= light)
    crystal = torch.arange(len(numbers)).view(-1, 1, 1).expand_as(distance)
    pair, which = ((crystal * (MAX_Z + 1) + light) * (MAX_Z + 1) + heavy)[wanted].unique(return_inverse=True)
    nearest = torch.full(pair.shape, torch.inf).scatter_reduce(0, which, distance[wanted], "amin")
    return pair % (MAX_Z + 1) ** 2, nearest


def few_enough(crystals: CrystalSet, atoms: int) -> np.ndarray:
    """[B] bool: of at most so many atoms, and of no more than `ELEMENTS` elements."""
    of, _, _ = _kinds(crystals)
    return (np.diff(crystals.offsets) <= atoms) & (np.bincount(of, minlength=len(crystals)) <= ELEMENTS)


def unit_cells(crystals: CrystalSet, atoms: int) -> UnitCells:
    """Of crystals that are all `few_enough`."""
    lattice = torch.from_numpy(crystals.lattice)
    basis = reduced(lattice)
    change = (lattice @ torch.linalg.inv(basis)).numpy()
    of = crystals.crystal_of_atom
    order = np.lexsort((crystals.numbers, of))
    coordinates = np.einsum("ni,nij->nj", crystals.frac_coords, change[of])
    slot = of, np.arange(len(of)) - crystals.offsets[of]
    places = np.zeros((len(crystals), atoms, 3), np.float32)
    numbers = np.zeros((len(crystals), atoms), np.int64)
    places[slot] = (coordinates - np.floor(coordinates))[order]
    numbers[slot] = crystals.numbers[order]
    kind_of, element, count = _kinds(crystals)
    slot = kind_of, np.arange(len(kind_of)) - np.searchsorted(kind_of, kind_of)
    elements = np.zeros((len(crystals), ELEMENTS), np.int64)
    counts = np.zeros_like(elements)
    elements[slot], counts[slot] = element, count
    kinds = ((numbers[:, :, None] == elements[:, None]) @ np.arange(1, ELEMENTS + 1)).astype(np.int8) * (numbers > 0)
    sites = sites_of(basis.numpy(), places.astype(np.float64), numbers)
    tensor = torch.from_numpy
    return UnitCells(
        parameters(basis).float(),
        tensor(places),
        tensor(numbers),
        tensor(elements),
        tensor(counts),
        tensor(kinds),
        sites,
    )


def sites_of(lattice: np.ndarray, places: np.ndarray, numbers: np.ndarray) -> Sites:
    """Of crystals with lattices [B, 3, 3], Å, fractional coordinates [B, K, 3] and numbers [B, K]."""
    count, atoms = numbers.shape
    turn, back = np.zeros((2, count, atoms, 3, 3), np.int8)
    shift, orbit = np.zeros((count, atoms, 3), np.int16), np.tile(np.arange(atoms, dtype=np.int8), (count, 1))
    metric, group = np.zeros((count, 6, 6), np.int16), np.zeros(count, np.int16)
    for b in progress(range(count), "symmetry"):
        real = slice(0, np.count_nonzero(numbers[b]))
        found = orbits(lattice[b], places[b, real], numbers[b, real])
        turn[b, real], back[b, real], shift[b, real], orbit[b, real], metric[b], group[b] = found
    return Sites(*map(torch.from_numpy, (turn, back, shift, orbit, metric, group)))


def _kinds(crystals: CrystalSet) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each crystal's each element: the crystal, Z, and how many atoms."""
    kinds, counts = np.unique(crystals.crystal_of_atom * (MAX_Z + 1) + crystals.numbers, return_counts=True)
    return *np.divmod(kinds, MAX_Z + 1), counts
