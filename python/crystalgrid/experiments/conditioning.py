"""Conditioning on the largest density, and one latent number swept by itself (section 4.5, Fig. 10).

Networks of waves or of lattices, not those of atoms, carry a density's scale in the first latent number, the logarithm
of the mean density, standardised, and its geometry in the others. So the largest density is asked for through that
number, and nothing has to be trained.
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
from ..report.metrics import percentiles
from ..report.panels import canvas, density_bar, draw_histogram, draw_pairs, draw_slice, highest_plane, label_axes, save
from .study import Study, decode, densities

CORRECTIONS = 5
"""The networks' part of the geometry sees the scale too, a little, so that one step is not exact."""
SCALES = 3
"""From the smallest to the largest density asked for, as many are shown and compared."""
SWEPT = 1
"""The first latent number of the geometry: that of the first principal component, or of a lattice."""
SWEEP = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)


def possible(model: Model) -> bool:
    """Whether a model carries the scale of a density in a latent number of its own."""
    return hasattr(model.network, "vae") and hasattr(model.network.vae, "log_mean")


@torch.no_grad()
def run(study: Study, folder: Path) -> dict[str, Any] | None:
    """Requested against obtained, geometry at other scales, one number swept; conditioning.png, latent_sweep.png.

    None, and a line that says so, for a model that carries the scale nowhere in particular.
    """
    if not possible(study.model):
        reason = "this model has no latent number for the scale of a density"
        print(f"conditioning: left out, since {reason}", file=sys.stderr, flush=True)
        return None
    peaks = study.density.amax((1, 2, 3))
    wanted = torch.logspace(float(peaks.min().log10()), float(peaks.max().log10()), len(peaks))
    obtained = {
        steps: largest(study.model, with_largest(study.model, study.drawn.z, wanted, steps))
        for steps in (1, CORRECTIONS)
    }
    errors = {steps: (got / wanted - 1).abs().numpy() for steps, got in obtained.items()}
    scales = torch.logspace(float(peaks.min().log10()), float(peaks.max().log10()), SCALES)
    scaled = [densities(study.model, with_largest(study.model, study.reconstruction.z, scale)) for scale in scales]
    plain = study.reconstruction.density
    same = np.concatenate([correlation(density, plain) for density in scaled])
    other = correlation(plain.roll(1 + len(plain) // 2, 0), plain)
    _draw(folder / "conditioning.png", study, wanted, obtained[CORRECTIONS], same, other, scaled)
    return {
        "requested_A-3": wanted.tolist(),
        "obtained_A-3": obtained[CORRECTIONS].tolist(),
        "relative_error": {"one_step": percentiles(errors[1]), "corrected": percentiles(errors[CORRECTIONS])},
        "geometry_correlation": {"other_scale": percentiles(same), "other_cube": percentiles(other)},
        "sweep": sweep(study, folder),
    }


def with_largest(model: Model, z: Tensor, wanted: Tensor, steps: int = CORRECTIONS) -> Tensor:
    """z [B, latent_dim] with the first number so that the largest density of each is `wanted` (one or [B], 1/Å³).

    A density that is zero everywhere stays so.
    """
    z = z.clone()
    deviation = model.network.vae.log_mean[1].cpu()
    for _ in range(steps):
        now = largest(model, z)
        z[:, 0] += torch.where(now > 0, (wanted / now).log(), 0.0) / deviation
    return z


def largest(model: Model, z: Tensor) -> Tensor:
    """[B] 1/Å³, the largest density that each z [B, latent_dim] decodes to."""
    return densities(model, z).amax((1, 2, 3))


def correlation(a: Tensor, b: Tensor) -> np.ndarray:
    """[B], over the voxels of each two densities [B, n, n, n]; scale plays no part in it."""
    a, b = (x.double().flatten(1) - x.double().flatten(1).mean(1, keepdim=True) for x in (a, b))
    return torch.nn.functional.cosine_similarity(a, b).numpy()


def sweep(study: Study, folder: Path) -> dict[str, Any]:
    """One number of one crystal's latent vector from -3 to 3, and how its density differs from the unaltered one."""
    z = study.reconstruction.z[:1].repeat(len(SWEEP), 1)
    z[:, SWEPT] = torch.tensor(SWEEP)
    swept, plain = decode(study.model, z, "latent sweep"), study.reconstruction.density[0]
    differences = swept.density - plain
    _draw_sweep(folder / "latent_sweep.png", swept.density, differences, highest_plane(plain)[0], study.model.grid)
    return {
        "latent_number": SWEPT,
        "unaltered": float(study.reconstruction.z[0, SWEPT]),
        "values": SWEEP,
        "relative_change": (differences.flatten(1).norm(dim=1) / plain.norm().clamp_min(1e-12)).tolist(),
        "atoms": swept.atoms.offsets.diff().tolist(),
    }


def _draw(
    path: Path, study: Study, wanted: Tensor, got: Tensor, same: np.ndarray, other: np.ndarray, scaled: list[Tensor]
) -> None:
    figure, cells = canvas(1, 2 + SCALES)
    axes = [figure.add_subplot(cells[0, column]) for column in range(2 + SCALES)]
    draw_pairs(axes[0], wanted.numpy(), got.numpy(), (0.0, 1.1 * float(wanted[-1])))
    label_axes(axes[0], "requested, Å⁻³", "obtained, Å⁻³", "largest density of random draws")
    draw_histogram(axes[1], {"other scale": same, "other cube": other}, np.linspace(-1, 1, 41))
    axes[1].set_yscale("log")
    label_axes(axes[1], "correlation with the unaltered density", "probability density", "geometry")
    plane, _ = highest_plane(study.reconstruction.density[0])
    for axis, density in zip(axes[2:], scaled, strict=True):
        highest = max(float(density[0].max()), 1e-6)
        title = f"asked for {highest:.2f} Å⁻³"
        density_bar(figure, draw_slice(axis, density[0][..., plane], study.model.grid, highest, title), [axis])
    save(figure, path)


def _draw_sweep(path: Path, swept: Tensor, differences: Tensor, plane: int, grid: Grid) -> None:
    """Slices of the swept densities over those of what has changed."""
    rows = {"density": (swept, "magma"), "change": (differences, "RdBu_r")}
    figure, cells = canvas(2, len(SWEEP))
    for row, (name, (cubes, colours)) in enumerate(rows.items()):
        widest = max(float(cubes[..., plane].abs().max()), 1e-6)
        axes = [figure.add_subplot(cells[row, column]) for column in range(len(SWEEP))]
        for axis, value, cube in zip(axes, SWEEP, cubes, strict=True):
            image = draw_slice(axis, cube[..., plane], grid, widest, f"{name}, z[{SWEPT}] = {value:+.0f}", colours)
        density_bar(figure, image, axes)
    save(figure, path)
