"""Densities through the autoencoders of two recipes before any training: principal components and lattices."""

import time

import numpy as np
import torch
import tyro

from crystalgrid import Grid
from crystalgrid.cubes import training_cubes
from crystalgrid.data import load
from crystalgrid.nets import LatticeVAE
from crystalgrid.recipe import load_recipe
from crystalgrid.training import Training

AT_A_TIME = 32


@torch.no_grad()
def autoencoders(data: str, crystals: int = 1024, seed: int = 0) -> None:
    """Print the relative L2 error of densities, and of how many cubes the lattice is found.

    A lattice counts as found where its cell has the volume of the crystal's, or of a part of it that repeats.

    Args:
        data: "prototypes", a Parquet file, or a folder.
        crystals: how many of the validation split, one cube of each at a random origin.
        seed: of their choice and of where cubes are cut.
    """
    torch.set_num_threads(1)
    loaded, grid = load(data, mode="repeated"), Grid()
    val = loaded.split("val")
    chosen = np.random.default_rng(seed).permutation(len(val))[:crystals]
    cubes = training_cubes(val, "repeated", grid, seed, 0, chosen)
    densities = cubes.density(grid).split(AT_A_TIME)
    print(f"{len(chosen)} crystals of {data}, split val, seed {seed}, one thread")
    print("| recipe | density error, median | 75 % | 90 % | 99 % | mean | ms to encode | ms to decode |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for name in ("modern", "periodic"):
        about = {"seed": seed, "mode": "repeated"}
        vae = Training(load_recipe(name), loaded.split("train"), grid, about).net.vae.eval()
        errors, times = [], np.zeros(3)
        for density in densities:
            times[0] = time.perf_counter()
            mu, _ = vae.encode(density)
            times[1] += time.perf_counter() - times[0]
            decoded = vae.decode(mu)
            times[2] += time.perf_counter() - times[0]
            errors.append((decoded - density).flatten(1).norm(dim=1) / density.flatten(1).norm(dim=1))
        error = torch.cat(errors).numpy()
        percents = [f"{value:.3%}" for value in (*np.quantile(error, (0.5, 0.75, 0.9, 0.99)), error.mean())]
        spent = [f"{1e3 * value / len(chosen):.1f}" for value in (times[1], times[2] - times[1])]
        print(f"| {name} | {' | '.join(percents + spent)} |")
        if isinstance(vae, LatticeVAE):
            volume = torch.cat([torch.linalg.det(vae.periods(density)) for density in densities]).double()
            parts = torch.linalg.det(cubes.crystals.lattice).abs() / volume
            found = (parts.round() >= 1) & ((parts / parts.round() - 1).abs() < 0.01)
            print(f"lattices found: {int(found.sum())} of {len(found)}")


if __name__ == "__main__":
    tyro.cli(autoencoders)
