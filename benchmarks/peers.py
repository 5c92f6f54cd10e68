"""Other programs that do the same work, each called as well as we can; one cube at a time, one thread."""

import subprocess
import tempfile
from pathlib import Path

import cc3d
import freud
import numpy as np
import scipy.ndimage
import torch
from pymatgen.core import Structure
from scipy.spatial import cKDTree
from torch import Tensor

from crystalgrid import Grid

AXIS = (np.arange(30) + 0.5) / 3
"""Å, voxel centres of the default grid."""
PREFACTOR = (2 * np.pi) ** -1.5


def pymatgen_images(structure: Structure, origin: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Positions in the cube [M, 3] and atomic numbers [M] of all images within `reach` Å of the default cube."""
    radius = np.sqrt(3) * 5 + reach
    frac_coords, _, atoms, _ = structure.lattice.get_points_in_sphere(
        structure.frac_coords, origin + 5, radius, zip_results=False
    )
    positions = structure.lattice.get_cartesian_coords(frac_coords) - origin
    near = ((positions - np.clip(positions, 0, 10)) ** 2).sum(axis=1) <= reach**2
    return positions[near], np.array([site.specie.Z for site in structure])[atoms[near].astype(int)]


def numpy_density(structure: Structure, origin: np.ndarray, reach: float) -> np.ndarray:
    """Images by pymatgen, three Gaussians in one dimension, and their product by einsum."""
    positions, weights = pymatgen_images(structure, origin, reach)
    x, y, z = np.exp(-0.5 * (positions.T[:, :, None] - AXIS) ** 2)
    return PREFACTOR * np.einsum("mi,mj,mk->ijk", x * weights[:, None], y, z, optimize=True)


def torch_density(positions: Tensor, weights: Tensor) -> Tensor:
    """Images as they are given, float32 [M, 3] and [M]; one matrix product with operands built on the way."""
    axis = torch.from_numpy(AXIS).float()
    x, y, z = (positions.T[:, :, None] - axis).square_().mul_(-0.5).exp_()
    planes = (y[:, :, None] * z[:, None, :]).view(len(weights), 900)
    return ((x * weights[:, None]).T @ planes).view(30, 30, 30)


def authors_row(structure: Structure, origin: np.ndarray) -> np.ndarray:
    """One row of 30 voxels in the style of the original code: a loop over voxels and atoms, nearest images only."""
    row = np.zeros(30)
    for k, z in enumerate(AXIS):
        voxel = structure.lattice.get_fractional_coords(origin + np.array([AXIS[15], AXIS[15], z]))
        for site in structure:
            distance, _ = structure.lattice.get_distance_and_image(voxel, site.frac_coords)
            row[k] += site.specie.Z * PREFACTOR * np.exp(-0.5 * distance**2)
    return row


def freud_density(positions: np.ndarray, weights: np.ndarray, grid: Grid, reach: float) -> np.ndarray:
    """Gaussians in a cubic box that is the cube itself and at least twice the reach, where freud is right."""
    box = freud.box.Box.cube(grid.length)
    density = freud.density.GaussianDensity(grid.n, reach, grid.sigma)
    return density.compute((box, box.wrap(positions - grid.length / 2)), values=weights).density


def tree_labels(positions: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Nearest image within 0.5 Å by SciPy's k-d tree, [30, 30, 30]."""
    voxels = np.stack(np.meshgrid(AXIS, AXIS, AXIS, indexing="ij"), axis=-1).reshape(-1, 3)
    _, nearest = cKDTree(positions).query(voxels, distance_upper_bound=0.5)
    return np.append(numbers, 0)[nearest].astype(np.uint8).reshape(30, 30, 30)


def cc3d_atoms(species: np.ndarray, density: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Components by cc3d; centres and votes by NumPy. Positions [N, 3] Å and atomic numbers [N]."""
    components, count = cc3d.connected_components(species > 0, connectivity=6, return_N=True)
    voxels = np.flatnonzero(components)
    component, weight = components.ravel()[voxels], density.ravel()[voxels]
    total = np.bincount(component, weight, count + 1)[1:]
    indices = np.unravel_index(voxels, (30, 30, 30))
    centres = [np.bincount(component, weight * i, count + 1)[1:] / total for i in indices]
    votes = np.bincount(component * 95 + species.ravel()[voxels], minlength=(count + 1) * 95).reshape(-1, 95)
    return (np.stack(centres, axis=1) + 0.5) / 3, votes.argmax(axis=1)[1:]


def scipy_atoms(species: np.ndarray, density: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same by scipy.ndimage, with its own statistics."""
    components, count = scipy.ndimage.label(species > 0)
    index = np.arange(1, count + 1)
    centres = scipy.ndimage.center_of_mass(density, components, index)
    votes = np.bincount(components.ravel().astype(np.int64) * 95 + species.ravel(), minlength=(count + 1) * 95)
    return (np.array(centres) + 0.5) / 3, votes.reshape(-1, 95).argmax(axis=1)[1:]


class MultiplyAdds:
    """Multiply-adds per second of a plain loop in registers on one core, compiled here for this machine."""

    SOURCE = r"""
    #include <chrono>
    #include <cstdio>
    #ifdef __AVX512F__
    typedef float Vector __attribute__((vector_size(64)));
    #elif defined(__AVX2__)
    typedef float Vector __attribute__((vector_size(32)));
    #else
    typedef float Vector __attribute__((vector_size(16)));
    #endif
    int main(int argc, char**) {
      constexpr int kSums = 12, kLanes = sizeof(Vector) / sizeof(float);
      constexpr long kSteps = 4'000'000;
      const Vector x = 0.999f * argc - Vector{}, y = 0.001f * argc - Vector{};
      Vector sums[kSums];
      for (int i = 0; i < kSums; ++i) sums[i] = float(i * argc) - Vector{};  // unlike, or one would do for all
      const auto start = std::chrono::steady_clock::now();
      for (long step = 0; step < kSteps; ++step)
        for (int i = 0; i < kSums; ++i) sums[i] = sums[i] * x + y;
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
      Vector total{};
      for (const Vector& sum : sums) total += sum;
      std::printf("%g %g\n", kSteps * kSums * kLanes / seconds.count(), total[0]);
    }
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        source, self._program = Path(self._folder.name, "peak.cpp"), Path(self._folder.name, "peak")
        source.write_text(self.SOURCE)
        subprocess.run(["c++", "-std=c++20", "-O3", "-march=native", source, "-o", self._program], check=True)

    def per_second(self) -> float:
        """Measured now."""
        return float(subprocess.run([self._program], capture_output=True, text=True, check=True).stdout.split()[0])
