"""Recover: from the atoms in a cube of a periodic crystal to the crystal, its lattice and the atoms of one cell.

Atoms are found one by one, and each is a little off. But translations of the lattice bring them onto one another: that
gives the lattice, and the atoms of one cell as means over all their images. A density that is exact shows by itself how
it repeats, and of what (`solve`). Then lattice, atoms and their weights, a
few dozen unknowns, are fitted to all voxels of the density: to where Eq. (1) explains it best.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .atoms import Atoms, check_atoms
from .boundary import a_tensor, checked
from .crystal import MAX_Z, Crystal, CrystalBatch
from .density import voxelize
from .errors import InputError
from .geometry.cell_search import Cell, cell_of, cells, explained
from .geometry.structure_solution import factors_of, solve
from .grid import DEFAULT_GRID, Grid

LESS_EXPLAINED = 0.03
"""What a smaller cell may explain less than another."""
WORSE, WORSE_BY = 1.25, 0.003
"""Errors of the density that a smaller cell may have more than another: times, and by."""
ROUNDS, STEPS = 4, 30
"""Of the fit to the density, and in each of them."""
SPREAD = 0.02
"""Å, least standard deviation along an axis of the means over images that the fit begins at."""
EXACT = 1e-10
"""Relative squared error that is that of arithmetic."""
EXPLAINS = 0.002
"""Error of the density with which nothing else is tried."""
UNSURE, UNSURE_SHARE = 0.2, 0.002
"""How far off fitted weights are: absolutely, and as a share of them."""
UNSEEN = 0.02
"""Votes, as a share, of a species that nothing voted for."""
CPU = torch.device("cpu")


class Recovered(NamedTuple):
    """A crystal, and how well it accounts for what was found in the cube."""

    crystal: Crystal
    """Its origin is the cube's corner: `voxelize([crystal], grid)` is what is in the cube."""
    explained: float
    """Atoms of the cube that the crystal has, with their species, over all that were found or should have been."""
    error: float | None
    """Relative L2 difference of the cube's density and the crystal's; None without density."""


def recover(atoms: Atoms, density: Tensor | None = None, grid: Grid = DEFAULT_GRID) -> list[Recovered | None]:
    """The crystal in each of B cubes, or None where no lattice is found: in repeated mode, from what decodes to atoms.

    atoms: of B cubes, as `find_atoms` gives them.
    density: float [B, n, n, n], 1/Å³, that the atoms were found in. With it lattice, positions and species are fitted
        to where Eq. (1) explains it best, which corrects most species that labels have wrong.

    The cell is the smallest one that explains the atoms. A lattice shows only where the cube holds some atoms together
    with their images along all three of its vectors: up to about 8 Å; or, in the default grid, where the density is
    exact enough to show how it repeats, to about 9.5 Å. On the CPU, a cube at a time.

    Raises InputError for shapes, types or values that do not fit.
    """
    if not isinstance(grid, Grid):
        raise InputError(f"grid: wanted a Grid, got {type(grid).__name__}")
    count = check_atoms(atoms)
    if density is not None:
        a_tensor("density", density)
        density = checked("density", density.detach().cpu(), (count, *3 * (grid.n,)), torch.float32, CPU)
    with torch.inference_mode(False):  # the fit needs gradients
        return [_recover(*atoms.cube(b), None if density is None else density[b].clone(), grid) for b in range(count)]


def _recover(positions: np.ndarray, numbers: np.ndarray, density: Tensor | None, grid: Grid) -> Recovered | None:
    if density is None:
        found = cells(positions, numbers, grid.length)
        best = max((cell.explained for cell in found), default=0.0)
        chosen = next((cell for cell in found if cell.explained > best - LESS_EXPLAINED), None)
        return chosen and Recovered(_crystal(chosen.lattice, chosen.positions, chosen.numbers), chosen.explained, None)
    fits = []
    for cell in _candidates(positions, numbers, density, grid):
        crystal, error = _fit(cell, density, grid)
        fits.append((cell.volume, crystal, error))
        if error < EXPLAINS:
            break
    least = min((error for _, _, error in fits), default=math.inf)
    for _, crystal, error in sorted(fits, key=lambda fit: fit[0]):
        if error <= WORSE * least + WORSE_BY:
            return Recovered(crystal, explained(positions, numbers, crystal, grid.length), error)
    return None


