"""Atoms: found in species labels as connected components (section 4.2.2)."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from . import _core
from .boundary import a_tensor, address, check_finite, core_on, positive, thread_count
from .crystal import MAX_Z
from .errors import InputError
from .grid import DEFAULT_GRID, Grid


class Atoms(NamedTuple):
    """Atoms found in B cubes; those of cube b are offsets[b]:offsets[b+1]."""

    positions: Tensor
    """[N, 3] float64, Å from the cube's corner."""
    numbers: Tensor
    """[N] int64, atomic numbers."""
    offsets: Tensor
    """[B+1] int64."""
    votes: Tensor
    """[N] int64, voxels that voted for the number."""

    def cube(self, b: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions [n, 3], Å, and atomic numbers [n] of cube b, on the CPU."""
        inside = slice(int(self.offsets[b]), int(self.offsets[b + 1]))
        return self.positions[inside].cpu().numpy(), self.numbers[inside].cpu().numpy()


def find_atoms(
    species: Tensor,
    density: Tensor | None = None,
    grid: Grid = DEFAULT_GRID,
    threads: int | None = None,
    *,
    confidence: Tensor | None = None,
    connectivity: int = 6,
    radius: float = 0.5,
) -> Atoms:
    """Atoms as components of labelled voxels: majority vote for the species, density-weighted mean for the position.

    species: uint8 [B, n, n, n], atomic numbers, 0 where there is no atom.
    density: float [B, n, n, n]; a voxel weighs what its density is, but at most half its atom's mean, so that
        neighbours do not pull and wrong labels hardly count. Without it all voxels weigh alike.
    confidence: float [B, n, n, n], 0 to 1, how probable each label is, as `segment` gives it; it multiplies the weight.
        Networks are less sure where a ball ends, which says where between two voxels that is: of the released models
        half of the atoms then come back a sixth closer to where they are.
    connectivity: 6, voxels that share a face touch, or 26, also those that share an edge or a corner.
    radius: Å, of the balls that the labels were made with.

    Unlike labels that touch are told apart, while a few wrong voxels in a ball are outvoted: a component of one label
    joins an atom it touches if their centres are closer than 1.4 radii, or if it has less than a quarter of a ball's
    voxels.

    Alike atoms come apart too where their balls, or a few wrong voxels between them, touch: in a component of 1.4 to
    5.6 balls' voxels, one that is farther than 2.8 radii from others is of another ball. A pair 0.74 Å apart can be too
    short for that; four in a row come as three. A larger component is nothing known, and one atom.

    Of a ball that a face of the cube cuts, the position is that of the whole ball's centre, inside the cube or outside.

    Exact labels of whole balls of 0.5 Å on the default grid give positions good to 0.04 Å in the median and 0.107 Å at
    worst: there the voxels say no more. Balls that a face cuts: 0.06 Å in the median, 0.14 Å for nine in ten.
    `fit_atoms` goes on from there.

    A voxel whose density or confidence is NaN hardly counts. Raises InputError for shapes, types or options that do not
    fit and, on the CPU, where an atom has a voxel of infinite density or confidence.
    """
    if not isinstance(grid, Grid):
        raise InputError(f"grid: wanted a Grid, got {type(grid).__name__}")
    shape = (*a_tensor("species", species).shape[:1], grid.n, grid.n, grid.n)
    if species.dtype != torch.uint8 or tuple(species.shape) != shape:
        raise InputError(f"species: wanted uint8 of shape {shape}, got {species.dtype} of {tuple(species.shape)}")
    density, confidence = _beside("density", density, species), _beside("confidence", confidence, species)
    if connectivity not in (6, 26):
        raise InputError(f"connectivity: wanted 6 or 26, got {connectivity!r}")
    radius = positive("radius", radius)
    find = _find_on_gpu if species.is_cuda else _find_on_cpu
    found = find((species.contiguous(), density, confidence), grid, thread_count(threads), connectivity, radius)
    check_finite("density, confidence", found.positions)  # a look at every voxel would take a third of the whole time
    return found


def check_atoms(atoms: Atoms) -> int:
    """The number of cubes. Raises InputError unless they are what `find_atoms` could give."""
    if not isinstance(atoms, Atoms):
        raise InputError(f"atoms: wanted Atoms, got {type(atoms).__name__}")
    offsets, count = atoms.offsets.tolist(), len(atoms.numbers)
    if offsets[:1] != [0] or offsets[-1:] != [count] or sorted(offsets) != offsets:
        raise InputError(f"offsets: wanted ascending from 0 to {count}, got {offsets[:8]}…")
    if tuple(atoms.positions.shape) != (count, 3):
        raise InputError(f"positions: wanted shape {(count, 3)}, got {tuple(atoms.positions.shape)}")
    check_finite("positions", atoms.positions)
    if count and not 1 <= int(atoms.numbers.min()) <= int(atoms.numbers.max()) <= MAX_Z:
        raise InputError(f"numbers: wanted 1 to {MAX_Z}, got {int(atoms.numbers.min())} to {int(atoms.numbers.max())}")
    return len(offsets) - 1


def _beside(name: str, values: Tensor | None, species: Tensor) -> Tensor | None:
    """`values` as contiguous float32, if they are of the shape of `species` and where that is."""
    if values is None:
        return None
    values = a_tensor(name, values)
    if values.shape != species.shape or values.device != species.device:
        raise InputError(
            f"{name}: wanted shape {tuple(species.shape)} on {species.device}, "
            f"got {tuple(values.shape)} on {values.device}"
        )
    return values.detach().to(torch.float32).contiguous()


_Voxels = tuple[Tensor, Tensor | None, Tensor | None]
"""Species, density and confidence."""


def _find_on_cpu(voxels: _Voxels, grid: Grid, threads: int, connectivity: int, radius: float) -> Atoms:
    species = voxels[0]
    core, where = core_on(species.device, threads)
    found = core.find_atoms(
        *map(address, voxels),
        len(species),
        _core.Grid(grid.n, grid.length, grid.sigma),
        connectivity=connectivity,
        radius=radius,
        **where,
    )
    positions, numbers, offsets, votes = (torch.from_numpy(values) for values in found)
    return Atoms(positions.reshape(-1, 3), numbers, offsets, votes)


def _find_on_gpu(voxels: _Voxels, grid: Grid, threads: int, connectivity: int, radius: float) -> Atoms:
    """The host waits twice: for how many fragments there are, and for how many atoms, since tensors need sizes."""
    species = voxels[0]
    core, where = core_on(species.device, threads)
    size, core_grid = len(species), _core.Grid(grid.n, grid.length, grid.sigma)
    root = torch.empty(species.shape, dtype=torch.int32, device=species.device)
    counts = species.new_empty(size, dtype=torch.int64)
    core.find_fragments(
        address(species),
        size,
        core_grid,
        connectivity=connectivity,
        radius=radius,
        root=address(root),
        fragments=address(counts),
        **where,
    )
    fragment_offsets = _offsets(counts)
    scratch = species.new_empty(int(fragment_offsets[-1]) * core.fragment_bytes())
    core.join_fragments(
        *map(address, voxels),
        size,
        core_grid,
        connectivity=connectivity,
        radius=radius,
        root=address(root),
        fragment_offsets=address(fragment_offsets),
        scratch=address(scratch),
        atoms=address(counts),
        **where,
    )
    offsets = _offsets(counts)
    atoms = int(offsets[-1])
    found = Atoms(
        positions=species.new_empty(atoms, 3, dtype=torch.float64),
        numbers=species.new_empty(atoms, dtype=torch.int64),
        offsets=offsets,
        votes=species.new_empty(atoms, dtype=torch.int64),
    )
    core.write_atoms(
        size,
        core_grid,
        fragment_offsets=address(fragment_offsets),
        scratch=address(scratch),
        atom_offsets=address(offsets),
        positions=address(found.positions),
        numbers=address(found.numbers),
        votes=address(found.votes),
        **where,
    )
    return found


def _offsets(counts: Tensor) -> Tensor:
    """[B+1] where each of B ragged parts begins, from 0 to the sum of all."""
    return torch.nn.functional.pad(counts.cumsum(0), (1, 0))
