"""Density: crystals as Gaussian densities on cubes of voxels, Eq. (1), differentiable."""

from collections.abc import Sequence
from typing import Any, Optional

import torch
from torch import Tensor

from . import _core
from .boundary import address, batch_and_cubes, checked, core_on, positive, thread_count
from .crystal import Crystal, CrystalBatch
from .errors import InputError
from .grid import DEFAULT_GRID, Grid


def voxelize(
    crystals: Sequence[Crystal] | CrystalBatch,
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
    """Density M of Eq. (1), in 1/Å³: one Gaussian per atom, one cube per crystal.

    crystals: B crystals, or a packed batch whose tensors may require gradients.
    origin: [B, 3] Å, the cube's corner in the crystal's frame; default zeros.
    rotation: [B, 3, 3], orthogonal; a point x of the crystal lies in the cube at R (x - origin); default identity.
    periodic: sum over all periodic images (repeated mode), or over the atoms as they are given (single mode).
    threads: CPU threads, default all cores; the result is the same bits for any number.
    weights: [N] what the Gaussians integrate to; default the atomic numbers.
    accuracy: largest error of the sum over images, relative to the cube's maximum.
    cutoff: Å; leave out images farther than this instead of choosing the distance from `accuracy`.

    Returns [B, n, n, n] of `dtype`, float32 or float64, on the device of the crystals. First derivatives reach lattice,
    frac_coords and weights. Raises InputError for shapes or devices that do not fit and, on the CPU, for such values.
    On a GPU a look at them would wait for it; there a cube of a cell that is singular or too dense stays empty.
    """
    batch, origin, rotation = batch_and_cubes(crystals, grid, origin, rotation, periodic)
    if dtype not in (torch.float32, torch.float64):
        raise InputError(f"dtype: wanted torch.float32 or torch.float64, got {dtype}")
    if weights is None:
        weights = batch.numbers.to(torch.float64)
    else:
        weights = checked("weights", weights, tuple(batch.numbers.shape), torch.float64, batch.lattice.device)
    density, _ = _voxelize(
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
    )
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
    """The density, and the distance [B] that each cube was summed to (infinity: over waves), for the gradient."""
    size = len(lattice)
    density = torch.empty(size, n, n, n, dtype=torch.float64 if float64 else torch.float32, device=lattice.device)
    cutoffs = torch.empty(size, dtype=torch.float64, device=lattice.device)
    core, where = core_on(lattice.device, threads)
    core.voxelize(
        _core.Crystals(size, address(lattice), address(frac_coords), address(offsets)),
        address(weights),
        _core.Cubes(address(origin), address(rotation), periodic),
        _core.Grid(n, length, sigma),
        accuracy=accuracy,
        cutoff=cutoff,
        **where,
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
    """Gradients of lattice, frac_coords and weights."""
    size = len(lattice)
    grads = torch.empty_like(lattice), torch.empty_like(frac_coords), torch.empty_like(weights)
    grad_density = grad_density.contiguous()
    core, where = core_on(lattice.device, threads)
    if lattice.is_cuda:  # sums over parts of a cube, before they are added up
        doubles = core.voxelize_backward_scratch(size, len(frac_coords), _core.Grid(n, length, sigma))
        scratch = torch.empty(doubles, dtype=torch.float64, device=lattice.device)
        where["scratch"] = address(scratch)
    core.voxelize_backward(
        _core.Crystals(size, address(lattice), address(frac_coords), address(offsets)),
        address(weights),
        _core.Cubes(address(origin), address(rotation), periodic),
        _core.Grid(n, length, sigma),
        **where,
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
def _(lattice, frac_coords, weights, offsets, origin, rotation, n, length, sigma, periodic, accuracy, cutoff, threads,
      float64):  # fmt: skip
    size = lattice.shape[0]
    dtype = torch.float64 if float64 else torch.float32
    return lattice.new_empty(size, n, n, n, dtype=dtype), lattice.new_empty(size)


@_voxelize_backward.register_fake
def _(grad_density, lattice, frac_coords, weights, *rest):
    return torch.empty_like(lattice), torch.empty_like(frac_coords), torch.empty_like(weights)


def _save_for_backward(ctx: Any, inputs: tuple, output: tuple[Tensor, Tensor]) -> None:
    *tensors, n, length, sigma, periodic, _, _, threads, _ = inputs
    ctx.save_for_backward(*tensors, output[1])
    ctx.scalars = n, length, sigma, periodic, threads


def _differentiate(ctx: Any, grad_density: Tensor, _: Tensor) -> tuple:
    grads = _voxelize_backward(grad_density, *ctx.saved_tensors, *ctx.scalars)
    return (*grads, *[None] * 11)


_voxelize.register_autograd(_differentiate, setup_context=_save_for_backward)