def _candidates(positions: np.ndarray, numbers: np.ndarray, density: Tensor, grid: Grid) -> Iterator[Cell]:
    """Cells to fit: first what an exact density gives by itself, then those that the atoms may be of."""
    factors = factors_of(density, grid)
    if factors is not None:
        solved = solve(factors, cell_of(positions, numbers, factors.lattice, grid.length), grid)
        if len(solved.positions):
            yield solved
    yield from cells(positions, numbers, grid.length)


def _fit(cell: Cell, density: Tensor, grid: Grid) -> tuple[Crystal, float]:
    """Lattice, positions and weights where Eq. (1) and the atoms' images together make them likeliest, and the error.

    How good the density is need not be told: each round takes what the one before left of it for its errors. So a true
    density is followed to the end, and one with errors less than the means over many images.
    """
    count, size = len(cell.positions), density.double().square().sum().clamp_min(1e-12)
    lattice, positions = (torch.tensor(values, requires_grad=True) for values in (cell.lattice, cell.positions))
    begun = torch.cat([lattice, positions]).detach()
    spread = torch.from_numpy(np.append(np.full(3, cell.spread.min()), cell.spread)).clamp_min(SPREAD)[:, None]
    scale = torch.tensor(cell.numbers, dtype=torch.float64)
    relative = torch.ones(count, dtype=torch.float64, requires_grad=True)
    offsets = torch.tensor([0, count])

    def left() -> Tensor:
        batch = CrystalBatch(lattice[None], positions @ torch.linalg.inv(lattice), scale.long(), offsets)
        return (voxelize(batch, grid, weights=scale * relative, threads=1)[0] - density) / size.sqrt()

    def unlikelihood() -> Tensor:
        optimizer.zero_grad()
        moved = (torch.cat([lattice, positions]) - begun) / spread
        value = 0.5 * (independent * left().square().sum() / error + moved.square().sum())
        value.backward()
        return value.detach()

    try:
        for _ in range(ROUNDS):
            before = left().detach()
            error, independent = before.square().sum() + EXACT, _independent(before)
            unknowns = [lattice, positions, relative]
            optimizer = torch.optim.LBFGS(unknowns, max_iter=STEPS, line_search_fn="strong_wolfe")
            with torch.enable_grad():
                optimizer.step(unlikelihood)
        least = float(left().detach().norm())
    except InputError:  # a lattice that collapses: this density is of no such crystal
        return _crystal(cell.lattice, cell.positions, cell.numbers), math.inf
    weights = (scale * relative.detach()).numpy()
    numbers = _species(cell.votes, weights)
    return _crystal(lattice.detach().numpy(), positions.detach().numpy(), numbers), least


def _independent(errors: Tensor) -> Tensor:
    """How many independent numbers errors [n, n, n] are made of: half of n³ if they are white, fewer if smooth."""
    power = torch.fft.fftn(errors).abs().square()
    return power.sum().square() / power.square().sum().clamp_min(torch.finfo(power.dtype).tiny)


def _species(votes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """[S] the likeliest species, of what was voted [S, MAX_Z + 1] and of the fitted weights [S], that are nearly Z."""
    off = (np.arange(MAX_Z + 1) - weights[:, None]) / (UNSURE + UNSURE_SHARE * np.abs(weights[:, None]))
    likelihood = np.log(votes + UNSEEN) - 0.5 * off**2
    return likelihood[:, 1:].argmax(axis=1) + 1


def _crystal(lattice: np.ndarray, positions: np.ndarray, numbers: np.ndarray) -> Crystal:
    return Crystal(lattice, positions @ np.linalg.inv(lattice) % 1.0, numbers)
