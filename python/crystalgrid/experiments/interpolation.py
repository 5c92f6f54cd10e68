"""Interpolation along a straight line in latent space between two crystals (section 4.3, Fig. 6B, 8, 11)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.split import reduced_formulas
from ..grid import Grid
from ..latents import line
from ..report.decoding import Decoded, decode
from ..report.distances import neighbours_in_cubes
from ..report.evaluation import CUBES_PER_CRYSTAL
from ..report.panels import (
    canvas,
    density_bar,
    draw_atoms,
    draw_slice,
    element_legend,
    highest_plane,
    save,
    save_animation,
)
from .study import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEPS = 25
STEPS_PER_PANEL = 6
"""The number of steps for each panel of the figure; the animation shows all steps."""
SECONDS = [1.5, *[0.2] * (STEPS - 2), 1.5]
"""The time that the animation shows each step, in seconds."""


def run(study: Study, folder: Path) -> dict[str, Any]:
    """Interpolate between two crystals chosen by the seed and return what is found at each step.

    Draws interpolation.png and interpolation.gif.
    """
    start, end = choose(study)
    ends = study.reconstruction.z[[start, end]]
    path = decode(study.model, line(ends[0], ends[1], STEPS), "interpolation")
    formulas = reduced_formulas(study.chosen)[np.array([start, end]) // CUBES_PER_CRYSTAL]
    names = [re.sub(r"(?<!\d)1(?!\d)", "", formula) for formula in formulas]
    fractions = np.linspace(0, 1, STEPS)
    _draw(folder / "interpolation.png", path, study.model.grid, fractions, names)
    save_animation(folder / "interpolation.gif", _frames(path, study.model.grid, fractions, names), SECONDS)
    return {
        "crystals": study.ids[[start, end]].tolist(),
        "formulas": names,
        "fraction": fractions.tolist(),
        "atoms": path.atoms.offsets.diff().tolist(),
        "largest_density_A-3": path.density.amax((1, 2, 3)).tolist(),
        "smallest_distance_A": [float(d.min()) if len(d) else None for d in neighbours_in_cubes(path.atoms)],
    }


def choose(study: Study) -> tuple[int, int]:
    """Return two cubes of different crystals, or of the same one where there is no other."""
    order = np.random.default_rng(study.seed).permutation(len(study.ids))
    others = order[study.ids[order] != study.ids[order[0]]]
    return int(order[0]), int(others[0] if len(others) else order[-1])


def _plane(path: Decoded) -> tuple[int, float]:
    """Return the plane in which the sum of both ends has its highest density, and the highest density of all in it."""
    plane, _ = highest_plane(path.density[0] + path.density[-1])
    return plane, max(float(path.density[..., plane].max()), 1e-6)


def _draw(file: Path, path: Decoded, grid: Grid, fractions: np.ndarray, names: list[str]) -> None:
    """Draw densities over atoms, one step in `STEPS_PER_PANEL`."""
    steps = range(0, len(fractions), STEPS_PER_PANEL)
    plane, highest = _plane(path)
    titles = [f"{100 * fractions[step]:.0f} % of the way" for step in steps]
    titles[0], titles[-1] = f"{names[0]}, height {(plane + 0.5) * grid.spacing:.1f} Å", names[1]
    figure, panels = canvas(2, len(steps))
    axes = [figure.add_subplot(panels[0, column]) for column in range(len(steps))]
    for column, step in enumerate(steps):
        image = draw_slice(axes[column], path.density[step][..., plane], grid, highest, titles[column])
        positions, numbers = path.atoms.cube(step)
        axis_3d = figure.add_subplot(panels[1, column], projection="3d")
        draw_atoms(axis_3d, (positions, numbers), grid)
        axis_3d.set_title(f"{len(numbers)} atoms", fontsize=9)
    density_bar(figure, image, axes)
    element_legend(figure, path.atoms.numbers.numpy())
    save(figure, file)


def _frames(path: Decoded, grid: Grid, fractions: np.ndarray, names: list[str]) -> Iterator[Figure]:
    """Yield the same figure once for each step, redrawn with that step's density and atoms."""
    plane, highest = _plane(path)
    figure, panels = canvas(1, 2)
    axis, axis_3d = figure.add_subplot(panels[0, 0]), figure.add_subplot(panels[0, 1], projection="3d")
    image = draw_slice(axis, path.density[0][..., plane], grid, highest, "")
    density_bar(figure, image, [axis])
    element_legend(figure, path.atoms.numbers.numpy())
    for step, fraction in enumerate(fractions):
        image.set_data(path.density[step][..., plane].numpy().T)
        positions, numbers = path.atoms.cube(step)
        axis_3d.clear()
        draw_atoms(axis_3d, (positions, numbers), grid)
        axis.set_title(f"{names[0]} → {names[1]}: {100 * fraction:.0f} %", fontsize=9)
        axis_3d.set_title(f"{len(numbers)} atoms", fontsize=9)
        yield figure
