"""The primitive cell of a crystal with the shortest sides, from a conventional cell or a supercell.

moyopy finds it for cells of a few hundred atoms. This module looks translations up in a k-d tree: a supercell of 20,000
atoms takes a second.
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy.spatial import cKDTree

from .cell import Cell

TOLERANCE = 0.05
"""The largest distance in Å between atoms that a translation maps onto each other, as positions are rounded."""
SAMPLE = 16
"""The number of atoms that every translation is tried on before the shortest that pass are tried on all."""
SKEWED = 0.3
"""The sine of the least angle between the shortest independent vectors of a lattice, or one and a plane of two."""
ROUNDING = 1e-9
"""The sine of an angle that counts as zero, between vectors without noise."""
STEPS = np.array([step for step in itertools.product((-1, 0, 1), repeat=3) if any(step)])


def primitive_cell(cell: Cell, tolerance: float = TOLERANCE) -> Cell:
    """Return the primitive cell of a crystal in the basis of its three shortest translations, in the same orientation.

    Atoms that coincide in it are put at their mean. A cell that is primitive comes back in its own shortest basis.
    """
    cell = _in_basis(cell, reduced_basis(cell.lattice))
    lattice = _shortest_translations(cell, tolerance)
    multiples = np.rint(cell.lattice @ np.linalg.inv(lattice))  # found between two atoms, it is as exact as these are
    copies = round(abs(np.linalg.det(multiples)))
    lattice = np.linalg.solve(multiples, cell.lattice)
    if copies == 1:
        return cell
    in_primitive_basis = _in_basis(cell, lattice)
    groups = _coinciding(in_primitive_basis, tolerance)
    if len(groups) * copies != len(cell.numbers) or any(len(group) != copies for group in groups):
        return cell  # within the tolerance it repeats in several ways; the given cell is right in any case
    first = np.array([group[0] for group in groups])
    apart = [in_primitive_basis.frac_coords[group] - in_primitive_basis.frac_coords[group[0]] for group in groups]
    shifts = np.array([(part - np.rint(part)).mean(axis=0) for part in apart])
    return Cell(lattice, (in_primitive_basis.frac_coords[first] + shifts) % 1.0 % 1.0, cell.numbers[first])


def _in_basis(cell: Cell, lattice: np.ndarray) -> Cell:
    return Cell(lattice, cell.frac_coords @ (cell.lattice @ np.linalg.inv(lattice)) % 1.0 % 1.0, cell.numbers)


def reduced_basis(lattice: np.ndarray) -> np.ndarray:
    """Return the three shortest independent vectors [3, 3] of a lattice, as right-handed rows."""
    while True:
        shorter = _three_shortest(np.concatenate([lattice, STEPS @ lattice]), ROUNDING)
        if np.linalg.norm(shorter, axis=1).sum() > np.linalg.norm(lattice, axis=1).sum() - 1e-9:
            return lattice if np.linalg.det(lattice) > 0 else -lattice
        lattice = shorter


def _three_shortest(vectors: np.ndarray, least_sine: float) -> np.ndarray:
    """Return the three shortest vectors of [T, 3] at angles of at least this sine to each other, right-handed."""
    vectors = vectors[np.argsort(np.linalg.norm(vectors, axis=1), kind="stable")]
    directions = vectors / np.linalg.norm(vectors, axis=1)[:, None]
    across = np.cross(directions[0], directions)
    second = (np.linalg.norm(across, axis=1) > least_sine).argmax()
    third = (np.abs(directions @ across[second]) > least_sine).argmax()
    basis = vectors[[0, second, third]]
    return basis if np.linalg.det(basis) > 0 else -basis


def _shortest_translations(cell: Cell, tolerance: float) -> np.ndarray:
    """Return the three shortest vectors [3, 3] Å that span space and bring every atom onto one of its element."""
    elements, counts = np.unique(cell.numbers, return_counts=True)
    trees = {z: cKDTree(cell.frac_coords[cell.numbers == z], boxsize=1.0) for z in elements}
    rarest = cell.frac_coords[cell.numbers == elements[counts.argmin()]]
    candidates = rarest[1:] - rarest[0]
    sample = np.unique(np.linspace(0, len(cell.numbers) - 1, SAMPLE).astype(int))
    sampled = Cell(cell.lattice, cell.frac_coords[sample], cell.numbers[sample])
    candidates = candidates[_all_meet(sampled, candidates, trees, tolerance)]
    images = (candidates - np.rint(candidates))[:, None] + np.concatenate([np.zeros((1, 3)), STEPS])
    pool = np.concatenate([np.eye(3), STEPS, images.reshape(-1, 3)])
    while True:
        basis = _three_shortest(pool @ cell.lattice, SKEWED)
        fractions = basis @ np.linalg.inv(cell.lattice)
        wrong = fractions[~_all_meet(cell, fractions, trees, tolerance)]
        if len(wrong) == 0:
            return basis
        apart = pool[:, None] - wrong
        # A translation fails with its opposite, and with all that differ from it by a vector of the cell.
        failed = np.minimum(_distance_to_integers(apart), _distance_to_integers(pool[:, None] + wrong)) < 1e-6
        pool = pool[~failed.any(axis=1)]


def _distance_to_integers(fractions: np.ndarray) -> np.ndarray:
    off: np.ndarray = np.abs(fractions - np.rint(fractions)).max(axis=-1)
    return off


def _all_meet(cell: Cell, translations: np.ndarray, trees: dict[int, cKDTree], tolerance: float) -> np.ndarray:
    """Return [T] bool, whether each translation brings all atoms of `cell` onto atoms of their elements."""
    meets = np.ones(len(translations), dtype=bool)
    for z, tree in trees.items():
        translated = (cell.frac_coords[cell.numbers == z] + translations[:, None]) % 1.0 % 1.0
        if translated.size == 0:
            continue
        _, nearest = tree.query(translated)
        apart = translated - tree.data[nearest]
        meets &= np.linalg.norm((apart - np.rint(apart)) @ cell.lattice, axis=2).max(axis=1) < tolerance
    return meets


def _coinciding(cell: Cell, tolerance: float) -> list[np.ndarray]:
    """Return groups of atoms of one element at the same position in the cell, as indices."""
    groups = []
    for z in np.unique(cell.numbers):
        atoms = np.flatnonzero(cell.numbers == z)
        wrapped = cell.frac_coords[atoms]
        reach = 3 * tolerance / np.linalg.svd(cell.lattice, compute_uv=False).min()
        tree = cKDTree(wrapped, boxsize=1.0)
        ungrouped = np.ones(len(atoms), dtype=bool)
        for i in range(len(atoms)):
            if ungrouped[i]:
                near = [j for j in tree.query_ball_point(wrapped[i], reach) if ungrouped[j]]
                ungrouped[near] = False
                groups.append(atoms[near])
    return groups
