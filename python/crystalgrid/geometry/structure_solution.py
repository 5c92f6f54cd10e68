"""Solve: the atoms of one cell from a density that repeats exactly, as crystallographers do, but with phases known.

Such a density gives its own lattice and structure factors F = Σ Z exp(-iG·x). Positions and weights of the atoms are
fitted to these (Levenberg-Marquardt), and where a difference map, the Fourier sum of what is left of F, has a peak, an
atom is missing.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..crystal import MAX_Z
from ..grid import DEFAULT_GRID, Grid
from .cell_search import Cell
from .lattice_finder import Periods
from .structure_factors import StructureFactors

WAVES = 200
"""Pairs of opposite waves; of what is finer than these, the blur of Eq. (1) leaves little."""
STEPS, TRIES = 60, 6
"""Of a fit, and how often one is damped more."""
FARTHEST = 0.3
"""Å, of a step, along each axis."""
UNEVEN = 1e-3
"""Deviation of a density over its mean, at least; what is the same everywhere repeats in every way."""
WELL = 3e-4
"""Error of a density that is as good as none."""
LEAST_WEIGHT, LEAST_PEAK = 0.4, 0.3
"""Atomic numbers, of an atom, and of a peak where one is looked for."""
NEAREST = 0.6
"""Å; atoms that come nearer are one."""
BETTER, MUCH = 0.92, 0.3
"""What one more atom may leave of the error, or it is none; and an error of so many atoms that a fit has to wait."""
ATOMS = 24
"""That are added at most."""
SHARP, SPACING = 0.55, 0.3
"""Å, width of atoms in a difference map, and between its points."""
SURE = 0.02
"""Å, standard deviation along an axis of what was solved."""


class Factors(NamedTuple):
    """What a density that repeats is made of."""

    lattice: np.ndarray
    """[3, 3] Å."""
    waves: np.ndarray
    """[K, 3] G in 1/Å, one of each pair."""
    values: np.ndarray
    """[K] complex F, with x from the cube's middle."""
    total: float
    """F of G = 0: the atomic numbers of a cell together."""

    @property
    def blur(self) -> np.ndarray:
        """[K], what the Gaussians of Eq. (1) leave of each wave, σ = 1 Å."""
        return np.exp(-(self.waves**2).sum(axis=1) / 2)


class Points(NamedTuple):
    """Positions [S, 3], Å from the cube's middle, and weights [S], which are atomic numbers if all is well."""

    positions: np.ndarray
    weights: np.ndarray


@torch.no_grad()
def factors_of(density: Tensor, grid: Grid) -> Factors | None:
    """Lattice and structure factors of a density [n, n, n]; None where it does not repeat exactly inside the cube."""
    average = density.double().mean()
    if grid != DEFAULT_GRID or density.double().std() <= UNEVEN * average.abs():
        return None
    periods, fit = _periods(), StructureFactors(WAVES)  # which holds the waves that are chosen
    relative = (density / average)[None].float()
    lattice = periods(relative).double()
    if lattice.norm(dim=2).max() >= grid.length:
        return None
    reciprocal = torch.linalg.inv(lattice).transpose(1, 2)
    fit.choose(reciprocal)
    mean, cosines, sines = fit.fit(relative, reciprocal)
    total = float(mean * average * torch.linalg.det(lattice))
    values = total * (cosines - 1j * sines)[0].numpy()
    return Factors(lattice[0].numpy(), fit.waves(reciprocal)[0].numpy(), values, total)


@cache
def _periods() -> Periods:
    return Periods(DEFAULT_GRID.n)


def solve(factors: Factors, cell: Cell, grid: Grid) -> Cell:
    """The cell that explains the factors, to begin with from one of the same lattice, perhaps without any atom."""
    middle = grid.length / 2
    atoms, error = _fit(factors, Points(cell.positions - middle, cell.numbers.astype(float)))
    for _ in range(ATOMS):
        tidy = _tidied(factors, atoms)
        if len(tidy.weights) < len(atoms.weights):
            atoms, error = _fit(factors, tidy)
        peak = _peak(factors, atoms)
        if error < WELL or peak is None:
            break
        more = Points(*map(np.concatenate, zip(atoms, peak, strict=True)))
        if error > MUCH:
            atoms, error = more, float(np.linalg.norm(_left(factors, more)))
            continue
        more, less_error = _fit(factors, more)
        if less_error > BETTER * error:
            break
        atoms, error = more, less_error
    atoms, _ = _fit(factors, atoms)
    numbers = atoms.weights.round().astype(int).clip(1, MAX_Z)
    votes, spread = np.eye(MAX_Z + 1)[numbers], np.full(len(numbers), SURE)
    return Cell(factors.lattice, atoms.positions + middle, votes, spread, cell.explained)


