"""The pictures of densities, of the atoms in cubes and of loss curves."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..atoms import Atoms
from ..crystal import Crystal
from ..data.reader import open_jobs, parse
from ..data.results import Skipped, nothing_kept
from ..data.sampled import DENSITY, SAMPLES, as_atoms, open_sampled
from ..data.sources import find_files, of_known_format
from ..errors import InputError
from ..files import replaced_note
from ..grid import Grid
from .crystal_picture import draw_crystals
from .metrics import MATCH, TrueAtoms
from .panels import canvas, check_picture, density_bar, draw_atoms, draw_slice, element_legend, highest_plane, save

MOST_SAMPLES = 5
"""The most structures of a sampled folder that are drawn, side by side."""
CRYSTALS = ("crystals.xyz", "crystals.parquet")
"""The files of crystals in folders that commands write."""
LOSSES = {
    "loss": "loss", "reconstruction": "mean squared error", "segmentation": "cross entropy",
    "kl": "KL divergence, nats",
}  # fmt: skip
"""The columns of a run's metrics.csv and their axis labels."""


def densities(path: Path | str, density: Tensor, decoded: Tensor, grid: Grid | None = None) -> None:
    """Draw true over decoded densities [B, n, n, n], one column per cube, in the plane of the highest true density."""
    grid = grid or Grid()
    figure, panels = canvas(2, len(density))
    for column, (true_cube, decoded_cube) in enumerate(zip(density, decoded, strict=True)):
        plane, highest = highest_plane(true_cube)
        axes = [figure.add_subplot(panels[row, column]) for row in (0, 1)]
        draw_slice(axes[0], true_cube[..., plane], grid, highest, f"true, {_height(plane, grid)}")
        image = draw_slice(axes[1], decoded_cube[..., plane], grid, highest, "decoded")
        density_bar(figure, image, axes)
    save(figure, path)


def reconstructions(
    path: Path | str,
    density: Tensor,
    decoded: Tensor,
    true: Sequence[TrueAtoms],
    found: Atoms,
    grid: Grid,
    chosen: Sequence[int],
) -> None:
    """Draw a row for each chosen cube: true and decoded density, their difference, and true and found atoms.

    density and decoded: [B, n, n, n], drawn in the plane of the highest true density; true and found: atoms of the
    same B cubes.
    """
    figure, panels = canvas(len(chosen), 4)
    for row, b in enumerate(chosen):
        plane, highest = highest_plane(density[b])
        axes = [figure.add_subplot(panels[row, column]) for column in range(3)]
        draw_slice(axes[0], density[b][..., plane], grid, highest, f"true, {_height(plane, grid)}")
        image = draw_slice(axes[1], decoded[b][..., plane], grid, highest, "decoded")
        density_bar(figure, image, axes[:2])
        difference = (decoded[b] - density[b])[..., plane]
        largest = max(float(difference.abs().max()), 1e-6)
        density_bar(figure, draw_slice(axes[2], difference, grid, largest, "decoded − true", "RdBu_r"), axes[2:])
        nearby = true[b].depth(grid.length) >= -MATCH  # atoms just outside explain those found at a face
        axis = figure.add_subplot(panels[row, 3], projection="3d")
        draw_atoms(axis, found.cube(b), grid, (true[b].positions[nearby], true[b].numbers[nearby]))
        axis.set_title("found (discs), true (rings,\nto 0.5 Å outside)", fontsize=9)
    drawn = [*(true[b].numbers for b in chosen), *(found.cube(b)[1] for b in chosen)]
    element_legend(figure, np.concatenate(drawn))
    save(figure, path)


def samples(path: Path | str, density: Tensor, atoms: Atoms, grid: Grid, columns: int = 4) -> None:
    """Draw the first of the sampled densities [B, n, n, n] over the atoms found in them, a column for each."""
    columns = min(columns, len(density))
    figure, panels = canvas(2, columns)
    for column in range(columns):
        plane, highest = highest_plane(density[column])
        axis = figure.add_subplot(panels[0, column])
        title = f"sample {column}, {_height(plane, grid)}"
        density_bar(figure, draw_slice(axis, density[column][..., plane], grid, highest, title), [axis])
        positions, numbers = atoms.cube(column)
        axis_3d = figure.add_subplot(panels[1, column], projection="3d")
        draw_atoms(axis_3d, (positions, numbers), grid)
        axis_3d.set_title(f"{len(numbers)} atoms", fontsize=9)
    element_legend(figure, np.concatenate([atoms.cube(column)[1] for column in range(columns)]))
    save(figure, path)


def draw_source(source: Path, path: Path, first: int, symprec: float) -> None:
    """Draw the first cubes of a sampled folder, or else the first crystals of a file or folder of crystals."""
    replaced = replaced_note(check_picture(path))
    if (source / SAMPLES).is_file():
        drawn, what = draw_samples(source, path, min(first, MOST_SAMPLES)), "structure"
    else:
        tables = [source / name for name in CRYSTALS if (source / name).is_file()]
        crystals = first_crystals(tables[0] if tables else source, first)
        draw_crystals(crystals, path, symprec)
        drawn, what = len(crystals), "crystal"
    counted = f"{drawn} {what}s" if drawn > 1 else what
    print(f"{path}: the first {counted} of {source}{replaced}")


def first_crystals(path: Path, count: int) -> list[Crystal]:
    """Return the first crystals of a file or folder that can be read; raise InputError if there is none."""
    crystals: list[Crystal] = []
    skipped: list[Skipped] = []
    for job in open_jobs(of_known_format(find_files(path))):
        result = parse(job)
        crystals += result.crystals
        skipped += result.skipped
        if len(crystals) >= count:
            break
    if not crystals:
        raise InputError(nothing_kept(str(path), skipped))
    return crystals[:count]


def draw_samples(folder: Path, path: Path, first: int) -> int:
    """Draw the first structures of a folder that `crystalgrid-sample --save-density` wrote; return their number."""
    sampled = open_sampled(folder, first)
    if sampled.density is None:
        raise InputError(
            f"{folder / DENSITY}: no such file; wanted a folder that crystalgrid-sample --save-density wrote"
        )
    structures = list(sampled.structures())
    density = torch.stack([torch.from_numpy(structure.density) for structure in structures])
    samples(path, density, as_atoms(structures), sampled.grid, first)
    return len(structures)


def losses(path: Path | str, metrics: Path) -> None:
    """Draw the loss curves in a run's metrics.csv, for training and validation, on logarithmic scales."""
    with metrics.open(newline="") as file:
        rows = list(csv.DictReader(file))
    labels = {name: label for name, label in LOSSES.items() if any(row.get(name) for row in rows)}
    figure, panels = canvas(1, max(1, len(labels)))
    for column, (name, label) in enumerate(labels.items()):
        axis = figure.add_subplot(panels[0, column])
        for key, legend, marker in ((name, "training", ""), (f"val_{name}", "validation", ".")):
            points = [(int(row["step"]), float(row[key])) for row in rows if row.get(key)]
            if points:
                axis.plot(*zip(*points, strict=True), label=legend, linewidth=1.2, marker=marker)
        axis.set(xlabel="step", ylabel=label, yscale="log")
        axis.legend(frameon=False, fontsize=8)
    save(figure, path)


def _height(plane: int, grid: Grid) -> str:
    """Return the height of a plane of voxels in words."""
    return f"height {(plane + 0.5) * grid.spacing:.1f} Å"
