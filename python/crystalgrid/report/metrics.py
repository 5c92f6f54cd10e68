"""The metrics that compare found atoms with true ones, and decoded voxels with true ones (section 4.2.2, Eq. 6)."""

from __future__ import annotations

import itertools
import math
from itertools import compress
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from ..atoms import Atoms
from ..data.cubes import Cubes
from ..geometry.images import translations_into
from ..grid import Grid

MATCH = 0.5
"""The distance in Å below which a found and a true atom are the same atom."""
SHELL = 1.0
"""The depth in Å of the shell of true atoms around the cube, and of the layer within it that is not interior."""
ON_A_FACE = 1e-6
"""The distance in Å from a face at which an atom counts as inside the cube, however its coordinate was rounded."""


def none_found(grid: Grid) -> float:
    """Return the distance in Å, the diagonal of the cube, that stands for no atom at all."""
    return math.sqrt(3) * grid.length


class TrueAtoms(NamedTuple):
    """The atoms of one cube and of the shell around it."""

    positions: np.ndarray
    """[N, 3] Å from the cube's corner."""
    numbers: np.ndarray
    """[N] atomic numbers."""

    def depth(self, length: float) -> np.ndarray:
        """Return the distance [N] Å from each atom to the nearest face of the cube, negative outside."""
        depth: np.ndarray = np.minimum(self.positions, length - self.positions).min(axis=1, initial=np.inf)
        return depth


def true_atoms(cubes: Cubes, grid: Grid) -> list[TrueAtoms]:
    """Return the atoms inside each cube or in the shell of 1 Å around it, with periodic images in repeated mode."""
    lattices, frac_coords = cubes.crystals.lattice.numpy(), cubes.crystals.frac_coords.numpy()
    numbers, offsets = cubes.crystals.numbers.numpy(), cubes.crystals.offsets.numpy()
    corners = np.array(list(itertools.product((-SHELL, grid.length + SHELL), repeat=3)))
    result = []
    for b, origin in enumerate(cubes.origin.numpy()):
        atoms = slice(offsets[b], offsets[b + 1])
        rotation = np.eye(3) if cubes.rotation is None else cubes.rotation[b].numpy()
        images = np.zeros((1, 3), dtype=int)
        if cubes.periodic:
            frac_corners = np.linalg.solve(lattices[b].T, (corners @ rotation + origin).T).T
            images = translations_into(frac_corners, frac_coords[atoms])
        points = (frac_coords[atoms] + images[:, None]).reshape(-1, 3) @ lattices[b]
        candidates = TrueAtoms((points - origin) @ rotation.T, np.tile(numbers[atoms], len(images)))
        near = candidates.depth(grid.length) >= -SHELL
        result.append(TrueAtoms(candidates.positions[near], candidates.numbers[near]))
    return result


class Region:
    """The counts over one region of all cubes: the whole cubes, or their interiors."""

    def __init__(self) -> None:
        self.pred_to_true: list[np.ndarray] = []
        self.true_to_pred: list[np.ndarray] = []
        self.matched: list[np.ndarray] = []  # [n, 2] found and true Z
        self.counts: list[tuple[int, int]] = []  # of found and true atoms, per cube
        self.squared_errors: list[np.ndarray] = []  # per cube, mean over voxels
        self.relative_errors: list[np.ndarray] = []

    def add_atoms(self, to_true: np.ndarray, found_z: np.ndarray, true_z: np.ndarray, to_pred: np.ndarray) -> None:
        """Count one cube.

        to_true: Å from each found atom to the nearest true one; found_z, true_z: atomic numbers of the two; to_pred: Å
        from each true atom to the nearest found one.
        """
        near = to_true <= MATCH
        self.pred_to_true.append(to_true)
        self.true_to_pred.append(to_pred)
        self.matched.append(np.stack((found_z[near], true_z[near]), axis=1))
        self.counts.append((len(to_true), len(to_pred)))

    def add_voxels(self, decoded: Tensor, density: Tensor) -> None:
        """Count the voxels of a batch of cubes [B, m, m, m]."""
        error, size = (decoded - density).double().flatten(1), density.double().flatten(1)
        self.squared_errors.append(error.square().mean(1).numpy())
        self.relative_errors.append((error.norm(dim=1) / size.norm(dim=1).clamp_min(1e-12)).numpy())

    def means(self) -> dict[str, list[np.ndarray]]:
        """Return the metrics that are means, by name: the values of each cube, over all of which the mean is taken."""
        count_errors = [abs(np.array([found - true])) for found, true in self.counts]
        z_errors = [abs(matched[:, 0] - matched[:, 1].astype(float)) for matched in self.matched]
        return {
            "recall_0p5A": [to_pred <= MATCH for to_pred in self.true_to_pred],
            "precision_0p5A": [to_true <= MATCH for to_true in self.pred_to_true],
            "count_exact": [error == 0 for error in count_errors],
            "count_within_1": [error <= 1 for error in count_errors],
            "species_exact": [error == 0 for error in z_errors],
            "species_within_2": [error <= 2 for error in z_errors],
            "voxel_mse": list(np.concatenate(self.squared_errors or [np.zeros(0)])[:, None]),
            "voxel_rel_l2": list(np.concatenate(self.relative_errors or [np.zeros(0)])[:, None]),
        }

    def summary(self) -> dict[str, Any]:
        """Return the metrics of the region, None if there was nothing to count, and the counts they are of."""
        to_true, to_pred = np.concatenate(self.pred_to_true), np.concatenate(self.true_to_pred)
        found_z, true_z = np.concatenate(self.matched).T.astype(float)
        means = {key: mean(np.concatenate(values or [np.zeros(0)])) for key, values in self.means().items()}
        voxels = {key: means.pop(key) for key in ("voxel_mse", "voxel_rel_l2")}
        return {
            "n_found": len(to_true),
            "n_true": len(to_pred),
            "n_matched": len(found_z),
            "pred_to_true_A": percentiles(to_true),
            "true_to_pred_A": percentiles(to_pred),
            **means,
            "z_pearson": pearson(found_z, true_z),
            **voxels,
        }

    def of_cubes(self, chosen: np.ndarray) -> Region:
        """Return the counts over some of the cubes, as [n_cubes] bool says."""
        part = Region()
        for name in ("pred_to_true", "true_to_pred", "matched", "counts"):
            setattr(part, name, list(compress(getattr(self, name), chosen)))
        for name in ("squared_errors", "relative_errors"):
            errors = getattr(self, name)
            setattr(part, name, [np.concatenate(errors)[chosen]] if errors else [])
        return part


