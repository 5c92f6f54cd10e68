"""The species of voxels, the matrix S of section 3.1: the atomic number of the atom each voxel belongs to."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .boundary import address, batch_and_cubes, core_batch, core_on, positive, thread_count
from .crystal import CrystalBatch, CrystalLike
from .grid import DEFAULT_GRID, Grid


def label_species(
    crystals: CrystalLike | Sequence[CrystalLike] | CrystalBatch,
    grid: Grid = DEFAULT_GRID,
    origin: Tensor | None = None,
    rotation: Tensor | None = None,
    periodic: bool = True,
    threads: int | None = None,
    *,
    radius: float = 0.5,
) -> Tensor:
    """Return the atomic number of the nearest atom within `radius` Å of each voxel's centre, 0 where there is none.

    Arguments are those of `voxelize`. Atoms just outside the cube label voxels inside it; of atoms equally near, the
    one with the smaller atomic number wins.

    Returns uint8 [B, n, n, n] on the device of the crystals. Raises InputError for wrong shapes or devices and, on the
    CPU, for wrong values.
    """
    batch, origin, rotation = batch_and_cubes(crystals, grid, origin, rotation, periodic)
    species = torch.empty(batch.size, grid.n, grid.n, grid.n, dtype=torch.uint8, device=batch.lattice.device)
    core, queue = core_on(species.device, thread_count(threads))
    core.label_species(
        *core_batch(*batch, origin, rotation, periodic, grid),
        radius=positive("radius", radius),
        **queue,
        species=address(species),
    )
    return species
