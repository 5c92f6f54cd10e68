"""Unit cells of many crystals as padded tensors, which a generator of crystals learns from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..crystal import MAX_Z
from ..data.crystalset import CrystalSet
from ..geometry.lattices import from_parameters, neighbours, parameters, reduced
from ..geometry.orbit_finder import find_orbits
from ..geometry.orbits import Orbits, pad_orbits
from ..nets.generators.composition import ELEMENTS
from ..progress import progress

SAME_ATOM = 1e-3
"""The distance in Å below which an image is the atom itself."""
DISTANCE_BATCH = 128
"""The number of crystals whose distances are computed at once, which bounds memory."""


class UnitCells(NamedTuple):
    """B crystals padded to K atoms each, atoms in the order of Z, with zeros after the last."""

    lattice_params: Tensor
    """[B, 6] float32, the `parameters` of the shortest bases."""
    frac_coords: Tensor
    """[B, K, 3] float32, in [0, 1]."""
    numbers: Tensor
    """[B, K] int64."""
    elements: Tensor
    """[B, ELEMENTS] int64, the different elements in the order of Z."""
    counts: Tensor
    """[B, ELEMENTS] int64, the number of atoms of each element."""
    element_slots: Tensor
    """[B, K] int8, the position of an atom's element in `elements`, counted from 1; 0 for no atom."""
    orbits: Orbits
    """The Wyckoff orbits, in whole numbers."""

    def select(self, indices: np.ndarray) -> UnitCells:
        """Return the crystals with these indices, padded no further than the largest of them needs."""
        counts = self.counts[indices]
        most = int(counts.sum(1).max())
        frac_coords, numbers, slots = (
            part[indices, :most] for part in (self.frac_coords, self.numbers, self.element_slots)
        )
        affine, projector, offset, orbit = (part[indices, :most] for part in self.orbits[:4])
        metric_projector, space_group = self.orbits.metric_projector[indices], self.orbits.space_group[indices]
        orbits = Orbits(affine, projector, offset, orbit, metric_projector, space_group)
        lattice_params, elements = self.lattice_params[indices], self.elements[indices]
        return UnitCells(lattice_params, frac_coords, numbers, elements, counts, slots, orbits)


def small_enough(crystals: CrystalSet, max_atoms: int) -> np.ndarray:
    """Return which crystals have at most `max_atoms` atoms and at most `ELEMENTS` elements, [B] bool."""
    crystal, _, _ = _element_counts(crystals)
    n_elements = np.bincount(crystal, minlength=len(crystals))
    return (np.diff(crystals.offsets) <= max_atoms) & (n_elements <= ELEMENTS)


def build_unit_cells(crystals: CrystalSet, atoms: int) -> UnitCells:
    """Return the unit cells of crystals that are all `small_enough`, padded to `atoms` atoms.

    Lattices get their shortest bases; symmetry is determined here, which takes about a millisecond a crystal.
    """
    lattice = torch.from_numpy(crystals.lattice)
    basis = reduced(lattice)
    change_of_basis = (lattice @ torch.linalg.inv(basis)).numpy()
    frac_coords, numbers = _padded_atoms(crystals, change_of_basis, atoms)
    elements, counts = _padded_elements(crystals)
    is_element = numbers[:, :, None] == elements[:, None]
    slots = (is_element @ np.arange(1, ELEMENTS + 1)).astype(np.int8) * (numbers > 0)
    n_atoms = np.diff(crystals.offsets)
    orbits = (
        find_orbits(basis[b].numpy(), frac_coords[b, : n_atoms[b]].astype(np.float64), numbers[b, : n_atoms[b]])
        for b in progress(range(len(crystals)), "symmetry")
    )
    return UnitCells(
        parameters(basis).float(),
        torch.from_numpy(frac_coords),
        torch.from_numpy(numbers),
        torch.from_numpy(elements),
        torch.from_numpy(counts),
        torch.from_numpy(slots),
        pad_orbits(orbits, len(crystals), atoms),
    )


