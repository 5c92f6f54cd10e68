"""The compiled core (cpp/bindings): one function per stage, over addresses of arrays that boundary.py has checked.

Addresses are those of `Tensor.data_ptr()`, 0 where an argument may be left out. Shapes and units are those of the
headers in cpp/include/crystalgrid.
"""

from types import ModuleType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

MAX_Z: int
LEAST_VOLUME: float
FARTHEST: float

class Isa:
    """Instruction sets of the CPU kernels; `automatic` takes the best that the machine has."""

    automatic: Isa
    baseline: Isa
    avx2: Isa
    avx512: Isa

class Grid:
    def __init__(self, n: int, length: float, sigma: float) -> None: ...

class Crystals:
    def __init__(self, size: int, lattice: int, frac_coords: int, offsets: int) -> None: ...

class Cubes:
    def __init__(self, origin: int, rotation: int, periodic: bool) -> None: ...

def fault(crystals: Crystals, numbers: int, atoms: int, cubes: Cubes) -> str: ...
def voxelize(
    crystals: Crystals,
    weights: int,
    cubes: Cubes,
    grid: Grid,
    *,
    accuracy: float,
    cutoff: float,
    threads: int,
    isa: Isa,
    float64: bool,
    density: int,
    cutoffs: int,
) -> None: ...
def voxelize_backward(
    crystals: Crystals,
    weights: int,
    cubes: Cubes,
    grid: Grid,
    *,
    threads: int,
    isa: Isa,
    float64: bool,
    cutoffs: int,
    grad_density: int,
    grad_frac_coords: int,
    grad_weights: int,
    grad_lattice: int,
) -> None: ...
def label_species(
    crystals: Crystals, numbers: int, cubes: Cubes, grid: Grid, *, radius: float, threads: int, species: int
) -> None: ...
def find_atoms(
    species: int,
    density: int,
    confidence: int,
    batch: int,
    grid: Grid,
    *,
    connectivity: int,
    radius: float,
    threads: int,
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return positions [3N], numbers [N], offsets [B+1] and votes [N]."""

class Cuda(ModuleType):
    """The module `cuda`: the stages on a GPU, over addresses on the device, queued on a stream of it."""

    @staticmethod
    def voxelize(
        crystals: Crystals,
        weights: int,
        cubes: Cubes,
        grid: Grid,
        *,
        accuracy: float,
        cutoff: float,
        isa: Isa,
        device: int,
        stream: int,
        float64: bool,
        density: int,
        cutoffs: int,
    ) -> None: ...
    @staticmethod
    def voxelize_backward_scratch(batch: int, atoms: int, grid: Grid) -> int: ...
    @staticmethod
    def voxelize_backward(
        crystals: Crystals,
        weights: int,
        cubes: Cubes,
        grid: Grid,
        *,
        isa: Isa,
        device: int,
        stream: int,
        float64: bool,
        cutoffs: int,
        grad_density: int,
        scratch: int,
        grad_frac_coords: int,
        grad_weights: int,
        grad_lattice: int,
    ) -> None: ...
    @staticmethod
    def label_species(
        crystals: Crystals,
        numbers: int,
        cubes: Cubes,
        grid: Grid,
        *,
        radius: float,
        device: int,
        stream: int,
        species: int,
    ) -> None: ...
    @staticmethod
    def find_fragments(
        species: int,
        batch: int,
        grid: Grid,
        *,
        connectivity: int,
        radius: float,
        device: int,
        stream: int,
        root: int,
        fragments: int,
    ) -> None: ...
    @staticmethod
    def fragment_bytes() -> int: ...
    @staticmethod
    def join_fragments(
        species: int,
        density: int,
        confidence: int,
        batch: int,
        grid: Grid,
        *,
        connectivity: int,
        radius: float,
        device: int,
        stream: int,
        root: int,
        fragment_offsets: int,
        scratch: int,
        atoms: int,
    ) -> None: ...
    @staticmethod
    def write_atoms(
        batch: int,
        grid: Grid,
        *,
        device: int,
        stream: int,
        fragment_offsets: int,
        scratch: int,
        atom_offsets: int,
        positions: int,
        numbers: int,
        votes: int,
    ) -> None: ...

cuda: Cuda | None
"""None where the core was built without CUDA."""

class Stages(Protocol):
    """The stages that CPU and GPU have in common; `queue` is threads=… on the CPU, device=… and stream=… on a GPU.

    It is known to type checkers alone: at run time it is this module or `cuda`.
    """

    def voxelize(
        self,
        crystals: Crystals,
        weights: int,
        cubes: Cubes,
        grid: Grid,
        /,
        *,
        accuracy: float,
        cutoff: float,
        isa: Isa,
        float64: bool,
        density: int,
        cutoffs: int,
        **queue: int,
    ) -> None: ...
    def voxelize_backward(
        self,
        crystals: Crystals,
        weights: int,
        cubes: Cubes,
        grid: Grid,
        /,
        *,
        isa: Isa,
        float64: bool,
        cutoffs: int,
        grad_density: int,
        grad_frac_coords: int,
        grad_weights: int,
        grad_lattice: int,
        **queue: int,
    ) -> None: ...
    def label_species(
        self,
        crystals: Crystals,
        numbers: int,
        cubes: Cubes,
        grid: Grid,
        /,
        *,
        radius: float,
        species: int,
        **queue: int,
    ) -> None: ...
