"""Symmetry: of which orbits a crystal's atoms are, and how each may move without breaking it."""

from __future__ import annotations

import logging
from typing import NamedTuple

import numpy as np

from .orbits import FINE, WHOLE

SYMPREC = 0.01
"""Å that atoms may be from where symmetry would have them."""
NEAR = 5 * SYMPREC
"""Å, from where an operation takes an atom to the atom that is meant."""
PRODUCTS = (0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)
"""Of basis vectors, in the order of `nets.lattices.products`."""

Operations = tuple[np.ndarray, np.ndarray, int]
"""Rotations [M, 3, 3] and translations [M, 3] of fractional coordinates, and the number of the space group."""
NONE: Operations = np.eye(3)[None], np.zeros((1, 3)), 1

logging.getLogger("moyo").setLevel(logging.ERROR)  # it warns of each cell that is not primitive


class Orbits(NamedTuple):
    """Of one crystal of K atoms, in whole numbers: as `nets.sites.Sites` has them of many."""

    turn: np.ndarray
    back: np.ndarray
    shift: np.ndarray
    orbit: np.ndarray
    metric: np.ndarray
    group: int


def orbits(lattice: np.ndarray, places: np.ndarray, numbers: np.ndarray) -> Orbits:
    """lattice [3, 3] Å, fractional coordinates [K, 3], numbers [K]; no symmetry where none can be told."""
    rotations, translations, group = _operations(lattice, places, numbers)
    moved = np.einsum("mij,kj->mki", rotations, places) + translations[:, None]
    taken = _taken(moved, lattice, places, numbers)
    if taken is None:
        (rotations, translations, group), moved, taken = NONE, places[None], np.arange(len(places))[None]
    orbit = taken.min(axis=0)
    turn, back = np.empty((2, len(places), 3, 3))
    shift = np.empty((len(places), 3))
    for first in np.unique(orbit):
        stay = np.flatnonzero(taken[:, first] == first)
        whole = np.rint(moved[stay, first] - places[first])
        fixed, offset = rotations[stay].mean(axis=0), (translations[stay] - whole).mean(axis=0)
        for atom in np.flatnonzero(orbit == first):
            m = np.argmax(taken[:, first] == atom)
            turn[atom], back[atom] = rotations[m] @ fixed, fixed @ np.rint(np.linalg.inv(rotations[m]))
            shift[atom] = rotations[m] @ offset + translations[m]
    return Orbits(_whole(turn), _whole(back), np.rint((shift % 1) * FINE), orbit, _whole(_metric(rotations)), group)


def _operations(lattice: np.ndarray, places: np.ndarray, numbers: np.ndarray) -> Operations:
    import moyopy

    try:
        cell = moyopy.Cell(lattice.tolist(), places.tolist(), numbers.tolist())
        found = moyopy.MoyoDataset(cell, symprec=SYMPREC)
    except BaseException as error:  # some of its failures are panics, which are no Exceptions
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        return NONE
    operations = found.operations
    return np.array(operations.rotations, float), np.array(operations.translations), found.number


def _taken(moved: np.ndarray, lattice: np.ndarray, places: np.ndarray, numbers: np.ndarray) -> np.ndarray | None:
    """[M, K]: which atom each is on after each operation, `moved` [M, K, 3]. None if after one some atom is on none."""
    away = moved[:, :, None] - places
    distance = np.linalg.norm((away - np.rint(away)) @ lattice, axis=3)
    distance[:, numbers[:, None] != numbers] = np.inf
    taken = distance.argmin(axis=2)
    one_to_one = (np.sort(taken, axis=1) == np.arange(len(places))).all()
    return taken if one_to_one and distance.min(axis=2).max() < NEAR else None


def _metric(rotations: np.ndarray) -> np.ndarray:
    """[6, 6]: the mean of metrics G after all rotations, Wᵀ G W."""
    metric = np.empty((6, 6))
    for column, (i, j) in enumerate(PRODUCTS):
        unit = np.zeros((3, 3))
        unit[i, j] = unit[j, i] = 1
        mean = (rotations.transpose(0, 2, 1) @ unit @ rotations).mean(axis=0)
        metric[:, column] = [mean[product] for product in PRODUCTS]
    return metric


def _whole(values: np.ndarray) -> np.ndarray:
    """In units of 1 / WHOLE."""
    return np.rint(values * WHOLE)
