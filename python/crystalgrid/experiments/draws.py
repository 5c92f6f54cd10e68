"""Random draws: what they decode to, and how far apart its atoms are (section 4.4, Fig. 7, 9, 14, 15)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..atoms import Atoms, find_atoms
from ..data.cubes import upright_cubes
from ..report import pictures as plot
from ..report.distances import BIN, neighbours_in_cubes, total_variation, wasserstein
from ..report.metrics import percentiles
from ..report.panels import canvas, draw_histogram, label_axes, save
from .study import Study

UPRIGHT = "real, upright"
FARTHEST = 6.0
"""Å, where the histogram ends."""


def run(study: Study, folder: Path) -> dict[str, Any]:
    """How many atoms draws have, and how far their spacing is from real crystals'; draws.png, draws_distances.png."""
    plot.samples(folder / "draws.png", study.drawn.density, study.drawn.atoms, study.model.grid, columns=5)
    found = kinds(study)
    spaced = spacings(found)
    _draw(folder / "draws_distances.png", spaced)
    counts = study.drawn.atoms.offsets.diff().double()
    return {
        "n_draws": len(counts),
        "atoms_per_draw": {"mean": float(counts.mean()), "std": float(counts.std(correction=0))},
        "draws_without_atoms": int((counts == 0).sum()),
        "nearest_neighbour_A": {kind: percentiles(values) for kind, values in spaced.items()},
        "elements_per_cube": {kind: elements(atoms) for kind, atoms in found.items()},
        "wasserstein_A": from_real(spaced, wasserstein),
        "total_variation": from_real(spaced, total_variation),
    }


def spacings(found: dict[str, Atoms]) -> dict[str, np.ndarray]:
    """Å, from each atom of each kind to its nearest neighbour in the cube."""
    return {kind: np.concatenate(neighbours_in_cubes(atoms)) for kind, atoms in found.items()}


def kinds(study: Study) -> dict[str, Atoms]:
    """Atoms of real cubes, their reconstructions, and draws.

    Real atoms are found in voxels as the others are, so that what finding costs is on both sides. A learned prior draws
    upright cubes: they are compared with real ones, and there are draws from N(0, 1) beside them.
    """
    found = {"real": study.extracted, "reconstructed": study.reconstruction.atoms, "drawn": study.drawn.atoms}
    if study.model.has_prior:
        found |= {UPRIGHT: upright_atoms(study), "N(0, 1)": study.normal.atoms}
    return found


def elements(atoms: Atoms) -> float:
    """How many different ones a cube has, in the mean."""
    cubes = atoms.numbers.split(atoms.offsets.diff().tolist())
    return float(np.mean([len(numbers.unique()) for numbers in cubes]))


def upright_atoms(study: Study) -> Atoms:
    """Found in the true species of the chosen crystals' upright cubes."""
    grid, crystals = study.model.grid, study.chosen
    cubes = upright_cubes(crystals, study.model.mode, grid, np.arange(len(crystals)))
    return find_atoms(cubes.species(grid), cubes.density(grid), grid)


def from_real(spaced: dict[str, np.ndarray], distance: Callable[..., float | None]) -> dict[str, float | None]:
    """The distance of each kind that was decoded to real crystals in cubes that are cut alike."""
    real = {kind: "real" for kind in spaced if kind not in ("real", UPRIGHT)}
    if UPRIGHT in spaced:
        real["drawn"] = UPRIGHT
    return {kind: distance(spaced[kind], spaced[alike]) for kind, alike in real.items()}


def _draw(path: Path, spaced: dict[str, np.ndarray]) -> None:
    figure, cells = canvas(1, 2)
    axis = figure.add_subplot(cells[0, :2])
    draw_histogram(axis, spaced, np.arange(0.0, FARTHEST + BIN / 2, BIN))
    apart = from_real(spaced, wasserstein)["drawn"]
    title = "no atoms to compare" if apart is None else f"Wasserstein distance of drawn and real: {apart:.2f} Å"
    label_axes(axis, "distance to the nearest atom of the cube, Å", "probability density, Å⁻¹", title)
    save(figure, path)
