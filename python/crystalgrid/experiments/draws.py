"""Random draws: the atoms they decode to, and the distances between these (section 4.4, Fig. 7, 9, 14, 15)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..atoms import Atoms, find_atoms
from ..data.cubes import canonical_cubes
from ..report import pictures
from ..report.distances import BIN, neighbours_in_cubes, total_variation, wasserstein
from ..report.metrics import percentiles
from ..report.panels import canvas, draw_histogram, label_axes, save
from .study import Study

CANONICAL = "real, canonical orientation"
MAX_DISTANCE = 6.0
"""The largest distance in the histogram, in Å."""


def run(study: Study, folder: Path) -> dict[str, Any]:
    """Return the numbers of atoms in draws, and the difference between their neighbour distances and real crystals'.

    Draws draws.png and draws_distances.png.
    """
    pictures.samples(folder / "draws.png", study.drawn.density, study.drawn.atoms, study.model.grid, columns=5)
    atoms = atoms_by_source(study)
    distances = neighbour_distances(atoms)
    _draw(folder / "draws_distances.png", distances)
    counts = study.drawn.atoms.offsets.diff().double()
    return {
        "n_draws": len(counts),
        "atoms_per_draw": {"mean": float(counts.mean()), "std": float(counts.std(correction=0))},
        "draws_without_atoms": int((counts == 0).sum()),
        "nearest_neighbour_A": {source: percentiles(values) for source, values in distances.items()},
        "elements_per_cube": {source: mean_elements(found) for source, found in atoms.items()},
        "wasserstein_A": distance_from_real(distances, wasserstein),
        "total_variation": distance_from_real(distances, total_variation),
    }


def neighbour_distances(atoms: dict[str, Atoms]) -> dict[str, np.ndarray]:
    """Return for each source of atoms the distance from each atom to its nearest neighbour in the cube, Å."""
    return {source: np.concatenate(neighbours_in_cubes(found)) for source, found in atoms.items()}


def atoms_by_source(study: Study) -> dict[str, Atoms]:
    """Return the atoms of real cubes, of their reconstructions, and of draws.

    Real atoms are found in voxels like the others, so that both have the errors of finding atoms. A learned prior draws
    cubes in the canonical orientation: they are compared with real cubes in that orientation, and draws from N(0, 1)
    are added.
    """
    atoms = {"real": study.extracted, "reconstructed": study.reconstruction.atoms, "drawn": study.drawn.atoms}
    if study.model.has_prior:
        atoms |= {CANONICAL: canonical_atoms(study), "N(0, 1)": study.normal.atoms}
    return atoms


def mean_elements(atoms: Atoms) -> float:
    """Return the mean number of different elements in a cube."""
    cubes = atoms.numbers.split(atoms.offsets.diff().tolist())
    return float(np.mean([len(numbers.unique()) for numbers in cubes]))


def canonical_atoms(study: Study) -> Atoms:
    """Return the atoms found in the true species of the chosen crystals' cubes in the canonical orientation."""
    grid, crystals = study.model.grid, study.chosen
    cubes = canonical_cubes(crystals, study.model.mode, grid, np.arange(len(crystals)))
    return find_atoms(cubes.species(grid), cubes.density(grid), grid)


def distance_from_real(
    distances: dict[str, np.ndarray], metric: Callable[[np.ndarray, np.ndarray], float | None]
) -> dict[str, float | None]:
    """Return the metric between each decoded source and real crystals in cubes that are cut in the same way."""
    reference = {source: "real" for source in distances if source not in ("real", CANONICAL)}
    if CANONICAL in distances:
        reference["drawn"] = CANONICAL
    return {source: metric(distances[source], distances[real]) for source, real in reference.items()}


def _draw(path: Path, distances: dict[str, np.ndarray]) -> None:
    figure, panels = canvas(1, 2)
    axis = figure.add_subplot(panels[0, :2])
    draw_histogram(axis, distances, np.arange(0.0, MAX_DISTANCE + BIN / 2, BIN))
    difference = distance_from_real(distances, wasserstein)["drawn"]
    title = "no atoms to compare"
    if difference is not None:
        title = f"Wasserstein distance of drawn and real: {difference:.2f} Å"
    label_axes(axis, "distance to the nearest atom of the cube, Å", "probability density, Å⁻¹", title)
    save(figure, path)
