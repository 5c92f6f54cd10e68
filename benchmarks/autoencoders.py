"""Densities through the autoencoders of the recipes before any training: principal components, lattices, atoms."""

import time

import numpy as np
import torch
import tyro
from torch import Tensor

from crystalgrid import Grid
from crystalgrid.artifacts.metadata import DataInfo, RunInfo
from crystalgrid.artifacts.recipe import load_recipe
from crystalgrid.data.cubes import Cubes, training_cubes
from crystalgrid.data.load import load_crystals
from crystalgrid.nets.autoencoders.atoms import AtomAutoencoder
from crystalgrid.nets.autoencoders.lattice import LatticeAutoencoder
from crystalgrid.report.metrics import true_atoms
from crystalgrid.training.joint import JointTraining

AT_A_TIME = 16
RECIPES = {"repeated": ("modern", "periodic"), "single": ("modern", "atomic")}
NEAR = 0.01
"""Å, between an atom and where it is found."""


@torch.no_grad()
def autoencoders(data: str, crystals: int = 1024, seed: int = 0) -> None:
    """Print the relative L2 error of densities, and of how many cubes the lattice or all atoms are found.

    A lattice counts as found where its cell has the volume of the crystal's, or of a part of it that repeats.

    Args:
        data: "prototypes", a Parquet file, or a folder.
        crystals: how many of the validation split, one cube of each at a random origin or turned at random.
        seed: of their choice and of where cubes are cut.
    """
    torch.set_num_threads(1)
    for mode, recipes in RECIPES.items():
        loaded, grid = load_crystals(data, mode=mode, grid=Grid()), Grid()
        val = loaded.split("val")
        chosen = np.random.default_rng(seed).permutation(len(val))[:crystals]
        cubes = training_cubes(val, mode, grid, seed, 0, chosen)
        densities = cubes.density(grid).split(AT_A_TIME)
        print(f"{len(chosen)} crystals of {data}, {mode} mode, split val, seed {seed}, one thread")
        print("| recipe | density error, median | 75 % | 90 % | 99 % | mean | ms to encode | ms to decode |")
        print("|---|--:|--:|--:|--:|--:|--:|--:|")
        for name in recipes:
            info = RunInfo(load_recipe(name), mode, grid, DataInfo(data), seed)
            vae = JointTraining(info, loaded.split("train")).net.autoencoder.eval()
            errors, times = [], np.zeros(3)
            for density in densities:
                times[0] = time.perf_counter()
                mu, _ = vae.encode(density)
                times[1] += time.perf_counter() - times[0]
                decoded = vae.decode(mu)
                times[2] += time.perf_counter() - times[0]
                errors.append((decoded - density).flatten(1).norm(dim=1) / density.flatten(1).norm(dim=1))
            error = torch.cat(errors).numpy()
            percents = [f"{value:.2g} %" for value in 100 * np.quantile(error, (0.5, 0.75, 0.9, 0.99))]
            spent = [f"{1e3 * value / len(chosen):.1f}" for value in (times[1], times[2] - times[1])]
            print(f"| {name} | {' | '.join([*percents, f'{100 * error.mean():.2g} %', *spent])} |")
            if isinstance(vae, LatticeAutoencoder):
                print(f"lattices found: {lattices_found(vae, densities, cubes)} of {len(chosen)}")
            if isinstance(vae, AtomAutoencoder):
                print(f"all atoms found: in {cubes_found(vae, densities, cubes)} of {len(chosen)}")


def lattices_found(vae: LatticeAutoencoder, densities: tuple[Tensor, ...], cubes: Cubes) -> int:
    """Return the number of cubes whose lattice is found, up to a whole number of cells."""
    volume = torch.cat([torch.linalg.det(vae.finder(density)) for density in densities]).double()
    parts = torch.linalg.det(cubes.crystals.lattice).abs() / volume
    return int(((parts.round() >= 1) & ((parts / parts.round() - 1).abs() < 0.01)).sum())


def cubes_found(vae: AtomAutoencoder, densities: tuple[Tensor, ...], cubes: Cubes) -> int:
    """Return the number of cubes in which every atom is found, and nothing else."""
    found = (atoms for density in densities for atoms in zip(*vae.pursuit(density), strict=True))
    return sum(
        len(true.numbers) == int((weights > 0).sum())
        and bool((torch.cdist(torch.from_numpy(true.positions), at).min(1).values < NEAR).all())
        for true, (at, weights) in zip(true_atoms(cubes, Grid()), found, strict=True)
    )


if __name__ == "__main__":
    tyro.cli(autoencoders)
