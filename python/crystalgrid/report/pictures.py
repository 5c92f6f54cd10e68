"""Pictures: densities, atoms, and loss curves. matplotlib is imported when the first is drawn."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from ..atoms import Atoms
from ..crystal import Crystal
from ..data.sampled import DENSITY, read_library
from ..errors import InputError
from ..geometry.images import translations_into
from ..grid import Grid
from .metrics import MATCH, TrueAtoms
from .panels import canvas, density_bar, draw_atoms, draw_cell, draw_slice, element_bar, highest_plane, save

SAMPLES_DRAWN = 5
ON_A_FACE = 0.03
"""Of a cell; atoms so near to a face are drawn on it, and on the one across."""


def densities(path: Path | str, density: Tensor, decoded: Tensor, grid: Grid | None = None) -> None:
    """True over decoded densities [B, n, n, n], one column per cube, in the plane of its highest true density."""
    grid = grid or Grid()
    figure, cells = canvas(2, len(density))
    for column, (true, seen) in enumerate(zip(density, decoded, strict=True)):
        plane, highest = highest_plane(true)
        axes = [figure.add_subplot(cells[row, column]) for row in (0, 1)]
        draw_slice(axes[0], true[..., plane], grid, highest, f"true, z = {(plane + 0.5) * grid.spacing:.1f} Å")
        image = draw_slice(axes[1], seen[..., plane], grid, highest, "decoded")
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
    """One row per chosen cube: true and decoded density in the plane of the highest, their difference, and the atoms.

    density and decoded: [B, n, n, n]; true and found: the atoms of these cubes.
    """
    figure, cells = canvas(len(chosen), 4)
    for row, b in enumerate(chosen):
        plane, highest = highest_plane(density[b])
        axes = [figure.add_subplot(cells[row, column]) for column in range(3)]
        draw_slice(axes[0], density[b][..., plane], grid, highest, f"true, z = {(plane + 0.5) * grid.spacing:.1f} Å")
        image = draw_slice(axes[1], decoded[b][..., plane], grid, highest, "decoded")
        density_bar(figure, image, axes[:2])
        difference = (decoded[b] - density[b])[..., plane]
        largest = max(float(difference.abs().max()), 1e-6)
        density_bar(figure, draw_slice(axes[2], difference, grid, largest, "decoded − true", "RdBu_r"), axes[2:])
        inside = true[b].depth(grid.length) >= -MATCH  # those just outside are found by what reaches in
        solid = figure.add_subplot(cells[row, 3], projection="3d")
        draw_atoms(solid, found.cube(b), grid, (true[b].positions[inside], true[b].numbers[inside]))
        solid.set_title("found (discs), true (rings,\nto 0.5 Å outside)", fontsize=9)
    element_bar(figure, cells)
    save(figure, path)


def samples(path: Path | str, density: Tensor, atoms: Atoms, grid: Grid, columns: int = 4) -> None:
    """Decoded densities [B, n, n, n] of random latent vectors over the atoms found in them; the first few."""
    columns = min(columns, len(density))
    figure, cells = canvas(2, columns)
    for column in range(columns):
        plane, highest = highest_plane(density[column])
        axis = figure.add_subplot(cells[0, column])
        title = f"sample {column}, z = {(plane + 0.5) * grid.spacing:.1f} Å"
        density_bar(figure, draw_slice(axis, density[column][..., plane], grid, highest, title), [axis])
        positions, numbers = atoms.cube(column)
        solid = figure.add_subplot(cells[1, column], projection="3d")
        draw_atoms(solid, (positions, numbers), grid)
        solid.set_title(f"{len(numbers)} atoms", fontsize=9)
    element_bar(figure, cells)
    save(figure, path)


def crystals(
    path: Path | str, found: Sequence[tuple], cells: Sequence[Crystal], titles: Sequence[str], grid: Grid
) -> None:
    """Atoms found in cubes (positions and numbers of each) over the crystals recovered from them, a cell of each.

    In the cube, the cell nearest to its middle is drawn; below, that cell by itself, with all atoms on its faces.
    """
    figure, grid_cells = canvas(2, len(cells))
    middle = np.full(3, grid.length / 2)
    for column, (atoms, crystal, title) in enumerate(zip(found, cells, titles, strict=True)):
        corner = np.rint(middle @ np.linalg.inv(crystal.lattice) - 0.5) @ crystal.lattice
        for row, (shown, at) in enumerate(((atoms, corner), (None, middle - 0.5 * crystal.lattice.sum(axis=0)))):
            solid = figure.add_subplot(grid_cells[row, column], projection="3d")
            draw_atoms(solid, shown or _whole_cell(crystal, at), grid)
            draw_cell(solid, at, crystal.lattice)
            solid.set_title(title if row else f"{len(atoms[1])} atoms in the cube", fontsize=9)
    element_bar(figure, grid_cells)
    save(figure, path)


def _whole_cell(crystal: Crystal, corner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions and numbers of the atoms in a cell at `corner`, on all of its faces too."""
    corners = np.array(list(itertools.product((-ON_A_FACE, 1 + ON_A_FACE), repeat=3)))
    steps = translations_into(corners, crystal.frac_coords)
    coordinates = (crystal.frac_coords + steps[:, None]).reshape(-1, 3)
    inside = ((coordinates > -ON_A_FACE) & (coordinates < 1 + ON_A_FACE)).all(axis=1)
    return corner + coordinates[inside] @ crystal.lattice, np.tile(crystal.numbers, len(steps))[inside]


def draw_samples(folder: Path, out: Path) -> None:
    """Draw the first structures of a folder that `crystalgrid-sample --save-density` wrote."""
    library = read_library(folder, SAMPLES_DRAWN)
    if library.density is None:
        raise InputError(
            f"{folder / DENSITY}: no such file; wanted a folder that crystalgrid-sample --save-density wrote"
        )
    samples(out, library.density, library.atoms, library.grid, len(library.indices))


def losses(path: Path | str, metrics: Path) -> None:
    """Curves of a run's metrics.csv."""
    with metrics.open(newline="") as file:
        rows = list(csv.DictReader(file))
    shown = {
        "loss": "loss", "reconstruction": "mean squared error", "segmentation": "cross entropy",
        "kl": "KL divergence, nats",
    }  # fmt: skip
    shown = {name: label for name, label in shown.items() if any(row.get(name) for row in rows)}
    figure, cells = canvas(1, max(1, len(shown)))
    for column, (name, label) in enumerate(shown.items()):
        axis = figure.add_subplot(cells[0, column])
        for key, legend, marker in ((name, "training", ""), (f"val_{name}", "validation", ".")):
            points = [(int(row["step"]), float(row[key])) for row in rows if row.get(key)]
            if points:
                axis.plot(*zip(*points, strict=True), label=legend, linewidth=1.2, marker=marker)
        axis.set(xlabel="step", ylabel=label, yscale="log")
        axis.legend(frameon=False, fontsize=8)
    save(figure, path)
