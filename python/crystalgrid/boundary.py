"""The boundary between tensors and the core: arguments are checked here, once, and inside nothing checks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor

from . import _core
from .crystal import CrystalBatch, CrystalLike, pack
from .errors import InputError
from .grid import Grid

if TYPE_CHECKING:
    from ._core import Crystals, Cubes, Cuda, Stages
    from ._core import Grid as CoreGrid


def batch_and_cubes(
    crystals: CrystalLike | Sequence[CrystalLike] | CrystalBatch,
    grid: Grid,
    origin: Tensor | None,
    rotation: Tensor | None,
    periodic: bool,
) -> tuple[CrystalBatch, Tensor | None, Tensor | None]:
    """Return a packed batch, origins [B, 3] and rotations [B, 3, 3], checked, contiguous and on the batch's device.

    Values are checked on the CPU alone: on a GPU, looking at them would wait for the work that is queued.
    """
    if not isinstance(grid, Grid):
        raise InputError(f"grid: wanted a Grid, got {type(grid).__name__}")
    if not isinstance(periodic, bool | np.bool_):
        raise InputError(f"periodic: wanted True or False, got {periodic!r:.60}")
    batch = CrystalBatch(*map(a_tensor, CrystalBatch._fields, pack(crystals)))
    size, atoms = max(batch.offsets.numel() - 1, 0), batch.numbers.numel()
    device = batch.lattice.device
    batch = CrystalBatch(
        _shaped("lattice", batch.lattice, (size, 3, 3), torch.float64, device),
        _shaped("frac_coords", batch.frac_coords, (atoms, 3), torch.float64, device),
        _shaped("numbers", batch.numbers, (atoms,), torch.int64, device),
        _shaped("offsets", batch.offsets, (size + 1,), torch.int64, device),
    )
    if origin is not None:
        origin = _shaped("origin", _as_tensor("origin", origin), (size, 3), torch.float64, device)
    if rotation is not None:
        rotation = _shaped("rotation", _as_tensor("rotation", rotation), (size, 3, 3), torch.float64, device)
    if device.type == "cpu" and not torch.compiler.is_compiling():
        core_crystals, numbers, cubes, _ = core_batch(*batch, origin, rotation, periodic, grid)
        fault = _core.fault(core_crystals, numbers, atoms, cubes)
        if fault:
            raise InputError(fault)
    return batch, origin, rotation


def core_batch(
    lattice: Tensor,
    frac_coords: Tensor,
    values: Tensor,
    offsets: Tensor,
    origin: Tensor | None,
    rotation: Tensor | None,
    periodic: bool,
    grid: Grid,
) -> tuple[Crystals, int, Cubes, CoreGrid]:
    """Return the first arguments of the core's stages: crystals, values of the atoms, cubes and their grid.

    values: [N] numbers or weights. The results hold addresses of the tensors, which have to outlive them.
    """
    return (
        _core.Crystals(len(lattice), address(lattice), address(frac_coords), address(offsets)),
        address(values),
        _core.Cubes(address(origin), address(rotation), periodic),
        core_grid(grid),
    )


def core_grid(grid: Grid) -> CoreGrid:
    """Return a grid as the core reads it."""
    return _core.Grid(grid.n, grid.length, grid.sigma)


def a_tensor(name: str, value: object) -> Tensor:
    """Return `value` if it is a tensor, else raise InputError."""
    if isinstance(value, Tensor):
        return value
    raise InputError(f"{name}: wanted a tensor, got {type(value).__name__}")


def _as_tensor(name: str, value: Any) -> Tensor:
    """Return `value`, a tensor, array or list, as a tensor."""
    try:
        return torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError):
        raise InputError(f"{name}: wanted a tensor, got {type(value).__name__}") from None


def checked(name: str, value: Any, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return `value` as a contiguous tensor of `dtype`, its shape and device and, on the CPU, its values checked."""
    tensor = _shaped(name, value, shape, dtype, device)
    check_finite(name, tensor)
    return tensor


def _shaped(name: str, value: Any, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return `value` as a contiguous tensor of `dtype`, its shape and device checked."""
    tensor = a_tensor(name, value)
    if tuple(tensor.shape) != shape:
        raise InputError(f"{name}: wanted shape {shape}, got {tuple(tensor.shape)}")
    if tensor.device != device:
        raise InputError(f"{name}: wanted a tensor on {device}, where the others are, got one on {tensor.device}")
    if tensor.is_complex() or (tensor.is_floating_point() and not dtype.is_floating_point):
        kind = "real" if dtype.is_floating_point else "whole"
        raise InputError(f"{name}: wanted {kind} numbers, got {tensor.dtype}")
    return tensor.to(dtype).contiguous()


def check_finite(name: str, value: Tensor) -> None:
    """Raise InputError for NaN or infinity on the CPU; on a GPU, looking would wait for the work that is queued."""
    visible = value.device.type == "cpu" and not torch.compiler.is_compiling()
    if (
        visible and value.is_floating_point() and not math.isfinite(value.detach().sum())
    ):  # takes a hundredth of the time of torch.isfinite
        raise InputError(f"{name}: wanted finite values, got NaN or infinity")


def positive(name: str, value: float) -> float:
    """Return `value` if it is a finite number greater than zero, else raise InputError."""
    if isinstance(value, Real) and math.isfinite(value) and value > 0:
        return float(value)
    raise InputError(f"{name}: wanted a positive number, got {value!r}")


def thread_count(threads: int | None) -> int:
    """Return the number of threads as the core counts them: 0 for all cores."""
    if threads is None:
        return 0
    if isinstance(threads, Integral) and threads > 0:
        return int(threads)
    raise InputError(f"threads: wanted a whole number of at least 1, or None for all cores, got {threads!r}")


def core_on(device: torch.device, threads: int) -> tuple[Stages, dict[str, int]]:
    """Return the core's stages for tensors on `device`, and the queue that they take: CPU threads, or a CUDA stream."""
    if device.type == "cpu":
        return cast("Stages", _core), {"threads": threads}
    cuda, queue = cuda_on(device)
    return cast("Stages", cuda), queue


def cuda_on(device: torch.device) -> tuple[Cuda, dict[str, int]]:
    """Return the core's functions for tensors on a GPU, and the queue that they take: torch's current stream."""
    if device.type != "cuda":
        raise InputError(f"device: wanted cpu or cuda, got {device}")
    if _core.cuda is None:
        raise InputError("device: got cuda, but crystalgrid was built without CUDA; reinstall it where nvcc is found")
    stream = torch.cuda.current_stream(device)
    return _core.cuda, {"device": device.index, "stream": stream.cuda_stream}


def core_device(device: torch.device) -> torch.device:
    """Return `device` if the core was built for it, else the CPU."""
    return device if device.type == "cuda" and _core.cuda is not None else torch.device("cpu")


def address(tensor: Tensor | None) -> int:
    """Return the address of a contiguous tensor's values, 0 for None."""
    return 0 if tensor is None else tensor.data_ptr()
