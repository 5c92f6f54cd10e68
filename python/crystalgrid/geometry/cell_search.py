"""Candidate cells: a lattice and the atoms of one cell, from atoms found one by one in a cube of a periodic crystal."""

import itertools
import math
from typing import NamedTuple

import numpy as np

from ..crystal import LEAST_VOLUME, MAX_Z, Crystal
from .atom_pairs import MARGIN, depth, pair_vectors, shortest_basis
from .images import translations_into

TOLERANCES = (0, 2, 5)
"""Differences in atomic number that are ignored when atoms are paired: none first, then those networks confuse."""
SHARES = (0.95, 0.85, 0.7, 0.55)
"""Shares of atom pairs, relative to the best pair vector, from which vectors count as translations; the strictest is
tried first, since a crystal may nearly have a smaller cell."""
WELL_EXPLAINED = 0.97
"""The share of the atoms explained at which the search ends."""
OTHER_VOLUME = 0.25
"""Difference of the logarithms of two volumes beyond which cells are different; that of a double cell is 0.69."""
SITE_RADIUS = 0.5
"""The largest distance in Å between images of one atom: found centres are within 0.11 Å of atoms."""
WEIGHT_AT_A_FACE = 0.25
"""The weight of an atom near a face, where centres are less exact, relative to other atoms."""
LATTICE_WEIGHT = 100.0
"""The weight of a lattice that the density determined, relative to that of an atom: it is nearly fixed."""
LEAST_FOUND = 0.5
"""The least share of an atom's images in the cube that must be found, or the atom is no part of the crystal."""


class CandidateCell(NamedTuple):
    """A lattice and the atoms of one cell that may account for the atoms of a cube."""

    lattice: np.ndarray
    """[3, 3] Å."""
    positions: np.ndarray
    """[S, 3] Å."""
    votes: np.ndarray
    """[S, MAX_Z + 1]: the share of an atom's images that were found as each species."""
    spread: np.ndarray
    """[S] Å, standard deviation along an axis of the positions, estimated from how the images scatter."""
    explained: float
    """The share of the cube's atoms, found and missing, that the cell has with their species."""

    @property
    def numbers(self) -> np.ndarray:
        """The atomic numbers with most votes, [S]."""
        numbers: np.ndarray = self.votes.argmax(axis=1)
        return numbers

    @property
    def volume(self) -> float:
        """The volume, Å³."""
        return abs(float(np.linalg.det(self.lattice)))


def candidate_cells(positions: np.ndarray, numbers: np.ndarray, length: float) -> list[CandidateCell]:
    """Return cells of different volumes that may account for the atoms of a cube, the smallest first.

    positions: [N, 3] Å in a cube of `length`. numbers: [N].
    """
    distinct: list[CandidateCell] = []
    found = [_best_cell(positions, numbers, length, tolerance) for tolerance in TOLERANCES]
    for cell in sorted(filter(None, found), key=lambda cell: -cell.explained):
        if all(abs(math.log(cell.volume / other.volume)) > OTHER_VOLUME for other in distinct):
            distinct.append(cell)
    return sorted(distinct, key=lambda cell: cell.volume)


def cell_with_lattice(positions: np.ndarray, numbers: np.ndarray, lattice: np.ndarray, length: float) -> CandidateCell:
    """Return the cell with a lattice that is already determined; it has no atoms if the found atoms do not fit it."""
    without_atoms = CandidateCell(lattice, np.zeros((0, 3)), np.zeros((0, MAX_Z + 1)), np.zeros(0), 0.0)
    cell = _averaged_cell(positions, numbers, lattice, length, LATTICE_WEIGHT) if len(positions) else None
    return cell or without_atoms


def share_explained(positions: np.ndarray, numbers: np.ndarray, crystal: Crystal, length: float) -> float:
    """Return the share of a cube's atoms, found and missing, that a crystal has with their species."""
    steps = positions[:, None] @ np.linalg.inv(crystal.lattice) - crystal.frac_coords
    # Rounding finds every image within SITE_RADIUS, as lattice planes of crystals are twice that, 1 Å, apart or more.
    distance = np.linalg.norm((steps - np.rint(steps)) @ crystal.lattice, axis=2)
    site, near = distance.argmin(axis=1), distance.min(axis=1) < SITE_RADIUS
    deep = near & (depth(positions, length) >= MARGIN)
    expected = _images_in_cube(crystal.positions, crystal.lattice, length)
    missing = expected - np.bincount(site[deep], minlength=len(crystal))
    right = near & (crystal.numbers[site] == numbers)
    return float(right.sum() / (len(positions) + np.maximum(missing, 0).sum()))


