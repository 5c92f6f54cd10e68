"""A picture of how the cost of `voxelize`, `label_species` and `find_atoms` grows."""

import time
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import torch
import tyro

from crystalgrid import Crystal, Grid, find_atoms, label_species, voxelize
from crystalgrid.crystal import CrystalBatch, pack
from crystalgrid.files import written_whole
from crystalgrid.pool import cpu_count

matplotlib.use("Agg")
from matplotlib import pyplot

SIDE = 9.0
"""Å, of the cubic cells that are filled with atoms."""


def crystals(count: int, atoms: int) -> CrystalBatch:
    """Cubic cells with atoms at random."""
    rng = np.random.default_rng(0)
    return pack([Crystal(SIDE * np.eye(3), rng.random((atoms, 3)), rng.integers(1, 95, atoms)) for _ in range(count)])


def milliseconds(work: Callable[[], object], rounds: int = 5) -> float:
    """Fastest of a few."""
    seconds = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return 1e3 * min(seconds[1:])


def stages(batch: CrystalBatch, grid: Grid, threads: int) -> dict[str, float]:
    """Milliseconds of each stage."""
    species, density = label_species(batch, grid), voxelize(batch, grid)
    return {
        "voxelize": milliseconds(lambda: voxelize(batch, grid, threads=threads)),
        "label_species": milliseconds(lambda: label_species(batch, grid, threads=threads)),
        "find_atoms": milliseconds(lambda: find_atoms(species, density, grid, threads=threads)),
    }


def main(out: Path) -> None:
    """Draw cost over batch, atoms per cell, grid size and threads.

    out: the picture, a PNG file.
    """
    torch.set_num_threads(1)
    cores = cpu_count()
    panels = {
        "cubes in the batch": {b: stages(crystals(b, 40), Grid(), 1) for b in (1, 4, 16, 64, 256, 1024)},
        "atoms in the cell": {a: stages(crystals(16, a), Grid(), 1) for a in (1, 4, 16, 64, 128)},
        "voxels along a side": {n: stages(crystals(4, 40), Grid(n=n), 1) for n in (16, 24, 32, 48, 64, 96)},
        "threads": {t: stages(crystals(64, 40), Grid(), t) for t in sorted({1, 2, cores // 2, cores} - {0})},
    }
    figure, axes = pyplot.subplots(1, 4, figsize=(16, 4), layout="constrained")
    for axis, (name, points) in zip(axes, panels.items(), strict=True):
        for stage in ("voxelize", "label_species", "find_atoms"):
            axis.loglog(list(points), [point[stage] for point in points.values()], "o-", label=stage)
        axis.set(xlabel=name, ylabel="milliseconds")
        axis.set_xticks(list(points), map(str, points))
        axis.xaxis.minorticks_off()
        axis.grid(True, alpha=0.3)
    axes[0].legend()
    with written_whole(out) as path:
        figure.savefig(path, dpi=120, format="png")


if __name__ == "__main__":
    tyro.cli(main)