def _padded_atoms(crystals: CrystalSet, change_of_basis: np.ndarray, atoms: int) -> tuple[np.ndarray, np.ndarray]:
    """Return fractional coordinates [B, K, 3] in new bases, and numbers [B, K], atoms in the order of Z."""
    crystal = crystals.crystal_of_atom
    order = np.lexsort((crystals.numbers, crystal))
    coordinates = np.einsum("ni,nij->nj", crystals.frac_coords, change_of_basis[crystal])
    position = crystal, np.arange(len(crystal)) - crystals.offsets[crystal]
    frac_coords = np.zeros((len(crystals), atoms, 3), np.float32)
    numbers = np.zeros((len(crystals), atoms), np.int64)
    frac_coords[position] = (coordinates - np.floor(coordinates))[order]
    numbers[position] = crystals.numbers[order]
    return frac_coords, numbers


def _padded_elements(crystals: CrystalSet) -> tuple[np.ndarray, np.ndarray]:
    """Return the elements of each crystal and the number of atoms of each, both [B, ELEMENTS]."""
    crystal, element, count = _element_counts(crystals)
    position = crystal, np.arange(len(crystal)) - np.searchsorted(crystal, crystal)
    elements = np.zeros((len(crystals), ELEMENTS), np.int64)
    counts = np.zeros_like(elements)
    elements[position], counts[position] = element, count
    return elements, counts


def _element_counts(crystals: CrystalSet) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return for each element of each crystal the crystal, Z and the number of atoms, each [N]."""
    pairs, counts = np.unique(crystals.crystal_of_atom * (MAX_Z + 1) + crystals.numbers, return_counts=True)
    return *np.divmod(pairs, MAX_Z + 1), counts


def shortest_distances(cells: UnitCells) -> tuple[Tensor, Tensor, Tensor]:
    """Return the shortest distance in Å of every two species of every crystal, and their Z, the lighter first; all [N].

    The distance of a species to itself is to another atom of the cell or to an atom's own periodic image.
    """
    by_size = cells.counts.sum(1).argsort(stable=True)
    selected = (cells.select(part.numpy()) for part in torch.split(by_size, DISTANCE_BATCH))
    parts = [shortest_pairs(part.lattice_params, part.frac_coords, part.numbers) for part in selected]
    lighter, heavier, distance = map(torch.cat, zip(*parts, strict=True))
    return lighter, heavier, distance


def shortest_pairs(lattice_params: Tensor, frac_coords: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the shortest distance in Å of every two species of every crystal, and their Z, the lighter first; all [N].

    lattice_params: [B, 6]; frac_coords: [B, K, 3]; numbers: [B, K], 0 for no atom.
    """
    lattice = from_parameters(lattice_params)
    difference = frac_coords.unsqueeze(2) - frac_coords.unsqueeze(1)
    images = (difference - difference.round()).unsqueeze(3) + neighbours()
    distance = (images.flatten(1, 3) @ lattice).norm(dim=2).view(images.shape[:4])
    distance = torch.where(distance < SAME_ATOM, torch.inf, distance).amin(3)
    lighter, heavier = numbers.unsqueeze(2).expand_as(distance), numbers.unsqueeze(1).expand_as(distance)
    is_pair = (lighter > 0) & (heavier >= lighter)
    crystal = torch.arange(len(numbers)).view(-1, 1, 1).expand_as(distance)
    key = (crystal * (MAX_Z + 1) + lighter) * (MAX_Z + 1) + heavier
    pair, index = torch.unique(key[is_pair], return_inverse=True)
    shortest = torch.full(pair.shape, torch.inf).scatter_reduce(0, index, distance[is_pair], "amin")
    species = pair % (MAX_Z + 1) ** 2
    return species // (MAX_Z + 1), species % (MAX_Z + 1), shortest
