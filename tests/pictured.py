"""The numbers that a matplotlib figure shows, read back from its axes."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure


def axes_titled(figure: Figure, title: str) -> list[Axes]:
    """Return the axes whose titles begin so, in the order they were made."""
    return [axis for axis in figure.axes if axis.get_title().startswith(title)]


def slices(figure: Figure) -> list[np.ndarray]:
    """Return the values [n, n] over x and y of each slice of a density."""
    return [np.asarray(image.get_array()).T for axis in figure.axes for image in axis.get_images()]


def points(axis: Axes) -> np.ndarray:
    """Return the points [N, 2] of a scatter plot, sorted."""
    return np.unique(np.asarray(axis.collections[0].get_offsets()), axis=0)


def atoms(figure: Figure) -> list[list[int]]:
    """Return the numbers of atoms that each three-dimensional panel shows: discs, and rings where it has them."""
    panels = [axis for axis in figure.axes if axis.name == "3d"]
    return [[len(marks.get_offsets()) for marks in axis.collections] for axis in panels]


def histograms(axis: Axes) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the edges and heights of each step histogram, by its label."""
    found = {}
    for patch in axis.patches:
        x, y = patch.get_xy().T
        found[patch.get_label()] = np.unique(x), y[1:-1:2]
    return found
