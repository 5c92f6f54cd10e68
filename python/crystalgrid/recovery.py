"""The recovery of a crystal, its lattice and the atoms of one cell, from the atoms found in a cube of it.

Each atom is found with a small, independent error. The vectors between like atoms give the lattice, and means over
periodic images the atoms of one cell (`geometry.cell_search`). A density that is exact determines lattice and atoms by
itself (`geometry.structure_solution`). Then lattice, positions and weights, a few dozen unknowns, are fitted to all
voxels of the density by Eq. (1).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .atoms import Atoms, check_atoms
from .boundary import a_tensor, checked
from .crystal import MAX_Z, Crystal, CrystalBatch
from .density import voxelize
from .errors import InputError
from .geometry.cell_search import CandidateCell, candidate_cells, cell_with_lattice, share_explained
from .geometry.structure_solution import solve_structure, structure_factors
from .grid import DEFAULT_GRID, Grid

if TYPE_CHECKING:
    from ase import Atoms as AseAtoms
    from pymatgen.core.structure import Structure

LESS_EXPLAINED = 0.03
"""The share of atoms that a smaller cell may explain less than the best and be preferred: one atom in 33."""
ERROR_FACTOR, ERROR_MARGIN = 1.25, 0.003
"""The factor and the margin of the density's error up to which a smaller cell is preferred: least · factor + margin."""
ROUNDS, STEPS = 4, 30
"""The rounds of the fit to the density, each with a new estimate of the error, and the most L-BFGS steps in each."""
LEAST_SPREAD = 0.02
"""The least standard deviation along an axis that is assumed for means over images, in Å."""
ROUNDING_ERROR = 1e-10
"""The squared relative error of a density that comes from float32 arithmetic alone."""
EXPLAINED = 0.002
"""The relative error of the density at which no other cell is tried; exact densities are fitted to below 0.001."""
WEIGHT_ERROR, RELATIVE_WEIGHT_ERROR = 0.2, 0.002
"""The standard deviation of fitted weights, in atomic numbers and as a share of the weight."""
UNSEEN = 0.02
"""The share of votes assumed for a species without any, since all images of an atom may be labelled wrong."""
CPU = torch.device("cpu")


class Recovered(NamedTuple):
    """A recovered crystal, and how well it accounts for the contents of the cube."""

    crystal: Crystal
    """The crystal, its origin at the cube's corner: `voxelize([crystal], grid)` is the density in the cube."""
    explained: float
    """The share of the cube's atoms, found and missing, that the crystal has with their species."""
    error: float | None
    """The relative L2 difference between the densities of the cube and of the crystal; None without density."""

    def to_pymatgen(self) -> Structure:
        """Convert the crystal to a pymatgen Structure."""
        return self.crystal.to_pymatgen()

    def to_ase(self) -> AseAtoms:
        """Convert the crystal to an ASE Atoms, periodic in all three directions."""
        return self.crystal.to_ase()


