"""A film and a picture of crystals on their way from one to another, balls and sticks in their cells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...crystal import Crystal
from ...geometry.aligned_cells import aligned
from ...geometry.space_group import SpaceGroup, standard_cell
from ..crystal_picture import crystal_panels, draw_cell
from ..panels import save, save_animation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ENDS, BETWEEN = 1.2, 0.15
"""The time in seconds that the film shows both ends, and each crystal between them."""
COLUMNS = 5
"""The number of crystals in a row of the picture."""
SIZE = (4.0, 4.6)
"""The width and height of the film in inches."""
PANEL = (0.03, 0.15, 0.94, 0.74)
"""The left and lower edge, width and height of the crystal in the film, as shares of it."""
Frame = tuple[Crystal, SpaceGroup, str]
"""A conventional cell as it is drawn, its space group and a title."""


def aligned_cells(crystals: Sequence[Crystal], symprec: float) -> list[Crystal]:
    """Return conventional cells, the axes and origin of each chosen so that it is most like the one before it."""
    cells: list[Crystal] = []
    for crystal in crystals:
        cell = Crystal(*standard_cell(crystal, symprec))
        cells.append(Crystal(*aligned(cell, cells[-1])) if cells else cell)
    return cells


def draw_film(path: Path, frames: Sequence[Frame]) -> None:
    """Write the film of frames as a GIF file that shows all of them at the same scale."""
    panels = [crystal_panels(1) for _ in frames]
    for (figure, (axis,)), frame in zip(panels, frames, strict=True):
        figure.set_layout_engine("none")  # which would give the panel another size where a label is longer
        figure.set_size_inches(*SIZE)
        axis.set_position(PANEL)
        draw_cell(axis, *frame)
    _to_one_scale([axis for _, (axis,) in panels])
    seconds = [ENDS, *[BETWEEN] * (len(frames) - 2), ENDS][: len(frames)]
    save_animation(path, [figure for figure, _ in panels], seconds)


def draw_strip(path: Path, frames: Sequence[Frame]) -> None:
    """Write the picture of frames, one beside the other at the same scale."""
    figure, axes = crystal_panels(len(frames), COLUMNS)
    for axis, frame in zip(axes, frames, strict=True):
        draw_cell(axis, *frame)
    _to_one_scale(axes)
    save(figure, path)


def _to_one_scale(axes: Sequence[Axes]) -> None:
    """Give axes the same span, that of the largest."""
    boxes = np.array([axis.dataLim.get_points() for axis in axes])
    half_span = (boxes[:, 1] - boxes[:, 0]).max() / 2
    for axis, middle in zip(axes, boxes.mean(axis=1), strict=True):
        axis.update_datalim([middle - half_span, middle + half_span])
        axis.autoscale_view()
