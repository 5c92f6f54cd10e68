"""Pictures: densities, atoms, and loss curves. matplotlib is imported when the first is drawn."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import torch
import tyro
from torch import Tensor

from .atoms import Atoms
from .crystal import MAX_Z, SYMBOLS
from .errors import InputError, run_command
from .files import written_whole
from .grid import Grid
from .metrics import MATCH, TrueAtoms
from .xyz import frames, parse_frame

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.gridspec import GridSpec

ELEMENTS = "turbo"
"""Colours of atoms, by atomic number."""
BAR_Z = (1, 8, 14, 26, 38, 47, 56, 64, 79, 92)
"""Atomic numbers that the colour bar names."""
PANEL = 2.4
"""Inches."""
SAMPLES_DRAWN = 5


def densities(path: Path | str, density: Tensor, decoded: Tensor, grid: Grid | None = None) -> None:
    """True over decoded densities [B, n, n, n], one column per cube, in the plane of its highest true density."""
    grid = grid or Grid()
    figure, cells = _figure(2, len(density))
    for column, (true, seen) in enumerate(zip(density, decoded, strict=True)):
        plane, highest = _highest(true)
        axes = [figure.add_subplot(cells[row, column]) for row in (0, 1)]
        _slice(axes[0], true[..., plane], grid, highest, f"true, z = {(plane + 0.5) * grid.spacing:.1f} Å")
        image = _slice(axes[1], seen[..., plane], grid, highest, "decoded")
        _colour_bar(figure, image, axes)
    _save(figure, path)


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
    figure, cells = _figure(len(chosen), 4)
    for row, b in enumerate(chosen):
        plane, highest = _highest(density[b])
        axes = [figure.add_subplot(cells[row, column]) for column in range(3)]
        _slice(axes[0], density[b][..., plane], grid, highest, f"true, z = {(plane + 0.5) * grid.spacing:.1f} Å")
        image = _slice(axes[1], decoded[b][..., plane], grid, highest, "decoded")
        _colour_bar(figure, image, axes[:2])
        difference = (decoded[b] - density[b])[..., plane]
        largest = max(float(difference.abs().max()), 1e-6)
        _colour_bar(figure, _slice(axes[2], difference, grid, largest, "decoded − true", "RdBu_r"), axes[2:])
        inside = true[b].depth(grid.length) >= -MATCH  # those just outside are found by what reaches in
        solid = figure.add_subplot(cells[row, 3], projection="3d")
        _atoms(solid, _of_cube(found, b), grid, (true[b].positions[inside], true[b].numbers[inside]))
        solid.set_title("found (discs), true (rings)", fontsize=9)
    _element_bar(figure, cells)
    _save(figure, path)


def samples(path: Path | str, density: Tensor, atoms: Atoms, grid: Grid, columns: int = 4) -> None:
    """Decoded densities [B, n, n, n] of random latent vectors over the atoms found in them; the first few."""
    columns = min(columns, len(density))
    figure, cells = _figure(2, columns)
    for column in range(columns):
        plane, highest = _highest(density[column])
        axis = figure.add_subplot(cells[0, column])
        title = f"sample {column}, z = {(plane + 0.5) * grid.spacing:.1f} Å"
        _colour_bar(figure, _slice(axis, density[column][..., plane], grid, highest, title), [axis])
        positions, numbers = _of_cube(atoms, column)
        solid = figure.add_subplot(cells[1, column], projection="3d")
        _atoms(solid, (positions, numbers), grid)
        solid.set_title(f"{len(numbers)} atoms", fontsize=9)
    _element_bar(figure, cells)
    _save(figure, path)


def draw_samples(folder: tyro.conf.Positional[Path], out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]) -> None:
    """Draw the first samples of a folder that `crystalgrid-sample --save-density` wrote.

    Args:
        folder: has samples.xyz and density.npz.
        out: PNG file.
    """
    for name in ("samples.xyz", "density.npz"):
        if not (folder / name).is_file():
            raise InputError(
                f"{folder / name}: no such file; wanted a folder that crystalgrid-sample --save-density wrote"
            )
    parsed = [parse_frame(frame) for frame in islice(frames((folder / "samples.xyz").read_text()), SAMPLES_DRAWN)]
    density = torch.from_numpy(np.load(folder / "density.npz")["density"][: len(parsed)])
    positions = np.concatenate([frac @ lattice for lattice, frac, _ in parsed])
    numbers = np.concatenate([numbers for *_, numbers in parsed])
    offsets = np.cumsum([0, *(len(numbers) for *_, numbers in parsed)])
    found = Atoms(*map(torch.from_numpy, (positions, numbers, offsets, np.zeros(len(numbers), np.int64))))
    samples(out, density, found, Grid(density.shape[-1], float(parsed[0][0][0, 0])), len(parsed))


def losses(path: Path | str, metrics: Path) -> None:
    """Curves of a run's metrics.csv."""
    with metrics.open(newline="") as file:
        rows = list(csv.DictReader(file))
    panels = {"reconstruction": "mean squared error", "segmentation": "cross entropy", "kl": "KL divergence, nats"}
    figure, cells = _figure(1, len(panels))
    for column, (name, label) in enumerate(panels.items()):
        axis = figure.add_subplot(cells[0, column])
        for key, legend in ((name, "training"), (f"val_{name}", "validation")):
            points = [(int(row["step"]), float(row[key])) for row in rows if row.get(key)]
            if len(points) > 1:
                axis.plot(*zip(*points, strict=True), label=legend, linewidth=1.2)
        axis.set(xlabel="step", ylabel=label, yscale="log")
        if axis.lines:
            axis.legend(frameon=False, fontsize=8)
    _save(figure, path)


