"""Reconstruction: voxels, counts, distances and species of test cubes (section 4.1 and 4.2, Fig. 3, 4, 5 and 6A)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..crystal import MAX_Z
from ..report import pictures as plot
from ..report.evaluation import CUBES_IN_PICTURE, CUBES_PER_CRYSTAL, PAPER
from ..report.metrics import MATCH, Region, Tally, pearson, percentiles
from ..report.panels import canvas, draw_agreement, draw_histogram, draw_pairs, label_axes, save
from .study import Study

WORST_SPECIES = 10
"""Where the histogram of errors of Z ends."""


def run(study: Study, folder: Path) -> dict[str, Any]:
    """The metrics of `crystalgrid-evaluate` and of single voxels; reconstruction.png and reconstruction_cubes.png."""
    model, seen = study.model, study.reconstruction
    tally = Tally(model.grid)
    tally.add(seen.atoms, study.true, seen.density, study.density)
    wanted, got = study.density.flatten().numpy(), seen.density.flatten().numpy()
    cubes = list(range(len(study.true)))[1::CUBES_PER_CRYSTAL][:CUBES_IN_PICTURE]
    plot.reconstructions(
        folder / "reconstruction_cubes.png", study.density, seen.density, study.true, seen.atoms, model.grid, cubes
    )
    _draw(folder / "reconstruction.png", wanted, got, tally.all)
    voxels = {"voxel_error_A-3": percentiles(abs(got - wanted)), "voxel_pearson": pearson(got, wanted)}
    return {**tally.summary(), **voxels, "paper": PAPER[model.mode]}


def _draw(path: Path, wanted: np.ndarray, got: np.ndarray, region: Region) -> None:
    figure, cells = canvas(2, 3)
    axes = [figure.add_subplot(cells[row, column]) for row in (0, 1) for column in range(3)]
    _densities(axes[0], wanted, got)
    _errors(axes[1], got - wanted)
    _counts(axes[2], *np.array(region.counts).T)
    _distances(axes[3], np.concatenate(region.pred_to_true), np.concatenate(region.true_to_pred))
    found_z, true_z = np.concatenate(region.matched).T
    draw_pairs(axes[4], true_z, found_z, (0.0, MAX_Z + 1))
    label_axes(axes[4], "true Z", "found Z", f"species, atoms within {MATCH} Å")
    _species(axes[5], found_z - true_z)
    save(figure, path)


def _densities(axis: Any, wanted: np.ndarray, got: np.ndarray) -> None:
    draw_agreement(axis, wanted, got, np.linspace(0, 1.02 * max(wanted.max(), got.max(), 1e-6), 81))
    label_axes(axis, "true density, Å⁻³", "decoded density, Å⁻³", "density of each voxel")


def _errors(axis: Any, errors: np.ndarray) -> None:
    widest = max(float(abs(errors).max()), 1e-6)
    draw_histogram(axis, {"voxels": errors}, np.linspace(-widest, widest, 81))
    axis.locator_params(axis="x", nbins=5)
    axis.set_yscale("log")
    label_axes(axis, "decoded − true density, Å⁻³", "probability density", "voxel errors")


def _counts(axis: Any, found: np.ndarray, true: np.ndarray) -> None:
    draw_pairs(axis, true, found, (0.0, 1.05 * max(found.max(), true.max(), 1)))
    label_axes(axis, "true atoms", "found atoms", f"atoms per cube, {100 * np.mean(found == true):.0f} % exact")


def _distances(axis: Any, to_true: np.ndarray, to_found: np.ndarray) -> None:
    """Shares of atoms with a counterpart nearer than a distance."""
    for name, distances in (("found to nearest true", to_true), ("true to nearest found", to_found)):
        axis.plot(np.sort(distances), 100 * (np.arange(len(distances)) + 1) / max(len(distances), 1), label=name)
    axis.axvline(MATCH, color="grey", linestyle=":", linewidth=0.9)
    axis.set(xscale="log", xlim=(0.005, 10.0), ylim=(0, 101))
    axis.legend(frameon=False, fontsize=7)
    label_axes(axis, "distance d, Å", "atoms nearer than d, %", "distances of found and true atoms")


def _species(axis: Any, errors: np.ndarray) -> None:
    places = np.arange(-WORST_SPECIES, WORST_SPECIES + 1)
    shares = [
        100 * float((errors.clip(places[0], places[-1]) == place).sum()) / max(len(errors), 1) for place in places
    ]
    axis.bar(places, shares)
    title = f"errors of species, {shares[WORST_SPECIES]:.0f} % exact"
    label_axes(axis, f"found Z − true Z (±{WORST_SPECIES}: or more)", "atoms, %", title)
