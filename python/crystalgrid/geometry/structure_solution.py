"""Structure solution: the atoms of a cell from a density that repeats exactly, as in crystallography but with phases.

Such a density determines its own lattice and structure factors F = Σ Z exp(-iG·x). Positions and weights of the atoms
are fitted to these (Levenberg-Marquardt); an atom is missing where a difference map, the Fourier sum of F minus the
atoms' own structure factors, has a peak.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..crystal import MAX_Z
from ..grid import DEFAULT_GRID, Grid
from .cell_search import CandidateCell
from .lattice_finder import LatticeFinder
from .structure_factors import StructureFactors

PAIRS = 200
"""The number of reciprocal vectors, one of each pair ±G; the blur of Eq. (1) leaves little of longer ones."""
STEPS, DAMPINGS = 60, 6
"""The most steps of a fit, and the most values of the damping that are tried for a step."""
LONGEST_STEP = 0.3
"""The longest step along each axis in Å, a fraction of the distance between atoms: none jumps onto another."""
UNEVEN = 1e-3
"""The least standard deviation of a density over its mean; a more even one repeats under any translation."""
SOLVED = 3e-4
"""The error relative to the mean density at which a structure counts as solved, and no atom is added."""
LEAST_WEIGHT, LEAST_PEAK = 0.4, 0.3
"""The least weight of an atom, and of a peak that becomes one, in atomic numbers; hydrogen has 1."""
NEAREST = 0.6
"""The distance in Å below which atoms are merged; the shortest bond, that of H₂, has 0.74 Å."""
BETTER, LARGE_ERROR = 0.92, 0.3
"""An atom is kept if it leaves less than this share of the error; above this error, atoms are added before a fit."""
MOST_ADDED = 24
"""The most atoms that are added, which bounds the time of a density that no crystal explains."""
MAP_SIGMA, MAP_SPACING = 0.55, 0.3
"""The width of atoms in a difference map, less than the density's 1 Å, and the spacing of its points, both in Å."""
SPREAD = 0.02
"""The standard deviation of solved positions along an axis that is assumed, in Å."""


class Factors(NamedTuple):
    """The lattice and structure factors of a density."""

    lattice: np.ndarray
    """[3, 3] Å."""
    g_vectors: np.ndarray
    """[K, 3] reciprocal vectors G in 1/Å, one of each pair ±G."""
    values: np.ndarray
    """[K] complex F of each G, with x from the cube's middle."""
    total: float
    """F of G = 0: the sum of the atomic numbers in a cell."""

    @property
    def blur(self) -> np.ndarray:
        """The factors by which the Gaussians of Eq. (1), σ = 1 Å, weaken each Fourier component, [K]."""
        blur: np.ndarray = np.exp(-(self.g_vectors**2).sum(axis=1) / 2)
        return blur


class PointAtoms(NamedTuple):
    """Positions [S, 3], Å from the cube's middle, and weights [S], which are atomic numbers in a good solution."""

    positions: np.ndarray
    weights: np.ndarray


@torch.no_grad()
def structure_factors(density: Tensor, grid: Grid) -> Factors | None:
    """Return lattice and structure factors of a density [n, n, n], or None if it does not repeat inside the cube."""
    average = density.double().mean()
    if grid != DEFAULT_GRID or density.double().std() <= UNEVEN * average.abs():
        return None
    finder, fit = _lattice_finder(), StructureFactors(PAIRS)  # its own, since it holds the chosen Miller indices
    relative = (density / average)[None].float()
    lattice = finder(relative).double()
    if lattice.norm(dim=2).max() >= grid.length:
        return None
    reciprocal = torch.linalg.inv(lattice).transpose(1, 2)
    fit.choose(reciprocal)
    mean, cosines, sines = fit.fit(relative, reciprocal)
    total = float(mean * average * torch.linalg.det(lattice))
    values = total * (cosines - 1j * sines)[0].numpy()
    return Factors(lattice[0].numpy(), fit.g_vectors(reciprocal)[0].numpy(), values, total)


@cache
def _lattice_finder() -> LatticeFinder:
    return LatticeFinder(DEFAULT_GRID.n)


def solve_structure(factors: Factors, start: CandidateCell, grid: Grid) -> CandidateCell:
    """Return the cell that explains structure factors, starting from a cell with the same lattice, perhaps empty."""
    middle = grid.length / 2
    atoms, error = _fit(factors, PointAtoms(start.positions - middle, start.numbers.astype(float)))
    for _ in range(MOST_ADDED):
        tidied = _tidied(factors, atoms)
        if len(tidied.weights) < len(atoms.weights):
            atoms, error = _fit(factors, tidied)
        peak = _highest_peak(factors, atoms)
        if error < SOLVED or peak is None:
            break
        more = PointAtoms(*map(np.concatenate, zip(atoms, peak, strict=True)))
        if error > LARGE_ERROR:
            atoms, error = more, float(np.linalg.norm(_residuals(factors, more)))
            continue
        more, less_error = _fit(factors, more)
        if less_error > BETTER * error:
            break
        atoms, error = more, less_error
    atoms, _ = _fit(factors, atoms)
    numbers = atoms.weights.round().astype(int).clip(1, MAX_Z)
    votes, spread = np.eye(MAX_Z + 1)[numbers], np.full(len(numbers), SPREAD)
    return CandidateCell(factors.lattice, atoms.positions + middle, votes, spread, start.explained)


