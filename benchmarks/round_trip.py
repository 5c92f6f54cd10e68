"""The errors of atoms that are found in true densities and labels of crystals, and of the same atoms fitted.

Atoms count that are 1 Å or more from every face of their cube and 1.35 Å or more from each other.
"""

import numpy as np
import torch
import tyro

from crystalgrid import Grid, find_atoms, fit_atoms
from crystalgrid.data.cubes import training_cubes
from crystalgrid.data.load import load_crystals
from crystalgrid.progress import progress
from crystalgrid.report.metrics import TrueAtoms, true_atoms

DEPTH, APART = 1.0, 1.35
"""Å, the least distances to a face and to another atom; labels of nearer atoms may merge."""
BATCH = 50


def errors(true: TrueAtoms, found: torch.Tensor, grid: Grid) -> np.ndarray:
    """Return the distance in Å from each of the true atoms that count to the nearest found atom."""
    apart = np.linalg.norm(true.positions[:, None] - true.positions, axis=2)
    np.fill_diagonal(apart, np.inf)
    counts = (true.depth(grid.length) >= DEPTH) & (apart.min(axis=1, initial=np.inf) >= APART)
    return np.linalg.norm(true.positions[counts][:, None] - found.numpy(), axis=2).min(axis=1, initial=np.inf)


def round_trip(data: str, crystals: int = 1000, seed: int = 0) -> None:
    """Print the median, other percentiles and the worst of the errors, and how many are over 0.1 Å.

    Args:
        data: "prototypes", a Parquet file, or a folder.
        crystals: number of crystals, one cube of each.
        seed: the seed of their choice and of the cubes' origins.
    """
    all_crystals, grid = load_crystals(data), Grid()
    chosen = np.random.default_rng(seed).choice(len(all_crystals), min(crystals, len(all_crystals)), replace=False)
    measured: dict[str, list[np.ndarray]] = {"labels": [], "fitted": []}
    for part in progress(np.array_split(chosen, max(1, len(chosen) // BATCH)), "round trips"):
        cubes = training_cubes(all_crystals, "repeated", grid, seed, 0, part)
        density = cubes.density(grid)
        found = find_atoms(cubes.species(grid), density, grid)
        for how, atoms in (("labels", found), ("fitted", fit_atoms(found, density, grid))):
            cut = atoms.positions.split(atoms.offsets.diff().tolist())
            measured[how] += [errors(true, p, grid) for true, p in zip(true_atoms(cubes, grid), cut, strict=True)]
    print(f"{len(chosen)} crystals, seed {seed}; Å")
    print("| | atoms | median | 90 % | 99.9 % | worst | over 0.1 Å |\n|---|--:|--:|--:|--:|--:|--:|")
    for how, parts in measured.items():
        distances = np.concatenate(parts)
        row = [f"{np.quantile(distances, q):.4f}" for q in (0.5, 0.9, 0.999, 1)]
        print(f"| {how} | {len(distances):,} | {' | '.join(row)} | {(distances > 0.1).sum()} |")


if __name__ == "__main__":
    tyro.cli(round_trip)
