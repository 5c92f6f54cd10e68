"""Interpolation: along a straight line in latent space from one crystal to another (section 4.3, Fig. 6B, 8, 11)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.split import reduced_formulas
from ..grid import Grid
from ..report.distances import neighbours_in_cubes
from ..report.evaluation import CUBES_PER_CRYSTAL
from ..report.latent_path import line as straight_line
from ..report.panels import (
    canvas,
    density_bar,
    draw_atoms,
    draw_slice,
    element_bar,
    highest_plane,
    save,
    save_animation,
)
from .study import Decoded, Study, decode

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEPS = 25
DRAWN = 6
"""Every so many steps stand in the figure; the animation shows all."""
SECONDS = [1.5, *[0.2] * (STEPS - 2), 1.5]
"""Of each step in the animation."""


def run(study: Study, folder: Path) -> dict[str, Any]:
    """Two crystals chosen by the seed; interpolation.png, interpolation.gif and what is found at each step."""
    start, end = choose(study)
    ends = study.reconstruction.z[[start, end]]
    line = decode(study.model, straight_line(ends[0], ends[1], STEPS), "interpolation")
    formulas = reduced_formulas(study.chosen)[np.array([start, end]) // CUBES_PER_CRYSTAL]
    names = [re.sub(r"(?<!\d)1(?!\d)", "", formula) for formula in formulas]
    fractions = np.linspace(0, 1, STEPS)
    _draw(folder / "interpolation.png", line, study.model.grid, fractions, names)
    save_animation(folder / "interpolation.gif", _frames(line, study.model.grid, fractions, names), SECONDS)
    return {
        "crystals": study.ids[[start, end]].tolist(),
        "formulas": names,
        "fraction": fractions.tolist(),
        "atoms": line.atoms.offsets.diff().tolist(),
        "largest_density_A-3": line.density.amax((1, 2, 3)).tolist(),
        "smallest_distance_A": [float(d.min()) if len(d) else None for d in neighbours_in_cubes(line.atoms)],
    }


def choose(study: Study) -> tuple[int, int]:
    """Cubes of two different crystals; of the same one where there is no other."""
    order = np.random.default_rng(study.seed).permutation(len(study.ids))
    others = order[study.ids[order] != study.ids[order[0]]]
    return int(order[0]), int(others[0] if len(others) else order[-1])


def _plane(line: Decoded) -> tuple[int, float]:
    """The plane where both ends together have the highest density, and the highest density of all in it."""
    plane, _ = highest_plane(line.density[0] + line.density[-1])
    return plane, max(float(line.density[..., plane].max()), 1e-6)


def _draw(path: Path, line: Decoded, grid: Grid, fractions: np.ndarray, names: list[str]) -> None:
    """Densities over atoms, every few steps."""
    shown = range(0, len(fractions), DRAWN)
    plane, highest = _plane(line)
    titles = [f"{100 * fractions[step]:.0f} % of the way" for step in shown]
    titles[0], titles[-1] = f"{names[0]}, z = {(plane + 0.5) * grid.spacing:.1f} Å", names[1]
    figure, cells = canvas(2, len(shown))
    axes = [figure.add_subplot(cells[0, column]) for column in range(len(shown))]
    for column, step in enumerate(shown):
        image = draw_slice(axes[column], line.density[step][..., plane], grid, highest, titles[column])
        positions, numbers = line.atoms.cube(step)
        solid = figure.add_subplot(cells[1, column], projection="3d")
        draw_atoms(solid, (positions, numbers), grid)
        solid.set_title(f"{len(numbers)} atoms", fontsize=9)
    density_bar(figure, image, axes)
    element_bar(figure, cells)
    save(figure, path)


def _frames(line: Decoded, grid: Grid, fractions: np.ndarray, names: list[str]) -> Iterator[Figure]:
    """The same figure again and again, with one step after another in it."""
    plane, highest = _plane(line)
    figure, cells = canvas(1, 2)
    flat, solid = figure.add_subplot(cells[0, 0]), figure.add_subplot(cells[0, 1], projection="3d")
    image = draw_slice(flat, line.density[0][..., plane], grid, highest, "")
    density_bar(figure, image, [flat])
    element_bar(figure, cells)
    for step, fraction in enumerate(fractions):
        image.set_data(line.density[step][..., plane].numpy().T)
        positions, numbers = line.atoms.cube(step)
        solid.clear()
        draw_atoms(solid, (positions, numbers), grid)
        flat.set_title(f"{names[0]} → {names[1]}: {100 * fraction:.0f} %", fontsize=9)
        solid.set_title(f"{len(numbers)} atoms", fontsize=9)
        yield figure