def _best_cell(positions: np.ndarray, numbers: np.ndarray, length: float, tolerance: int) -> CandidateCell | None:
    """Return the cell that explains most atoms, trying the lattices of more and more pair vectors, or None."""
    vectors, share = pair_vectors(positions, numbers, length, tolerance)
    best: CandidateCell | None = None
    lattice: np.ndarray | None = None
    for least in SHARES:
        previous, lattice = lattice, shortest_basis(vectors[share >= least * share.max(initial=0)])
        if lattice is None or (previous is not None and np.allclose(lattice, previous)):
            continue
        cell = _averaged_cell(positions, numbers, lattice, length)
        if cell is not None and (best is None or cell.explained > best.explained):
            best = cell
        if best is not None and best.explained >= WELL_EXPLAINED:
            break
    return best


def _averaged_cell(
    positions: np.ndarray, numbers: np.ndarray, lattice: np.ndarray, length: float, lattice_weight: float = 0.0
) -> CandidateCell | None:
    """Return lattice and atoms that are closest to all atoms of the cube, or None if atoms do not determine them.

    The fit is linear least squares: each atom is at its site plus a whole-number combination of lattice vectors.

    lattice_weight: weight of the lattice as it is given, relative to that of an atom; with 0, atoms alone determine it.
    """
    given = lattice_weight * lattice
    deep = depth(positions, length) >= MARGIN
    weights = np.where(deep, 1.0, WEIGHT_AT_A_FACE)
    for _ in range(2):  # a better lattice assigns distant images to the right sites
        site, steps = _sites(positions, lattice, length)
        members = np.eye(site.max() + 1)[site]
        terms = np.hstack([steps, members])
        model = np.vstack([terms * weights[:, None], lattice_weight * np.eye(3, terms.shape[1])])
        target = np.vstack([positions * weights[:, None], given])
        solution, _, rank, _ = np.linalg.lstsq(model, target, rcond=None)
        lattice, means = solution[:3], solution[3:]
        if rank < terms.shape[1] or abs(np.linalg.det(lattice)) < LEAST_VOLUME * len(means):
            return None
    votes = members.T @ (np.eye(MAX_Z + 1)[numbers] * weights[:, None])
    votes /= votes.sum(axis=1, keepdims=True)
    found, expected = members.T @ deep, _images_in_cube(means, lattice, length)
    kept = found >= LEAST_FOUND * expected
    if not kept.any():
        return None
    scatter = np.sqrt(((terms @ solution - positions)[deep] ** 2).mean()) if deep.any() else SITE_RADIUS
    spread = scatter / np.sqrt(np.maximum(found, 1))
    right = kept[site] & (votes.argmax(axis=1)[site] == numbers)
    missing = np.maximum(expected - found, 0)[kept].sum()
    explained = float(right.sum() / (len(positions) + missing))
    return CandidateCell(lattice, means[kept], votes[kept], spread[kept], explained)


def _sites(positions: np.ndarray, lattice: np.ndarray, length: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the site of which each atom is an image, [N], and the lattice translation between them, [N, 3] integers.

    The atom deepest inside the cube defines the position of a site.
    """
    coordinates = positions @ np.linalg.inv(lattice)
    site, steps = np.zeros(len(positions), np.int64), np.zeros((len(positions), 3))
    firsts: list[int] = []
    for atom in np.argsort(-depth(positions, length), kind="stable"):
        difference = coordinates[atom] - coordinates[firsts]
        whole = np.rint(difference)
        distance = np.linalg.norm((difference - whole) @ lattice, axis=1)
        if distance.min(initial=np.inf) < SITE_RADIUS:
            site[atom] = distance.argmin()
            steps[atom] = whole[site[atom]]
        else:
            site[atom] = len(firsts)
            firsts.append(int(atom))
    return site, steps


def _images_in_cube(positions: np.ndarray, lattice: np.ndarray, length: float) -> np.ndarray:
    """Return the number of images of each position [S, 3] inside the cube and not near a face, [S]."""
    inverse = np.linalg.inv(lattice)
    corners = np.array(list(itertools.product((0.0, length), repeat=3))) @ inverse
    steps = translations_into(corners, positions @ inverse)
    count: np.ndarray = (depth(positions[:, None] + steps @ lattice, length) >= MARGIN).sum(axis=1)
    return count