def _figure(rows: int, columns: int) -> tuple[Figure, GridSpec]:
    """A figure that needs no display, and its grid of cells, with a narrow column on the right for a colour bar."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(PANEL * 1.25 * columns + 0.5, PANEL * rows), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_gridspec(rows, columns + 1, width_ratios=[*columns * [1.0], 0.04])


def _highest(density: Tensor) -> tuple[int, float]:
    """The plane of constant z with the highest density of a cube [n, n, n], and that density."""
    planes = density.amax((0, 1))
    return int(planes.argmax()), max(float(planes.max()), 1e-6)


def _slice(axis: Any, plane: Tensor, grid: Grid, highest: float, title: str, colours: str = "magma") -> Any:
    """Values [n, n] over x and y; a map of two colours is centred at zero."""
    lowest = 0.0 if colours == "magma" else -highest
    extent, ticks = (0, grid.length, 0, grid.length), (0, grid.length / 2, grid.length)
    image = axis.imshow(
        plane.float().cpu().numpy().T, origin="lower", extent=extent, cmap=colours, vmin=lowest, vmax=highest
    )
    axis.set(xticks=ticks, yticks=ticks)
    axis.set_xlabel("x, Å", fontsize=8, labelpad=1)
    axis.set_ylabel("y, Å", fontsize=8, labelpad=1)
    axis.tick_params(labelsize=7)
    axis.set_title(title, fontsize=9)
    return image


def _colour_bar(figure: Figure, image: Any, axes: list) -> None:
    bar = figure.colorbar(image, ax=axes, shrink=0.8)
    bar.ax.tick_params(labelsize=7)
    bar.set_label("density, Å⁻³", fontsize=7)


def _atoms(axis: Any, found: tuple, grid: Grid, true: tuple | None = None) -> None:
    """Atoms in the cube's frame; `true` ones as rings in the colour of their element."""
    from matplotlib import colormaps

    def colours(numbers: np.ndarray) -> np.ndarray:
        return colormaps[ELEMENTS]((np.asarray(numbers) - 1) / (MAX_Z - 1))

    positions, numbers = found
    axis.scatter(*positions.T, c=colours(numbers), s=26, depthshade=False, linewidths=0)
    if true is not None:
        axis.scatter(*true[0].T, s=70, facecolors="none", edgecolors=colours(true[1]), depthshade=False, linewidths=1.1)
    ends, ticks = (0, grid.length), (0, grid.length / 2, grid.length)
    axis.set(xlim=ends, ylim=ends, zlim=ends, xticks=ticks, yticks=ticks, zticks=ticks)
    axis.set_box_aspect((1, 1, 1), zoom=1.05)
    axis.tick_params(labelsize=6, pad=-3)


def _element_bar(figure: Figure, cells: GridSpec) -> None:
    """One colour bar for all panels of atoms."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    axis = figure.add_subplot(cells[:, -1])
    bar = figure.colorbar(ScalarMappable(Normalize(1, MAX_Z), ELEMENTS), cax=axis, ticks=list(BAR_Z))
    bar.set_ticklabels([f"{SYMBOLS[z - 1]} {z}" for z in BAR_Z])
    bar.ax.tick_params(labelsize=7)


def _of_cube(atoms: Atoms, b: int) -> tuple[np.ndarray, np.ndarray]:
    inside = slice(int(atoms.offsets[b]), int(atoms.offsets[b + 1]))
    return atoms.positions[inside].numpy(), atoms.numbers[inside].numpy()


def _save(figure: Figure, path: Path | str) -> None:
    with written_whole(path) as temporary:
        figure.savefig(temporary, dpi=150, format="png")


if __name__ == "__main__":
    run_command(lambda: tyro.cli(draw_samples))