def recover(atoms: Atoms, density: Tensor | None = None, grid: Grid = DEFAULT_GRID) -> list[Recovered | None]:
    """Return the crystal in each of B cubes of repeated mode, or None where no lattice is found.

    atoms: the atoms of B cubes, as `find_atoms` returns them.
    density: float [B, n, n, n], 1/Å³, in which the atoms were found. With it, lattice, positions and species are fitted
        by Eq. (1), which corrects most species that labels have wrong.

    The cell is the smallest that explains the atoms. A lattice can be found if the cube holds atoms together with
    their images along all three lattice vectors, that is up to about 8 Å; with the default grid, up to about 9.5 Å if
    the density is exact enough to show its period. Cubes are computed one by one on the CPU.

    Raises InputError for wrong shapes, types or values.
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
        cells = candidate_cells(positions, numbers, grid.length)
        best = max((cell.explained for cell in cells), default=0.0)
        smallest = next((cell for cell in cells if cell.explained > best - LESS_EXPLAINED), None)
        return smallest and Recovered(_as_crystal(smallest), smallest.explained, None)
    fits = []
    for cell in _starts(positions, numbers, density, grid):
        crystal, error = _fit(cell, density, grid)
        fits.append((cell.volume, crystal, error))
        if error < EXPLAINED:
            break
    least = min((error for _, _, error in fits), default=math.inf)
    for _, crystal, error in sorted(fits, key=lambda fit: fit[0]):
        if error <= ERROR_FACTOR * least + ERROR_MARGIN:
            return Recovered(crystal, share_explained(positions, numbers, crystal, grid.length), error)
    return None


def _starts(positions: np.ndarray, numbers: np.ndarray, density: Tensor, grid: Grid) -> Iterator[CandidateCell]:
    """Yield the cells that are fitted: first the solution of an exact density, then the candidates from atoms."""
    factors = structure_factors(density, grid)
    if factors is not None:
        start = cell_with_lattice(positions, numbers, factors.lattice, grid.length)
        solved = solve_structure(factors, start, grid)
        if len(solved.positions):
            yield solved
    yield from candidate_cells(positions, numbers, grid.length)


def _fit(cell: CandidateCell, density: Tensor, grid: Grid) -> tuple[Crystal, float]:
    """Return the likeliest crystal near a cell, given the density and the atoms' images, and its error of the density.

    Lattice, positions and weights maximise the posterior probability. The error of the density need not be known: each
    round estimates it from the residuals of the round before. So an exact density
    outweighs the means over many images, and one with errors counts less than they do.
    """
    count, size = len(cell.positions), density.double().square().sum().clamp_min(1e-12)
    lattice, positions = (torch.tensor(values, requires_grad=True) for values in (cell.lattice, cell.positions))
    start = torch.cat([lattice, positions]).detach()
    spread = torch.from_numpy(np.append(np.full(3, cell.spread.min()), cell.spread)).clamp_min(LEAST_SPREAD)[:, None]
    numbers = torch.tensor(cell.numbers, dtype=torch.float64)
    relative_weights = torch.ones(count, dtype=torch.float64, requires_grad=True)
    offsets = torch.tensor([0, count])

    def residuals() -> Tensor:
        batch = CrystalBatch(lattice[None], positions @ torch.linalg.inv(lattice), numbers.long(), offsets)
        return (voxelize(batch, grid, weights=numbers * relative_weights, threads=1)[0] - density) / size.sqrt()

    def negative_log_posterior() -> Tensor:
        optimizer.zero_grad()
        moved = (torch.cat([lattice, positions]) - start) / spread
        value = 0.5 * (independent * residuals().square().sum() / error + moved.square().sum())
        value.backward()
        return value.detach()

    try:
        for _ in range(ROUNDS):
            before = residuals().detach()
            error, independent = before.square().sum() + ROUNDING_ERROR, _independent(before)
            unknowns = [lattice, positions, relative_weights]
            optimizer = torch.optim.LBFGS(unknowns, max_iter=STEPS, line_search_fn="strong_wolfe")
            with torch.enable_grad():
                optimizer.step(negative_log_posterior)
        final_error = float(residuals().detach().norm())
    except InputError:  # the lattice collapsed: no crystal near this cell has such a density
        return _as_crystal(cell), math.inf
    weights = (numbers * relative_weights.detach()).numpy()
    species = _likeliest_species(cell.votes, weights)
    return _crystal(lattice.detach().numpy(), positions.detach().numpy(), species), final_error


def _independent(errors: Tensor) -> Tensor:
    """Return the number of independent values in errors [n, n, n]: n³ / 2 if they are white, fewer if smooth."""
    power = torch.fft.fftn(errors).abs().square()
    count: Tensor = power.sum().square() / power.square().sum().clamp_min(torch.finfo(power.dtype).tiny)
    return count


def _likeliest_species(votes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the likeliest atomic numbers [S], given shares of votes [S, MAX_Z + 1] and fitted weights [S]."""
    deviation = WEIGHT_ERROR + RELATIVE_WEIGHT_ERROR * np.abs(weights[:, None])
    difference = (np.arange(MAX_Z + 1) - weights[:, None]) / deviation
    log_likelihood = np.log(votes + UNSEEN) - 0.5 * difference**2
    numbers: np.ndarray = log_likelihood[:, 1:].argmax(axis=1) + 1
    return numbers


def _as_crystal(cell: CandidateCell) -> Crystal:
    return _crystal(cell.lattice, cell.positions, cell.numbers)


def _crystal(lattice: np.ndarray, positions: np.ndarray, numbers: np.ndarray) -> Crystal:
    return Crystal(lattice, positions @ np.linalg.inv(lattice) % 1.0, numbers)
