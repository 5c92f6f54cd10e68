"""The density of crystals on cubes of voxels: Eq. (1), a Gaussian for each atom; it is differentiable."""

from collections.abc import Sequence
from typing import Any, Optional

import torch
from torch import Tensor

from . import _core
from .boundary import address, batch_and_cubes, checked, core_batch, core_grid, core_on, cuda_on, positive, thread_count
from .crystal import CrystalBatch, CrystalLike
from .errors import InputError
from .grid import DEFAULT_GRID, Grid


def voxelize(
    crystals: CrystalLike | Sequence[CrystalLike] | CrystalBatch,
    grid: Grid = DEFAULT_GRID,
    origin: Tensor | None = None,
    rotation: Tensor | None = None,
    periodic: bool = True,
    threads: int | None = None,
    *,
    weights: Tensor | None = None,
    accuracy: float = 1e-5,
    cutoff: float | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Return the density M of Eq. (1), in 1/Å³: one Gaussian per atom, one cube per crystal.

    crystals: B crystals, each a Crystal, a pymatgen Structure or an ASE Atoms, or a packed batch whose tensors may
        require gradients; a single crystal is a batch of one.
    origin: [B, 3] Å, the cube's corner in the crystal's frame; default zeros.
    rotation: [B, 3, 3], orthogonal; a point x of the crystal lies in the cube at R (x - origin); default identity.
    periodic: sum over all periodic images (repeated mode), or over the atoms as they are given (single mode).
    threads: CPU threads, default all cores; the result is the same bits for any number.
    weights: [N] what the Gaussians integrate to; default the atomic numbers.
    accuracy: largest error of the sum over images, relative to the cube's maximum.
    cutoff: Å; leave out images farther than this instead of choosing the distance from `accuracy`.

    Returns [B, n, n, n] of `dtype`, float32 or float64, on the device of the crystals. First derivatives reach lattice,
    frac_coords and weights. Raises InputError for wrong shapes or devices and, on the CPU, for wrong values. Checking
    values on a GPU would wait for it; there the cube of a cell that is singular or too dense stays empty.
    """
    batch, origin, rotation = batch_and_cubes(crystals, grid, origin, rotation, periodic)
    if dtype not in (torch.float32, torch.float64):
        raise InputError(f"dtype: wanted torch.float32 or torch.float64, got {dtype}")
    if weights is None:
        weights = batch.numbers.to(torch.float64)
    else:
        weights = checked("weights", weights, tuple(batch.numbers.shape), torch.float64, batch.lattice.device)
    density: Tensor = _voxelize(
        batch.lattice,
        batch.frac_coords,
        weights,
        batch.offsets,
        origin,
        rotation,
        grid.n,
        grid.length,
        grid.sigma,
        periodic,
        positive("accuracy", accuracy),
        0.0 if cutoff is None else positive("cutoff", cutoff),
        thread_count(threads),
        dtype == torch.float64,
    )[0]
    return density


# Schemas of custom ops are read from these annotations, which older torch wants spelt Optional.
@torch.library.custom_op("crystalgrid::voxelize", mutates_args=())
def _voxelize(
    lattice: Tensor,
    frac_coords: Tensor,
    weights: Tensor,
    offsets: Tensor,
    origin: Optional[Tensor],  # noqa: UP045
    rotation: Optional[Tensor],  # noqa: UP045
    n: int,
    length: float,
    sigma: float,
    periodic: bool,
    accuracy: float,
    cutoff: float,
    threads: int,
    float64: bool,
) -> tuple[Tensor, Tensor]:
    """Return the density, and the cutoff [B] in Å of each cube, which its gradient needs.

    The cutoff is infinite where the sum over images was taken as a Fourier series.
    """
    size = len(lattice)
    density = torch.empty(size, n, n, n, dtype=torch.float64 if float64 else torch.float32, device=lattice.device)
    cutoffs = torch.empty(size, dtype=torch.float64, device=lattice.device)
    core, queue = core_on(lattice.device, threads)
    core.voxelize(
        *core_batch(lattice, frac_coords, weights, offsets, origin, rotation, periodic, Grid(n, length, sigma)),
        accuracy=accuracy,
        cutoff=cutoff,
        **queue,
        isa=_core.Isa.automatic,
        float64=float64,
        density=address(density),
        cutoffs=address(cutoffs),
    )
    return density, cutoffs


@torch.library.custom_op("crystalgrid::voxelize_backward", mutates_args=())
def _voxelize_backward(
    grad_density: Tensor,
    lattice: Tensor,
    frac_coords: Tensor,
    weights: Tensor,
    offsets: Tensor,
    origin: Optional[Tensor],  # noqa: UP045
    rotation: Optional[Tensor],  # noqa: UP045
    cutoffs: Tensor,
    n: int,
    length: float,
    sigma: float,
    periodic: bool,
    threads: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of lattice, frac_coords and weights."""
    grid = Grid(n, length, sigma)
    grads = torch.empty_like(lattice), torch.empty_like(frac_coords), torch.empty_like(weights)
    grad_density = grad_density.contiguous()
    core, queue = core_on(lattice.device, threads)
    if lattice.is_cuda:  # room for the sums over parts of a cube, which are added up in a fixed order
        doubles = cuda_on(lattice.device)[0].voxelize_backward_scratch(len(lattice), len(frac_coords), core_grid(grid))
        scratch = torch.empty(doubles, dtype=torch.float64, device=lattice.device)
        queue["scratch"] = address(scratch)
    core.voxelize_backward(
        *core_batch(lattice, frac_coords, weights, offsets, origin, rotation, periodic, grid),
        **queue,
        isa=_core.Isa.automatic,
        float64=grad_density.dtype == torch.float64,
        cutoffs=address(cutoffs),
        grad_density=address(grad_density),
        grad_lattice=address(grads[0]),
        grad_frac_coords=address(grads[1]),
        grad_weights=address(grads[2]),
    )
    return grads


@_voxelize.register_fake
def _(
    lattice: Tensor, frac_coords: Tensor, weights: Tensor, offsets: Tensor, origin: Tensor | None,
    rotation: Tensor | None, n: int, length: float, sigma: float, periodic: bool, accuracy: float, cutoff: float,
    threads: int, float64: bool,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    size = lattice.shape[0]
    dtype = torch.float64 if float64 else torch.float32
    return lattice.new_empty(size, n, n, n, dtype=dtype), lattice.new_empty(size)


@_voxelize_backward.register_fake
def _(
    grad_density: Tensor, lattice: Tensor, frac_coords: Tensor, weights: Tensor, *others: object
) -> tuple[Tensor, Tensor, Tensor]:
    return torch.empty_like(lattice), torch.empty_like(frac_coords), torch.empty_like(weights)


def _save_for_backward(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    *tensors, n, length, sigma, periodic, _accuracy, _cutoff, threads, _float64 = inputs
    ctx.save_for_backward(*tensors, output[1])
    ctx.scalars = n, length, sigma, periodic, threads


def _differentiate(ctx: Any, grad_density: Tensor, _grad_cutoffs: Tensor) -> tuple[Tensor | None, ...]:
    grads = _voxelize_backward(grad_density, *ctx.saved_tensors, *ctx.scalars)
    return (*grads, *[None] * 11)


_voxelize.register_autograd(_differentiate, setup_context=_save_for_backward)
