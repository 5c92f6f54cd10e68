"""Random draws: what they decode to, and how far apart its atoms are (section 4.4, Fig. 7, 9, 14, 15)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .. import plot
from ..distances import BIN, neighbours_in_cubes, total_variation, wasserstein
from ..metrics import percentiles
from ..panels import canvas, draw_histogram, label_axes, save
from .study import Study

FARTHEST = 6.0
"""Å, where the histogram ends."""


def run(study: Study, folder: Path) -> dict[str, Any]:
    """How many atoms draws have, and how far their spacing is from real crystals'; draws.png, draws_distances.png."""
    plot.samples(folder / "draws.png", study.drawn.density, study.drawn.atoms, study.model.grid, columns=5)
    spaced = spacings(study)
    _draw(folder / "draws_distances.png", spaced)
    decoded = [kind for kind in spaced if kind != "real"]
    counts = study.drawn.atoms.offsets.diff().double()
    return {
        "n_draws": len(counts),
        "atoms_per_draw": {"mean": float(counts.mean()), "std": float(counts.std(correction=0))},
        "draws_without_atoms": int((counts == 0).sum()),
        "nearest_neighbour_A": {kind: percentiles(values) for kind, values in spaced.items()},
        "wasserstein_A": {kind: wasserstein(spaced[kind], spaced["real"]) for kind in decoded},
        "total_variation": {kind: total_variation(spaced[kind], spaced["real"]) for kind in decoded},
    }


def spacings(study: Study) -> dict[str, np.ndarray]:
    """Å, from each atom to its nearest neighbour in the cube: in real cubes, their reconstructions, and draws.

    Where draws come from a learned prior, in draws from N(0, 1) too. Real atoms are found in voxels as the others are,
    so that what finding costs is on both sides.
    """
    kinds = {"real": study.extracted, "reconstructed": study.reconstruction.atoms, "drawn": study.drawn.atoms}
    if study.model.has_prior:
        kinds["N(0, 1)"] = study.normal.atoms
    return {kind: np.concatenate(neighbours_in_cubes(atoms)) for kind, atoms in kinds.items()}


def _draw(path: Path, spaced: dict[str, np.ndarray]) -> None:
    figure, cells = canvas(1, 2)
    axis = figure.add_subplot(cells[0, :2])
    draw_histogram(axis, spaced, np.arange(0.0, FARTHEST + BIN / 2, BIN))
    apart = wasserstein(spaced["drawn"], spaced["real"])
    title = "no atoms to compare" if apart is None else f"Wasserstein distance of drawn and real: {apart:.2f} Å"
    label_axes(axis, "distance to the nearest atom of the cube, Å", "probability density, Å⁻¹", title)
    save(figure, path)