def _fit(factors: Factors, atoms: PointAtoms) -> tuple[PointAtoms, float]:
    """Return the atoms moved and weighted to explain the factors best, and the error they leave of the mean density.

    It is Levenberg and Marquardt's method on normal equations. scipy's `least_squares` recovers as many crystals, but
    its QR decompositions take 2.4 times as long, and `recover` a quarter more.
    """
    (positions, weights), damping = atoms, 1e-3
    residuals = _residuals(factors, atoms)
    for _ in range(STEPS if len(weights) else 0):
        jacobian = _jacobian(factors, PointAtoms(positions, weights))
        normal, gradient = jacobian.T @ jacobian, -jacobian.T @ residuals
        before = residuals @ residuals
        for _ in range(DAMPINGS):
            step = np.linalg.solve(normal + damping * np.diag(np.diag(normal) + 1e-12), gradient)
            trial_positions = positions + step[: positions.size].reshape(-1, 3).clip(-LONGEST_STEP, LONGEST_STEP)
            trial = PointAtoms(trial_positions, weights + step[positions.size :])
            after = _residuals(factors, trial)
            if after @ after < before:
                (positions, weights), residuals, damping = trial, after, max(damping / 5, 1e-9)
                break
            damping *= 5
        if before - residuals @ residuals < 1e-9 * before:
            break
    return PointAtoms(positions, weights), float(np.linalg.norm(residuals))


def _residuals(factors: Factors, atoms: PointAtoms) -> np.ndarray:
    """Return the density's Fourier components, over its mean, minus those of the atoms, [2K + 1]; G = 0 is last."""
    components = np.sqrt(2) * factors.blur * _unexplained(factors, atoms)
    last = factors.total - atoms.weights.sum()
    residuals: np.ndarray = np.concatenate([components.real, components.imag, [last]]) / factors.total
    return residuals


def _unexplained(factors: Factors, atoms: PointAtoms) -> np.ndarray:
    """Return the structure factors minus those of the atoms, [K]."""
    difference: np.ndarray = factors.values - np.exp(-1j * factors.g_vectors @ atoms.positions.T) @ atoms.weights
    return difference


def _jacobian(factors: Factors, atoms: PointAtoms) -> np.ndarray:
    """Return the derivatives of `_residuals` by positions, then weights, [2K + 1, 4S]."""
    phases = np.sqrt(2) * factors.blur[:, None] * np.exp(-1j * factors.g_vectors @ atoms.positions.T)
    by_position = 1j * (phases * atoms.weights)[:, :, None] * factors.g_vectors[:, None]
    jacobian = np.hstack([by_position.reshape(len(phases), -1), -phases])
    last = np.append(np.zeros(atoms.positions.size), -np.ones(len(atoms.weights)))
    return np.vstack([jacobian.real, jacobian.imag, last]) / factors.total


def _tidied(factors: Factors, atoms: PointAtoms) -> PointAtoms:
    """Return the atoms that have weight, the two nearest to each other merged if they are too near."""
    positions, weights = (values[atoms.weights > LEAST_WEIGHT] for values in atoms)
    steps = (positions[:, None] - positions) @ np.linalg.inv(factors.lattice)
    # Rounding finds every image within NEAREST, since lattice planes of crystals are twice that, 1.2 Å, apart or more.
    distance = np.linalg.norm((steps - np.rint(steps)) @ factors.lattice, axis=2) + 9.0 * np.eye(len(weights))
    if distance.min(initial=np.inf) >= NEAREST:
        return PointAtoms(positions, weights)
    first, second = np.unravel_index(distance.argmin(), distance.shape)
    weights[first] += weights[second]
    return PointAtoms(np.delete(positions, second, axis=0), np.delete(weights, second))


def _highest_peak(factors: Factors, atoms: PointAtoms) -> PointAtoms | None:
    """Return the highest peak of the difference map as an atom, or None where no peak is high enough for one."""
    counts = np.ceil(np.linalg.norm(factors.lattice, axis=1) / MAP_SPACING).astype(int).clip(4)
    steps = np.meshgrid(*(np.arange(count) / count for count in counts), indexing="ij")
    points = np.stack(steps, axis=-1).reshape(-1, 3) @ factors.lattice
    shape = np.exp(-(MAP_SIGMA**2) / 2 * (factors.g_vectors**2).sum(axis=1))
    components = shape * _unexplained(factors, atoms)
    phase = points @ factors.g_vectors.T
    fourier_sum = np.cos(phase) @ components.real - np.sin(phase) @ components.imag
    heights = factors.total - atoms.weights.sum() + 2 * fourier_sum
    highest = heights.argmax()
    weight = heights[highest] / (1 + 2 * shape.sum())
    return PointAtoms(points[[highest]], np.array([max(weight, 1.0)])) if weight > LEAST_PEAK else None
