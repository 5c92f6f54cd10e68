"""Species: which atom each voxel belongs to, the matrix S of section 3.1."""

from collections.abc import Sequence

import torch
from torch import Tensor

from . import _core
from .boundary import address, batch_and_cubes, core_on, positive, thread_count
from .crystal import Crystal, CrystalBatch
from .grid import DEFAULT_GRID, Grid


def label_species(
    crystals: Sequence[Crystal] | CrystalBatch,
    grid: Grid = DEFAULT_GRID,
    origin: Tensor | None = None,
    rotation: Tensor | None = None,
    periodic: bool = True,
    threads: int | None = None,
    *,
    radius: float = 0.5,
) -> Tensor:
    """Atomic number of the nearest atom within `radius` Å of each voxel's centre, 0 where there is none.

    Arguments are those of `voxelize`. Atoms just outside the cube label voxels inside it; of atoms equally near, the
    one with the smaller atomic number wins.

    Returns uint8 [B, n, n, n] on the device of the crystals. Raises InputError for shapes or devices that do not fit
    and, on the CPU, for such values.
    """
    batch, origin, rotation = batch_and_cubes(crystals, grid, origin, rotation, periodic)
    species = torch.empty(batch.size, grid.n, grid.n, grid.n, dtype=torch.uint8, device=batch.lattice.device)
    core, where = core_on(species.device, thread_count(threads))
    core.label_species(
        _core.Crystals(batch.size, address(batch.lattice), address(batch.frac_coords), address(batch.offsets)),
        address(batch.numbers),
        _core.Cubes(address(origin), address(rotation), periodic),
        _core.Grid(grid.n, grid.length, grid.sigma),
        radius=positive("radius", radius),
        **where,
        species=address(species),
    )
    return species
