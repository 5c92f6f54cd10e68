"""Cells: a lattice and the atoms of one cell, from the atoms found one by one in a cube of a periodic crystal."""

import itertools
import math
from typing import NamedTuple

import numpy as np

from ..crystal import LEAST_VOLUME, MAX_Z, Crystal
from .atom_pairs import MARGIN, depth, shortest_basis, translations
from .images import translations_into

LIKE = (0, 2, 5)
"""Differences in atomic number that are overlooked at most: first none, then what networks confuse."""
SHARES = (0.95, 0.85, 0.7, 0.55)
"""Of the atoms that the best translation brings together, as many must others; strict first, as crystals may be nearly
of a smaller cell."""
WELL = 0.97
"""Share of the atoms explained that ends the search."""
OTHER_VOLUME = 0.25
"""Logarithm of the ratio of two volumes that are not the same."""
SITE = 0.5
"""Å; images of one atom lie nearer together."""
AT_A_FACE = 0.25
"""Weight of an atom near a face, where centres are less exact, beside others."""
KNOWN = 100.0
"""Weight of a lattice that the density shows, beside that of an atom."""
LEAST_FOUND = 0.5
"""Of an atom's images in the cube; one that is found less often is no part of the crystal."""


class Cell(NamedTuple):
    """A lattice and atoms in it, from those of a cube."""

    lattice: np.ndarray
    """[3, 3] Å."""
    positions: np.ndarray
    """[S, 3] Å."""
    votes: np.ndarray
    """[S, MAX_Z + 1]: how much the images of an atom speak for each species, their sum 1."""
    spread: np.ndarray
    """[S] Å, standard deviation along an axis of these means, from how their images scatter."""
    explained: float

    @property
    def numbers(self) -> np.ndarray:
        """[S]."""
        return self.votes.argmax(axis=1)

    @property
    def volume(self) -> float:
        """Å³."""
        return abs(float(np.linalg.det(self.lattice)))


def cells(positions: np.ndarray, numbers: np.ndarray, length: float) -> list[Cell]:
    """Cells of different volumes that the atoms may be of, the smallest first."""
    distinct: list[Cell] = []
    found = [_search(positions, numbers, length, like) for like in LIKE]
    for cell in sorted(filter(None, found), key=lambda cell: -cell.explained):
        if all(abs(math.log(cell.volume / other.volume)) > OTHER_VOLUME for other in distinct):
            distinct.append(cell)
    return sorted(distinct, key=lambda cell: cell.volume)


def cell_of(positions: np.ndarray, numbers: np.ndarray, lattice: np.ndarray, length: float) -> Cell:
    """The cell of a lattice that is known, perhaps without any atom."""
    nothing = Cell(lattice, np.zeros((0, 3)), np.zeros((0, MAX_Z + 1)), np.zeros(0), 0.0)
    return (_cell(positions, numbers, lattice, length, KNOWN) if len(positions) else None) or nothing


def explained(positions: np.ndarray, numbers: np.ndarray, crystal: Crystal, length: float) -> float:
    """Atoms of the cube that a crystal has, with their species, over all that were found or should have been."""
    away = positions[:, None] @ np.linalg.inv(crystal.lattice) - crystal.frac_coords
    distance = np.linalg.norm((away - np.rint(away)) @ crystal.lattice, axis=2)
    site, near = distance.argmin(axis=1), distance.min(axis=1) < SITE
    deep = near & (depth(positions, length) >= MARGIN)
    missing = _images(crystal.positions, crystal.lattice, length) - np.bincount(site[deep], minlength=len(crystal))
    right = near & (crystal.numbers[site] == numbers)
    return float(right.sum() / (len(positions) + np.maximum(missing, 0).sum()))


def _search(positions: np.ndarray, numbers: np.ndarray, length: float, like: int) -> Cell | None:
    vectors, share = translations(positions, numbers, length, like)
    best: Cell | None = None
    lattice: np.ndarray | None = None
    for wanted in SHARES:
        before, lattice = lattice, shortest_basis(vectors[share >= wanted * share.max(initial=0)])
        if lattice is None or (before is not None and np.allclose(lattice, before)):
            continue
        cell = _cell(positions, numbers, lattice, length)
        if cell is not None and (best is None or cell.explained > best.explained):
            best = cell
        if best is not None and best.explained >= WELL:
            break
    return best


def _cell(
    positions: np.ndarray, numbers: np.ndarray, lattice: np.ndarray, length: float, known: float = 0.0
) -> Cell | None:
    """One cell from all atoms of the cube, by least squares: each is at its site, whole steps of the lattice away.

    known: weight of the lattice as it is given, beside that of an atom; 0: it has to follow from the atoms.
    """
    given = known * lattice
    deep = depth(positions, length) >= MARGIN
    weights = np.where(deep, 1.0, AT_A_FACE)
    for _ in range(2):  # with the better lattice, images that are far away fall into place
        site, steps = _sites(positions, lattice, length)
        members = np.eye(site.max() + 1)[site]
        terms = np.hstack([steps, members])
        model = np.vstack([terms * weights[:, None], known * np.eye(3, terms.shape[1])])
        seen = np.vstack([positions * weights[:, None], given])
        solution, _, rank, _ = np.linalg.lstsq(model, seen, rcond=None)
        lattice, at = solution[:3], solution[3:]
        if rank < terms.shape[1] or abs(np.linalg.det(lattice)) < LEAST_VOLUME * len(at):
            return None
    votes = members.T @ (np.eye(MAX_Z + 1)[numbers] * weights[:, None])
    votes /= votes.sum(axis=1, keepdims=True)
    found, wanted = members.T @ deep, _images(at, lattice, length)
    kept = found >= LEAST_FOUND * wanted
    if not kept.any():
        return None
    scatter = np.sqrt(((terms @ solution - positions)[deep] ** 2).mean()) if deep.any() else SITE
    spread = scatter / np.sqrt(np.maximum(found, 1))
    right = kept[site] & (votes.argmax(axis=1)[site] == numbers)
    missing = np.maximum(wanted - found, 0)[kept].sum()
    return Cell(lattice, at[kept], votes[kept], spread[kept], float(right.sum() / (len(positions) + missing)))


def _sites(positions: np.ndarray, lattice: np.ndarray, length: float) -> tuple[np.ndarray, np.ndarray]:
    """Which site each atom is an image of [N], and how many steps of the lattice away [N, 3]; the deepest have none."""
    coordinates = positions @ np.linalg.inv(lattice)
    site, steps = np.zeros(len(positions), np.int64), np.zeros((len(positions), 3))
    firsts: list[int] = []
    for atom in np.argsort(-depth(positions, length), kind="stable"):
        away = coordinates[atom] - coordinates[firsts]
        whole = np.rint(away)
        distance = np.linalg.norm((away - whole) @ lattice, axis=1)
        if distance.min(initial=np.inf) < SITE:
            site[atom] = distance.argmin()
            steps[atom] = whole[site[atom]]
        else:
            site[atom] = len(firsts)
            firsts.append(int(atom))
    return site, steps


def _images(positions: np.ndarray, lattice: np.ndarray, length: float) -> np.ndarray:
    """[S]: how many images of each position lie deep inside the cube."""
    inverse = np.linalg.inv(lattice)
    corners = np.array(list(itertools.product((0.0, length), repeat=3))) @ inverse
    steps = translations_into(corners, positions @ inverse)
    return (depth(positions[:, None] + steps @ lattice, length) >= MARGIN).sum(axis=1)