def _fit(factors: Factors, atoms: Points) -> tuple[Points, float]:
    """Positions and weights that explain the factors best, and the error of the density that is left, over its mean."""
    (positions, weights), damping = atoms, 1e-3
    left = _left(factors, atoms)
    for _ in range(STEPS if len(weights) else 0):
        slopes = _slopes(factors, Points(positions, weights))
        squares, towards = slopes.T @ slopes, -slopes.T @ left
        before = left @ left
        for _ in range(TRIES):
            step = np.linalg.solve(squares + damping * np.diag(np.diag(squares) + 1e-12), towards)
            moved = positions + step[: positions.size].reshape(-1, 3).clip(-FARTHEST, FARTHEST)
            tried = Points(moved, weights + step[positions.size :])
            less = _left(factors, tried)
            if less @ less < before:
                (positions, weights), left, damping = tried, less, max(damping / 5, 1e-9)
                break
            damping *= 5
        if before - left @ left < 1e-9 * before:
            break
    return Points(positions, weights), float(np.linalg.norm(left))


def _left(factors: Factors, atoms: Points) -> np.ndarray:
    """[2K + 1] what atoms leave of the factors, as waves of the density over its mean; the last is of G = 0."""
    left = np.sqrt(2) * factors.blur * _rest(factors, atoms)
    return np.concatenate([left.real, left.imag, [factors.total - atoms.weights.sum()]]) / factors.total


def _rest(factors: Factors, atoms: Points) -> np.ndarray:
    """[K] F without that of the atoms."""
    return factors.values - np.exp(-1j * factors.waves @ atoms.positions.T) @ atoms.weights


def _slopes(factors: Factors, atoms: Points) -> np.ndarray:
    """[2K + 1, 4S] derivatives of `_left` by positions, then weights."""
    waves = np.sqrt(2) * factors.blur[:, None] * np.exp(-1j * factors.waves @ atoms.positions.T)
    by_position = 1j * (waves * atoms.weights)[:, :, None] * factors.waves[:, None]
    slopes = np.hstack([by_position.reshape(len(waves), -1), -waves])
    last = np.append(np.zeros(atoms.positions.size), -np.ones(len(atoms.weights)))
    return np.vstack([slopes.real, slopes.imag, last]) / factors.total


def _tidied(factors: Factors, atoms: Points) -> Points:
    """Without those that weigh nothing, and the two that are nearest to each other made one if that is too near."""
    positions, weights = (values[atoms.weights > LEAST_WEIGHT] for values in atoms)
    away = (positions[:, None] - positions) @ np.linalg.inv(factors.lattice)
    distance = np.linalg.norm((away - np.rint(away)) @ factors.lattice, axis=2) + 9.0 * np.eye(len(weights))
    if distance.min(initial=np.inf) >= NEAREST:
        return Points(positions, weights)
    one, other = np.unravel_index(distance.argmin(), distance.shape)
    weights[one] += weights[other]
    return Points(np.delete(positions, other, axis=0), np.delete(weights, other))


def _peak(factors: Factors, atoms: Points) -> Points | None:
    """The highest peak of the difference map as an atom, or None where there is no peak that could be one."""
    counts = np.ceil(np.linalg.norm(factors.lattice, axis=1) / SPACING).astype(int).clip(4)
    steps = np.meshgrid(*(np.arange(count) / count for count in counts), indexing="ij")
    points = np.stack(steps, axis=-1).reshape(-1, 3) @ factors.lattice
    sharp = np.exp(-(SHARP**2) / 2 * (factors.waves**2).sum(axis=1))
    rest = sharp * _rest(factors, atoms)
    phase = points @ factors.waves.T
    heights = factors.total - atoms.weights.sum() + 2 * (np.cos(phase) @ rest.real - np.sin(phase) @ rest.imag)
    highest = heights.argmax()
    weight = heights[highest] / (1 + 2 * sharp.sum())
    return Points(points[[highest]], np.array([max(weight, 1.0)])) if weight > LEAST_PEAK else None
