"""The parts of pictures: a figure, slices of densities, atoms in a cube, histograms, colour bars.

matplotlib is imported when the first figure is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from ..crystal import SYMBOLS
from ..errors import InputError
from ..files import as_path, written_whole
from ..geometry.elements import ELECTRONEGATIVITIES
from ..grid import Grid
from .element_colours import ELEMENT_COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.gridspec import GridSpec

PANEL_SIZE = 2.4
"""The width and height of a panel in inches."""
FORMATS = (".png", ".svg", ".pdf")
"""The kinds of files that pictures are written as, by how their names end."""
MOST_ELEMENTS = 20
"""The most elements in the legend of a picture: the ones that most atoms are of."""
PositionsAndNumbers = tuple[np.ndarray, np.ndarray]
"""The positions [N, 3] in Å and the atomic numbers [N] of atoms."""


def canvas(rows: int, columns: int) -> tuple[Figure, GridSpec]:
    """Return a figure that needs no display, and its panels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(PANEL_SIZE * 1.25 * columns + 0.5, PANEL_SIZE * rows), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_gridspec(rows, columns)


def highest_plane(density: Tensor) -> tuple[int, float]:
    """Return the plane of constant z with the highest density of a cube [n, n, n], and that density."""
    highest = density.amax((0, 1))
    return int(highest.argmax()), max(float(highest.max()), 1e-6)


def draw_slice(axis: Any, plane: Tensor, grid: Grid, highest: float, title: str, colours: str = "magma") -> Any:
    """Draw values [n, n] over x and y from 0 to `highest`, or from -`highest` in any other colour map."""
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


def density_bar(figure: Figure, image: Any, axes: Sequence[Any]) -> None:
    """Draw the colour bar of slices beside their axes."""
    bar = figure.colorbar(image, ax=axes, shrink=0.8)
    bar.ax.tick_params(labelsize=7)
    bar.set_label("density, Å⁻³", fontsize=7)


def draw_atoms(axis: Any, found: PositionsAndNumbers, grid: Grid, true: PositionsAndNumbers | None = None) -> None:
    """Draw atoms in the cube as discs, and `true` ones as rings, in the colours of their elements."""
    positions, numbers = found
    axis.scatter(*positions.T, c=ELEMENT_COLOURS[numbers], s=26, depthshade=False, linewidths=0.4, edgecolors="0.3")
    if true is not None:
        edges = ELEMENT_COLOURS[true[1]]
        axis.scatter(*true[0].T, s=70, facecolors="none", edgecolors=edges, depthshade=False, linewidths=1.1)
    limits, ticks = (0, grid.length), (0, grid.length / 2, grid.length)
    axis.set(xlim=limits, ylim=limits, zlim=limits, xticks=ticks, yticks=ticks, zticks=ticks)
    axis.set_box_aspect((1, 1, 1), zoom=1.05)
    axis.tick_params(labelsize=6, pad=-3)


def element_marks(numbers: np.ndarray) -> list[Any]:
    """Return a mark in the colour of each element among atoms [N], by electronegativity, for a legend."""
    from matplotlib.lines import Line2D

    elements, counts = np.unique(numbers, return_counts=True)
    frequent = elements[np.argsort(-counts, kind="stable")][:MOST_ELEMENTS]
    marks = []
    for z in sorted(map(int, frequent), key=lambda z: (ELECTRONEGATIVITIES[z], z)):
        mark = Line2D([], [], color=ELEMENT_COLOURS[z], label=SYMBOLS[z - 1], linestyle="", marker="o")
        mark.set(markersize=5.5, markeredgecolor="0.3", markeredgewidth=0.4)
        marks.append(mark)
    return marks


def element_legend(figure: Figure, numbers: np.ndarray) -> None:
    """Show the colours of the elements of atoms [N] on the right of all panels."""
    marks = element_marks(numbers)
    if marks:
        figure.legend(handles=marks, loc="outside right center", frameon=False, fontsize=7.5, handletextpad=0.0)


def draw_histogram(axis: Any, samples: dict[str, np.ndarray], bins: np.ndarray) -> None:
    """Draw distributions over one another, each of unit area; the first and last bin hold the values beyond them."""
    for name, values in samples.items():
        if len(values):
            clipped = np.clip(values, bins[0], bins[-1])
            axis.hist(clipped, bins, density=True, histtype="step", linewidth=1.4, label=name)
    if len(samples) > 1 and axis.patches:
        axis.legend(frameon=False, fontsize=7)


def draw_agreement(axis: Any, expected: np.ndarray, obtained: np.ndarray, edges: np.ndarray) -> None:
    """Draw the counts of pairs that should be equal in square bins, on a logarithmic scale, and the identity dashed."""
    from matplotlib.colors import LogNorm

    axis.hist2d(expected, obtained, bins=(edges, edges), cmap="viridis", norm=LogNorm(vmin=1), rasterized=True)
    limits = (edges[0], edges[-1])
    axis.plot(limits, limits, "--", color="tab:red", linewidth=0.9)
    axis.set_aspect("equal")


def draw_pairs(axis: Any, expected: np.ndarray, obtained: np.ndarray, limits: tuple[float, float]) -> None:
    """Draw pairs that should be equal as points whose area grows with their number, and the identity dashed."""
    points, counts = np.unique(np.stack([expected, obtained], axis=1), axis=0, return_counts=True)
    axis.plot(limits, limits, "--", color="tab:red", linewidth=0.9)
    axis.scatter(*points.T, s=5 * (1 + np.log(counts)), alpha=0.6, linewidths=0)
    axis.set(xlim=limits, ylim=limits, aspect="equal")


def label_axes(axis: Any, x: str, y: str, title: str) -> None:
    """Set the labels and the title of axes in small type."""
    axis.set_title(title, fontsize=9)
    axis.set_xlabel(x, fontsize=8)
    axis.set_ylabel(y, fontsize=8)
    axis.tick_params(labelsize=7)


def save(figure: Figure, path: Path | str) -> None:
    """Write a PNG, SVG or PDF file, as its name says, whole or not at all."""
    path = check_picture(path)
    with written_whole(path) as temporary:
        figure.savefig(temporary, dpi=200, format=path.suffix[1:].lower())


def check_picture(path: Path | str) -> Path:
    """Return the path of a picture; raise InputError if its name is of no kind that is written."""
    path = as_path("picture", path)
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"{path}: wanted a name that ends in one of {', '.join(FORMATS)}")
    return path


def save_animation(path: Path | str, frames: Iterable[Figure], seconds: Sequence[float]) -> None:
    """Write a GIF file, whole or not at all, that repeats and shows each figure for its `seconds`."""
    from PIL import Image  # a dependency of matplotlib

    images = []
    for figure in frames:
        figure.canvas.draw()
        figure.set_layout_engine("none")  # or panels would move between frames
        images.append(Image.fromarray(np.array(figure.canvas.buffer_rgba())[..., :3]))  # type: ignore[attr-defined]
    durations = [round(1000 * s) for s in seconds]
    with written_whole(path) as temporary:
        images[0].save(temporary, "GIF", save_all=True, append_images=images[1:], duration=durations, loop=0)
