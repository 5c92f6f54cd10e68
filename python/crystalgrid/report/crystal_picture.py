"""The picture of crystals as crystallographers draw them: balls and sticks in their unit cells, in perspective."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..crystal import Crystal, CrystalLike, as_crystal
from ..errors import InputError
from ..geometry.cell import cell_parameters
from ..geometry.space_group import SpaceGroup, standard_cell
from .ball_and_stick import Scene, Shape, View, ball_radius, scene, shapes
from .panels import check_picture, element_marks, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 4
PANEL = 2.6
"""The width of a crystal's panel in inches."""
HEIGHT = 3.1
ELEMENTS_IN_A_ROW = 6
"""The most elements in one row of the legend below a crystal."""
BEYOND = 0.4
"""The distance in Å of an axis's name from the end of its vector or from the ball there."""
LEAST_SPAN = 6.5
"""The least width and height of a panel in Å: small cells are not drawn larger than that."""
SAME_LENGTH, SAME_ANGLE = 1e-4, 0.05
"""The differences in Å and degrees up to which sides are equal by symmetry and angles are written as the same."""


def draw_crystals(
    crystals: Sequence[CrystalLike], path: Path | str, symprec: float = 0.01, titles: Sequence[str] | None = None
) -> None:
    """Draw crystals in their conventional cells into a PNG, SVG or PDF file.

    Each is labelled with its formula, its space group within `symprec` Å and its cell; titles: [B], above the labels.
    Atoms on the cell's faces are drawn on all of them. Raises InputError for another kind of file and for no crystals.
    """
    check_picture(path)
    if len(crystals) == 0:
        raise InputError("crystals: wanted at least one to draw, got none")
    save(crystal_figure(list(map(as_crystal, crystals)), symprec, titles), path)


def crystal_figure(crystals: Sequence[Crystal], symprec: float, titles: Sequence[str] | None = None) -> Figure:
    """Return the figure of crystals, four in a row."""
    figure, axes = crystal_panels(len(crystals))
    for index, (crystal, axis) in enumerate(zip(crystals, axes, strict=True)):
        cell = Crystal(*standard_cell(crystal, symprec))
        draw_cell(axis, cell, crystal.symmetry(symprec), "" if titles is None else titles[index])
    return figure


def crystal_panels(count: int, columns: int = COLUMNS) -> tuple[Figure, list[Axes]]:
    """Return a figure with a panel for each of `count` crystals, `columns` in a row."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(columns, count)
    rows = math.ceil(count / columns)
    figure = Figure(figsize=(PANEL * columns, HEIGHT * rows), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, [figure.add_subplot(rows, columns, index + 1) for index in range(count)]


def draw_cell(axis: Axes, cell: Crystal, group: SpaceGroup, title: str = "") -> None:
    """Draw a crystal's conventional cell as it is given, with its labels, into axes without a frame."""
    view = View(cell.lattice)
    drawn = scene(cell)
    _add(axis, shapes(drawn, cell.lattice, view))
    _name_axes(axis, cell.lattice, view, drawn)
    _add_legend(axis, np.unique(cell.numbers))
    label = f"{formula_label(cell.formula)}, {symbol_label(group.symbol)} ({group.number})"
    axis.set_title("\n".join(filter(None, [title, label])), fontsize=10)
    rows = math.ceil(len(np.unique(cell.numbers)) / ELEMENTS_IN_A_ROW)
    axis.set_xlabel(cell_label(cell.lattice), fontsize=7.5, labelpad=14 * rows)
    axis.set(xticks=[], yticks=[])
    axis.set_aspect("equal", adjustable="datalim")
    axis.spines[:].set_visible(False)
    axis.margins(0.04)


def _add(axis: Axes, parts: Sequence[Shape]) -> None:
    """Add shapes to axes as one collection, which keeps their order."""
    from matplotlib.collections import PathCollection
    from matplotlib.path import Path as Outline

    outlines = [
        Outline.circle((shape.outline[0], shape.outline[1]), shape.radius)
        if shape.radius
        else Outline(shape.outline, closed=False)
        for shape in parts
    ]
    colours = [shape.colour for shape in parts]
    axis.add_collection(PathCollection(outlines, facecolors=colours, edgecolors=colours, linewidths=0.05))
    axis.update_datalim([(-LEAST_SPAN / 2, -LEAST_SPAN / 2), (LEAST_SPAN / 2, LEAST_SPAN / 2)])
    axis.autoscale_view()


def _name_axes(axis: Axes, lattice: np.ndarray, view: View, drawn: Scene) -> None:
    """Write a, b and c beyond the ends of the vectors that start at the cell's origin, and beyond balls there."""
    (origin, *ends), _, _ = view(np.stack([np.zeros(3), *lattice]))
    for vector, end, name in zip(lattice, ends, "abc", strict=True):
        at_end = np.linalg.norm(drawn.positions - vector, axis=1) < BEYOND
        beyond = BEYOND + ball_radius(drawn.numbers[at_end]).max(initial=0)
        point = end + beyond * (end - origin) / np.linalg.norm(end - origin)
        axis.text(point[0], point[1], f"${name}$", fontsize=8, ha="center", va="center")
        axis.update_datalim([point])


def _add_legend(axis: Axes, elements: np.ndarray) -> None:
    """Show the colour of each element below the crystal."""
    marks = element_marks(elements)
    axis.legend(
        handles=marks, ncols=min(ELEMENTS_IN_A_ROW, len(marks)), loc="upper center", bbox_to_anchor=(0.5, 0.0),
        frameon=False, fontsize=7.5, handletextpad=0.0, columnspacing=0.8, borderaxespad=0.2,
    )  # fmt: skip


def formula_label(formula: str) -> str:
    """Return a formula with its numbers below the line, as matplotlib typesets it."""
    return re.sub(r"(\d+)", r"$_{\1}$", formula)


def symbol_label(symbol: str) -> str:
    """Return a Hermann-Mauguin symbol in italics, with bars over numbers and screw axes' indices below the line."""
    typeset = re.sub(r"-(\d)", r"\\bar{\1}", symbol)
    typeset = re.sub(r"_(\d)", r"_{\1}", typeset)
    return f"${typeset}$"


def cell_label(lattice: np.ndarray) -> str:
    """Return the lengths of a cell and, on a line of their own, its angles.

    Lengths that are equal to one before are left out, as are angles of 90° and 120°.
    """
    lengths, angles = cell_parameters(lattice)
    named = {"a": lengths[0], "b": lengths[1], "c": lengths[2]}
    different = [
        f"${name}$ {length:.2f}"
        for i, (name, length) in enumerate(named.items())
        if not (np.abs(lengths[:i] - length) < SAME_LENGTH).any()
    ]
    oblique = [
        f"${name}$ {angle:.1f}°"
        for name, angle in zip((r"\alpha", r"\beta", r"\gamma"), angles, strict=True)
        if min(abs(angle - 90), abs(angle - 120)) > SAME_ANGLE
    ]
    return "\n".join(filter(None, ["  ".join(different) + " Å", "  ".join(oblique)]))
