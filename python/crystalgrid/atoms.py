"""Atoms found in the species labels of voxels, as connected components (section 4.2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from . import _core
from .boundary import a_tensor, address, check_finite, core_grid, cuda_on, positive, thread_count
from .crystal import MAX_Z, SYMBOLS
from .errors import InputError, require
from .grid import DEFAULT_GRID, Grid

if TYPE_CHECKING:
    from ase import Atoms as AseAtoms
    from pymatgen.core.structure import Molecule


class Atoms(NamedTuple):
    """The atoms found in B cubes, as flat tensors; atoms of cube b are offsets[b]:offsets[b+1]."""

    positions: Tensor
    """[N, 3] float64, Å from the cube's corner."""
    numbers: Tensor
    """[N] int64, atomic numbers."""
    offsets: Tensor
    """[B+1] int64."""
    votes: Tensor
    """[N] int64, voxels that voted for the number."""

    def cube(self, b: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the positions [n, 3] in Å and atomic numbers [n] of cube b, on the CPU."""
        inside = slice(int(self.offsets[b]), int(self.offsets[b + 1]))
        return self.positions[inside].cpu().numpy(), self.numbers[inside].cpu().numpy()

    def to_ase(self, b: int = 0) -> AseAtoms:
        """Return the atoms of cube b as an ASE Atoms, which is not periodic and has no cell."""
        require("ase", "data")
        from ase import Atoms as AseAtoms

        positions, numbers = self.cube(b)
        return AseAtoms(numbers=numbers, positions=positions, pbc=False)

    def to_pymatgen(self, b: int = 0) -> Molecule:
        """Return the atoms of cube b as a pymatgen Molecule."""
        require("pymatgen", "data")
        from pymatgen.core.structure import Molecule

        positions, numbers = self.cube(b)
        return Molecule([SYMBOLS[z - 1] for z in numbers], positions)


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
    """Find atoms as connected components of labelled voxels.

    Voxels vote for the species; the position is their mean, weighted by density.

    species: uint8 [B, n, n, n], atomic numbers, 0 where there is no atom.
    density: float [B, n, n, n]; the weight of a voxel, of which at most half its atom's mean counts, so that neighbours
        do not pull and wrong labels hardly matter. Without it all voxels weigh the same.
    confidence: float [B, n, n, n], the probability of each label, as `segment` gives it; it multiplies the weight.
        Networks are less sure at the surface of a ball, which tells where between two voxels the surface is: with the
        released models the median error of positions becomes a sixth smaller.
    connectivity: 6 (voxels that share a face touch) or 26 (also voxels that share an edge or a corner).
    radius: Å, of the balls that the labels were made with.

    Touching components of different labels are different atoms, while a few wrong voxels in a ball are outvoted: a
    component joins an atom that it touches if their centres are closer than 1.4 radii, or if it has less than a quarter
    of a ball's voxels.

    Touching balls of one species are separated, too: a component with the voxels of 1.4 to 5.6 balls is split where
    voxels are farther than 2.8 radii apart. A pair of atoms 0.74 Å apart can be too short to be split; four atoms in a
    row become three. A larger component stays one atom.

    If a face of the cube cuts a ball, the position is the centre of the whole ball, inside the cube or outside.

    Exact labels of whole balls of 0.5 Å on the default grid give positions with an error of 0.04 Å in the median and of
    0.107 Å at most, which is the limit of the voxels. Balls cut by a face: 0.06 Å in the median, 0.14 Å for nine in
    ten. `fit_atoms` refines them.

    Voxels whose density or confidence is NaN hardly count. Raises InputError for wrong shapes, types or options and, on
    the CPU, where an atom has a voxel of infinite density or confidence.
    """
    if not isinstance(grid, Grid):
        raise InputError(f"grid: wanted a Grid, got {type(grid).__name__}")
    shape = (*a_tensor("species", species).shape[:1], grid.n, grid.n, grid.n)
    if species.dtype != torch.uint8 or tuple(species.shape) != shape:
        raise InputError(f"species: wanted uint8 of shape {shape}, got {species.dtype} of {tuple(species.shape)}")
    density, confidence = _weights("density", density, species), _weights("confidence", confidence, species)
    if connectivity not in (6, 26):
        raise InputError(f"connectivity: wanted 6 or 26, got {connectivity!r}")
    radius = positive("radius", radius)
    find = _find_on_gpu if species.is_cuda else _find_on_cpu
    found = find((species.contiguous(), density, confidence), grid, thread_count(threads), connectivity, radius)
    check_finite("density, confidence", found.positions)  # checking every voxel would take a third of the whole time
    return found


def check_atoms(atoms: Atoms) -> int:
    """Return the number of cubes; raise InputError for atoms that `find_atoms` could not have returned."""
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


def _weights(name: str, values: Tensor | None, species: Tensor) -> Tensor | None:
    """Return `values` as contiguous float32; raise InputError unless their shape and device are those of `species`."""
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
"""Species, density and confidence of voxels, each [B, n, n, n]."""


def _find_on_cpu(voxels: _Voxels, grid: Grid, threads: int, connectivity: int, radius: float) -> Atoms:
    found = _core.find_atoms(
        *_addresses(voxels), len(voxels[0]), core_grid(grid), connectivity=connectivity, radius=radius, threads=threads
    )
    positions, numbers, offsets, votes = (torch.from_numpy(values) for values in found)
    return Atoms(positions.reshape(-1, 3), numbers, offsets, votes)


def _find_on_gpu(voxels: _Voxels, grid: Grid, threads: int, connectivity: int, radius: float) -> Atoms:
    """Find atoms as on the CPU; the host waits twice, for the numbers of fragments and of atoms, which size tensors."""
    species = voxels[0]
    cuda, queue = cuda_on(species.device)
    size, cubes = len(species), core_grid(grid)
    root = torch.empty(species.shape, dtype=torch.int32, device=species.device)
    counts = species.new_empty(size, dtype=torch.int64)
    cuda.find_fragments(
        address(species),
        size,
        cubes,
        connectivity=connectivity,
        radius=radius,
        root=address(root),
        fragments=address(counts),
        **queue,
    )
    fragment_offsets = _offsets(counts)
    scratch = species.new_empty(int(fragment_offsets[-1]) * cuda.fragment_bytes())
    cuda.join_fragments(
        *_addresses(voxels),
        size,
        cubes,
        connectivity=connectivity,
        radius=radius,
        root=address(root),
        fragment_offsets=address(fragment_offsets),
        scratch=address(scratch),
        atoms=address(counts),
        **queue,
    )
    offsets = _offsets(counts)
    atoms = int(offsets[-1])
    found = Atoms(
        positions=species.new_empty(atoms, 3, dtype=torch.float64),
        numbers=species.new_empty(atoms, dtype=torch.int64),
        offsets=offsets,
        votes=species.new_empty(atoms, dtype=torch.int64),
    )
    cuda.write_atoms(
        size,
        cubes,
        fragment_offsets=address(fragment_offsets),
        scratch=address(scratch),
        atom_offsets=address(offsets),
        positions=address(found.positions),
        numbers=address(found.numbers),
        votes=address(found.votes),
        **queue,
    )
    return found


def _offsets(counts: Tensor) -> Tensor:
    """Return the offsets [B+1] of B ragged parts from their sizes [B]."""
    return torch.nn.functional.pad(counts.cumsum(0), (1, 0))


def _addresses(voxels: _Voxels) -> tuple[int, int, int]:
    species, density, confidence = voxels
    return address(species), address(density), address(confidence)
