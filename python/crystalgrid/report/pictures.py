"""The pictures of densities, atoms, crystals and loss curves, as PNG files."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..atoms import Atoms
from ..crystal import Crystal
from ..data.sampled import DENSITY, as_atoms, open_sampled
from ..errors import InputError
from ..geometry.images import translations_into
from ..grid import Grid
from .metrics import MATCH, TrueAtoms
from .panels import canvas, density_bar, draw_atoms, draw_cell, draw_slice, element_bar, highest_plane, save

N_SAMPLES = 5
"""The number of structures of a sampled folder that are drawn."""
ON_A_FACE = 0.03
"""The fractional distance from a face of the cell at which an atom is drawn on it and on the opposite face."""
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
    element_bar(figure, panels)
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
    element_bar(figure, panels)
    save(figure, path)


def draw_samples(folder: Path, path: Path) -> None:
    """Draw the first structures of a folder that `crystalgrid-sample --save-density` wrote."""
    sampled = open_sampled(folder, N_SAMPLES)
    if sampled.density is None:
        raise InputError(
            f"{folder / DENSITY}: no such file; wanted a folder that crystalgrid-sample --save-density wrote"
        )
    structures = list(sampled.structures())
    density = torch.stack([torch.from_numpy(structure.density) for structure in structures])
    samples(path, density, as_atoms(structures), sampled.grid, N_SAMPLES)
    print(f"{path}: the first {len(structures)} structures of {folder}")


def crystals(
    path: Path | str,
    atoms: Sequence[tuple[np.ndarray, np.ndarray]],
    recovered: Sequence[Crystal],
    titles: Sequence[str],
    grid: Grid,
) -> None:
    """Draw the atoms of cubes, positions and numbers of each, over the unit cells of the crystals recovered from them.

    In the cube, the cell nearest to its middle is outlined; below, that cell is drawn with all atoms on its faces.
    """
    figure, panels = canvas(2, len(recovered))
    middle = np.full(3, grid.length / 2)
    for column, (atoms_of_cube, crystal, title) in enumerate(zip(atoms, recovered, titles, strict=True)):
        corner = np.rint(middle @ np.linalg.inv(crystal.lattice) - 0.5) @ crystal.lattice
        axis = figure.add_subplot(panels[0, column], projection="3d")
        draw_atoms(axis, atoms_of_cube, grid)
        draw_cell(axis, corner, crystal.lattice)
        axis.set_title(f"{len(atoms_of_cube[1])} atoms in the cube", fontsize=9)
        corner = middle - 0.5 * crystal.lattice.sum(axis=0)
        axis = figure.add_subplot(panels[1, column], projection="3d")
        draw_atoms(axis, _whole_cell(crystal, corner), grid)
        draw_cell(axis, corner, crystal.lattice)
        axis.set_title(title, fontsize=9)
    element_bar(figure, panels)
    save(figure, path)


def _whole_cell(crystal: Crystal, corner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return positions and numbers of the atoms of a unit cell at `corner`, on all of its faces too."""
    corners = np.array(list(itertools.product((-ON_A_FACE, 1 + ON_A_FACE), repeat=3)))
    steps = translations_into(corners, crystal.frac_coords)
    frac_coords = (crystal.frac_coords + steps[:, None]).reshape(-1, 3)
    inside = ((frac_coords > -ON_A_FACE) & (frac_coords < 1 + ON_A_FACE)).all(axis=1)
    return corner + frac_coords[inside] @ crystal.lattice, np.tile(crystal.numbers, len(steps))[inside]


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
    return f"z = {(plane + 0.5) * grid.spacing:.1f} Å"