class Tally:
    """A count over cube after cube; `summary` gives the metrics of all so far.

    T are the true atoms inside the cube, P the found ones, of which some are outside it, as a face cuts their balls.
    Each p has a nearest atom among T and the shell of 1 Å around the cube, each t a nearest p; where there is none, the
    distance is the cube's diagonal, the largest it could be. Recall is over T, precision over P. Counts are of T and P;
    in repeated mode, where faces cut many balls, the interior's say more. The interior are true atoms 1 Å or more from
    every face, found atoms whose nearest true atom is such a one, and voxels whose centres are.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.all, self.interior = Region(), Region()

    def add(self, found: Atoms, true: list[TrueAtoms], decoded: Tensor, density: Tensor) -> None:
        """Count a batch of cubes: found and true atoms, and decoded and true densities [B, n, n, n] on the CPU."""
        for b, atoms in enumerate(true):
            self._add_cube(*found.cube(b), atoms)
        self.all.add_voxels(decoded, density)
        rim = math.ceil(SHELL / self.grid.spacing - 0.5 - 1e-9)
        if 2 * rim < self.grid.n:
            core = (slice(None), *3 * (slice(rim, self.grid.n - rim),))
            self.interior.add_voxels(decoded[core], density[core])

    def _add_cube(self, found: np.ndarray, found_z: np.ndarray, true: TrueAtoms) -> None:
        depth = true.depth(self.grid.length)
        distances = np.linalg.norm(found[:, None] - true.positions[None], axis=-1)
        diagonal = none_found(self.grid)
        to_pred = distances.min(axis=0, initial=diagonal)
        to_true = distances.min(axis=1, initial=diagonal)
        if len(true.numbers):
            nearest = distances.argmin(axis=1)
            nearest_z, nearest_depth = true.numbers[nearest], depth[nearest]
        else:
            nearest_z, nearest_depth = np.zeros_like(found_z), TrueAtoms(found, found_z).depth(self.grid.length)
        self.all.add_atoms(to_true, found_z, nearest_z, to_pred[depth >= -ON_A_FACE])
        deep = nearest_depth >= SHELL - ON_A_FACE
        self.interior.add_atoms(to_true[deep], found_z[deep], nearest_z[deep], to_pred[depth >= SHELL - ON_A_FACE])

    def summary(self) -> dict[str, Any]:
        """Return the metrics over all cubes, and those of their interiors as `interior`."""
        n_cubes = len(self.all.counts)
        return {"n_cubes": n_cubes, **self.all.summary(), "interior": {"n_cubes": n_cubes, **self.interior.summary()}}

    def of_cubes(self, chosen: np.ndarray) -> Tally:
        """Return the counts over some of the cubes, as [n_cubes] bool says."""
        part = Tally(self.grid)
        part.all, part.interior = self.all.of_cubes(chosen), self.interior.of_cubes(chosen)
        return part


def mean(values: np.ndarray) -> float | None:
    """Return the mean, or None for no values."""
    return float(values.mean()) if len(values) else None


def percentiles(values: np.ndarray) -> dict[str, float | None]:
    """Return the median, the 75th and the 90th percentile, or None for no values."""
    return {f"p{p}": float(np.percentile(values, p)) if len(values) else None for p in (50, 75, 90)}


def pearson(a: np.ndarray, b: np.ndarray) -> float | None:
    """Return the correlation coefficient, or None if either does not vary."""
    if len(a) < 2 or a.std() == 0 or b.std() == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])
