"""The reconstruction of test cubes: voxels, counts, distances, species (section 4.1 and 4.2, Fig. 3, 4, 5, 6A)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..crystal import MAX_Z
from ..report import pictures
from ..report.evaluation import cubes_in_picture
from ..report.metrics import MATCH, Region, Tally, pearson, percentiles
from ..report.metrics_table import PAPER
from ..report.panels import canvas, draw_agreement, draw_histogram, draw_pairs, label_axes, save
from .study import Study

MAX_Z_ERROR = 10
"""The largest error of Z in the histogram."""


def run(study: Study, folder: Path) -> dict[str, Any]:
    """Return the metrics of `crystalgrid-evaluate` and of single voxels.

    Draws reconstruction.png and reconstruction_cubes.png.
    """
    model, decoded = study.model, study.reconstruction
    tally = Tally(model.grid)
    tally.add(decoded.atoms, study.true, decoded.density, study.density)
    pictures.reconstructions(
        folder / "reconstruction_cubes.png",
        study.density,
        decoded.density,
        study.true,
        decoded.atoms,
        model.grid,
        cubes_in_picture(len(study.true)),
    )
    true_voxels, decoded_voxels = study.density.flatten().numpy(), decoded.density.flatten().numpy()
    _draw(folder / "reconstruction.png", true_voxels, decoded_voxels, tally.all)
    return {
        **tally.summary(),
        "voxel_error_A-3": percentiles(abs(decoded_voxels - true_voxels)),
        "voxel_pearson": pearson(decoded_voxels, true_voxels),
        "paper": PAPER[model.mode],
    }


def _draw(path: Path, true_voxels: np.ndarray, decoded_voxels: np.ndarray, region: Region) -> None:
    figure, panels = canvas(2, 3)
    axes = [figure.add_subplot(panels[row, column]) for row in (0, 1) for column in range(3)]
    _draw_densities(axes[0], true_voxels, decoded_voxels)
    _draw_errors(axes[1], decoded_voxels - true_voxels)
    _draw_counts(axes[2], *np.array(region.counts).T)
    _draw_distances(axes[3], np.concatenate(region.pred_to_true), np.concatenate(region.true_to_pred))
    found_z, true_z = np.concatenate(region.matched).T
    draw_pairs(axes[4], true_z, found_z, (0.0, MAX_Z + 1))
    label_axes(axes[4], "true Z", "found Z", f"species, atoms within {MATCH} Å")
    _draw_species(axes[5], found_z - true_z)
    save(figure, path)


def _draw_densities(axis: Any, true: np.ndarray, decoded: np.ndarray) -> None:
    draw_agreement(axis, true, decoded, np.linspace(0, 1.02 * max(true.max(), decoded.max(), 1e-6), 81))
    label_axes(axis, "true density, Å⁻³", "decoded density, Å⁻³", "density of each voxel")


def _draw_errors(axis: Any, errors: np.ndarray) -> None:
    largest = max(float(abs(errors).max()), 1e-6)
    draw_histogram(axis, {"voxels": errors}, np.linspace(-largest, largest, 81))
    axis.locator_params(axis="x", nbins=5)
    axis.set_yscale("log")
    label_axes(axis, "decoded − true density, Å⁻³", "probability density", "voxel errors")


def _draw_counts(axis: Any, found: np.ndarray, true: np.ndarray) -> None:
    draw_pairs(axis, true, found, (0.0, 1.05 * max(found.max(), true.max(), 1)))
    label_axes(axis, "true atoms", "found atoms", f"atoms per cube, {100 * np.mean(found == true):.0f} % exact")


def _draw_distances(axis: Any, to_true: np.ndarray, to_found: np.ndarray) -> None:
    """Draw the share of atoms that have a counterpart nearer than a distance, as a function of that distance."""
    for name, distances in (("found to nearest true", to_true), ("true to nearest found", to_found)):
        axis.plot(np.sort(distances), 100 * (np.arange(len(distances)) + 1) / max(len(distances), 1), label=name)
    axis.axvline(MATCH, color="grey", linestyle=":", linewidth=0.9)
    axis.set(xscale="log", xlim=(0.005, 10.0), ylim=(0, 101))
    axis.legend(frameon=False, fontsize=7)
    label_axes(axis, "distance d, Å", "atoms nearer than d, %", "distances of found and true atoms")


def _draw_species(axis: Any, z_errors: np.ndarray) -> None:
    bins = np.arange(-MAX_Z_ERROR, MAX_Z_ERROR + 1)
    clipped = z_errors.clip(-MAX_Z_ERROR, MAX_Z_ERROR)
    percent = [100 * float((clipped == error).sum()) / max(len(z_errors), 1) for error in bins]
    axis.bar(bins, percent)
    title = f"errors of species, {percent[MAX_Z_ERROR]:.0f} % exact"
    label_axes(axis, f"found Z − true Z (±{MAX_Z_ERROR}: or more)", "atoms, %", title)
