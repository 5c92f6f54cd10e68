"""Conditioning on the largest density, and a sweep of one latent number (section 4.5, Fig. 10).

Some autoencoders carry the scale of a density in a latent number of its own: the logarithm of the mean density,
standardised. The geometry is in the others. So a largest density is obtained by changing that number, and nothing has
to be trained.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..grid import Grid
from ..model import Model
from ..report.decoding import decode, decode_density
from ..report.metrics import percentiles
from ..report.panels import canvas, density_bar, draw_histogram, draw_pairs, draw_slice, highest_plane, label_axes, save
from .study import Study

CORRECTIONS = 5
"""The number of steps of the fixed-point iteration, since the geometry depends a little on the scale, too."""
N_SCALES = 3
"""The number of largest densities, from the study's smallest to its largest, at which the geometry is compared."""
SWEPT = 1
"""The latent number that is swept, the first of the geometry: of the first principal component, or of a lattice."""
SWEEP = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)


@torch.no_grad()
def run(study: Study, folder: Path) -> dict[str, Any] | None:
    """Return requested and obtained largest densities, how the geometry changes with them, and a latent sweep.

    Draws conditioning.png and latent_sweep.png. Prints a line and returns None for a model without a latent number for
    the scale.
    """
    if study.model.scale is None:
        reason = "this model has no latent number for the scale of a density"
        print(f"conditioning: left out, since {reason}", file=sys.stderr, flush=True)
        return None
    peaks = study.density.amax((1, 2, 3))
    smallest, largest = float(peaks.min().log10()), float(peaks.max().log10())
    requested = torch.logspace(smallest, largest, len(peaks))
    obtained = {
        steps: largest_density(study.model, with_largest_density(study.model, study.drawn.z, requested, steps))
        for steps in (1, CORRECTIONS)
    }
    errors = {steps: (density / requested - 1).abs().numpy() for steps, density in obtained.items()}
    z, density = study.reconstruction.z, study.reconstruction.density
    scaled = [
        decode_density(study.model, with_largest_density(study.model, z, scale))
        for scale in torch.logspace(smallest, largest, N_SCALES)
    ]
    correlations = {
        "other_scale": np.concatenate([correlation(other, density) for other in scaled]),
        "other_cube": correlation(density.roll(1 + len(density) // 2, 0), density),
    }
    _draw(folder / "conditioning.png", study, requested, obtained[CORRECTIONS], correlations, scaled)
    return {
        "requested_A-3": requested.tolist(),
        "obtained_A-3": obtained[CORRECTIONS].tolist(),
        "relative_error": {"one_step": percentiles(errors[1]), "corrected": percentiles(errors[CORRECTIONS])},
        "geometry_correlation": {name: percentiles(values) for name, values in correlations.items()},
        "sweep": sweep(study, folder),
    }


def with_largest_density(model: Model, z: Tensor, requested: Tensor, steps: int = CORRECTIONS) -> Tensor:
    """Return z [B, latent_dim], its scale changed so that the largest density is as requested (one or [B], 1/Å³).

    A density that is zero everywhere stays so.
    """
    assert model.scale is not None
    index, deviation = model.scale
    z = z.clone()
    for _ in range(steps):
        largest = largest_density(model, z)
        z[:, index] += torch.where(largest > 0, (requested / largest).log(), 0.0) / deviation
    return z


def largest_density(model: Model, z: Tensor) -> Tensor:
    """Return the largest density [B], 1/Å³, that each z [B, latent_dim] decodes to."""
    return decode_density(model, z).amax((1, 2, 3))


def correlation(a: Tensor, b: Tensor) -> np.ndarray:
    """Return the correlation [B] over the voxels of each pair of densities [B, n, n, n]; scale does not change it."""
    a, b = (x.double().flatten(1) - x.double().flatten(1).mean(1, keepdim=True) for x in (a, b))
    return torch.nn.functional.cosine_similarity(a, b).numpy()


def sweep(study: Study, folder: Path) -> dict[str, Any]:
    """Vary one number of one crystal's latent vector, and return how its density and atoms change."""
    z = study.reconstruction.z[:1].repeat(len(SWEEP), 1)
    z[:, SWEPT] = torch.tensor(SWEEP)
    swept, unaltered = decode(study.model, z, "latent sweep"), study.reconstruction.density[0]
    changes = swept.density - unaltered
    _draw_sweep(folder / "latent_sweep.png", swept.density, changes, highest_plane(unaltered)[0], study.model.grid)
    return {
        "latent_number": SWEPT,
        "unaltered": float(study.reconstruction.z[0, SWEPT]),
        "values": SWEEP,
        "relative_change": (changes.flatten(1).norm(dim=1) / unaltered.norm().clamp_min(1e-12)).tolist(),
        "atoms": swept.atoms.offsets.diff().tolist(),
    }


def _draw(
    path: Path,
    study: Study,
    requested: Tensor,
    obtained: Tensor,
    correlations: dict[str, np.ndarray],
    scaled: list[Tensor],
) -> None:
    figure, panels = canvas(1, 2 + N_SCALES)
    axes = [figure.add_subplot(panels[0, column]) for column in range(2 + N_SCALES)]
    draw_pairs(axes[0], requested.numpy(), obtained.numpy(), (0.0, 1.1 * float(requested[-1])))
    label_axes(axes[0], "requested, Å⁻³", "obtained, Å⁻³", "largest density of random draws")
    labelled = {name.replace("_", " "): values for name, values in correlations.items()}
    draw_histogram(axes[1], labelled, np.linspace(-1, 1, 41))
    axes[1].set_yscale("log")
    label_axes(axes[1], "correlation with the unaltered density", "probability density", "geometry")
    plane, _ = highest_plane(study.reconstruction.density[0])
    for axis, density in zip(axes[2:], scaled, strict=True):
        highest = max(float(density[0].max()), 1e-6)
        title = f"asked for {highest:.2f} Å⁻³"
        density_bar(figure, draw_slice(axis, density[0][..., plane], study.model.grid, highest, title), [axis])
    save(figure, path)


def _draw_sweep(path: Path, swept: Tensor, changes: Tensor, plane: int, grid: Grid) -> None:
    """Draw slices of the swept densities over slices of their changes."""
    rows = {"density": (swept, "magma"), "change": (changes, "RdBu_r")}
    figure, panels = canvas(2, len(SWEEP))
    for row, (name, (cubes, colours)) in enumerate(rows.items()):
        largest = max(float(cubes[..., plane].abs().max()), 1e-6)
        axes = [figure.add_subplot(panels[row, column]) for column in range(len(SWEEP))]
        for axis, value, cube in zip(axes, SWEEP, cubes, strict=True):
            image = draw_slice(axis, cube[..., plane], grid, largest, f"{name}, z[{SWEPT}] = {value:+.0f}", colours)
        density_bar(figure, image, axes)
    save(figure, path)
