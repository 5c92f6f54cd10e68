"""The boundary between tensors and the core: arguments are checked here, once, and inside nothing checks."""

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from . import _core
from .crystal import Crystal, CrystalBatch, pack
from .errors import InputError
from .grid import Grid


def batch_and_cubes(
    crystals: Sequence[Crystal] | CrystalBatch,
    grid: Grid,
    origin: Tensor | None,
    rotation: Tensor | None,
    periodic: bool,
) -> tuple[CrystalBatch, Tensor | None, Tensor | None]:
    """Checked and contiguous: a packed batch, origins [B, 3] and rotations [B, 3, 3], all on the batch's device."""
    if not isinstance(grid, Grid):
        raise InputError(f"grid: wanted a Grid, got {type(grid).__name__}")
    if not isinstance(periodic, bool | np.bool_):
        raise InputError(f"periodic: wanted True or False, got {periodic!r:.60}")
    batch = CrystalBatch(*map(a_tensor, CrystalBatch._fields, pack(crystals)))
    size, atoms = max(batch.offsets.numel() - 1, 0), batch.numbers.numel()
    device = batch.lattice.device
    lattice = _shaped("lattice", batch.lattice, (size, 3, 3), torch.float64, device)
    frac_coords = _shaped("frac_coords", batch.frac_coords, (atoms, 3), torch.float64, device)
    numbers = _shaped("numbers", batch.numbers, (atoms,), torch.int64, device)
    offsets = _shaped("offsets", batch.offsets, (size + 1,), torch.int64, device)
    if origin is not None:
        origin = _shaped("origin", _numbers("origin", origin), (size, 3), torch.float64, device)
    if rotation is not None:
        rotation = _shaped("rotation", _numbers("rotation", rotation), (size, 3, 3), torch.float64, device)
    if device.type == "cpu" and not torch.compiler.is_compiling():  # on a GPU a look at values would wait for it
        fault = _core.fault(
            _core.Crystals(size, address(lattice), address(frac_coords), address(offsets)),
            address(numbers),
            atoms,
            _core.Cubes(address(origin), address(rotation), periodic),
        )
        if fault:
            raise InputError(fault)
    return CrystalBatch(lattice, frac_coords, numbers, offsets), origin, rotation


def a_tensor(name: str, value: object) -> Tensor:
    """`value`, if it is a tensor."""
    if isinstance(value, Tensor):
        return value
    raise InputError(f"{name}: wanted a tensor, got {type(value).__name__}")


def _numbers(name: str, value: Any) -> Tensor:
    """`value` as a tensor; an array or a list will do."""
    try:
        return torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError):
        raise InputError(f"{name}: wanted a tensor, got {type(value).__name__}") from None


def checked(name: str, value: Any, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """`value` as a contiguous tensor of that dtype, if its shape, device and (on the CPU) values are right."""
    value = _shaped(name, value, shape, dtype, device)
    check_finite(name, value)
    return value


def _shaped(name: str, value: Any, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """`value` as a contiguous tensor of that dtype, if its shape and device are right."""
    value = a_tensor(name, value)
    if tuple(value.shape) != shape:
        raise InputError(f"{name}: wanted shape {shape}, got {tuple(value.shape)}")
    if value.device != device:
        raise InputError(f"{name}: wanted a tensor on {device}, where the others are, got one on {value.device}")
    if value.is_complex() or (value.is_floating_point() and not dtype.is_floating_point):
        kind = "real" if dtype.is_floating_point else "whole"
        raise InputError(f"{name}: wanted {kind} numbers, got {value.dtype}")
    return value.to(dtype).contiguous()


def check_finite(name: str, value: Tensor) -> None:
    """Raise InputError for NaN or infinity, on the CPU: on a GPU a look at values would wait for it."""
    looks = value.device.type == "cpu" and not torch.compiler.is_compiling() and value.is_floating_point()
    if looks and not math.isfinite(value.detach().sum()):  # in a hundredth of torch.isfinite's time
        raise InputError(f"{name}: wanted finite values, got NaN or infinity")


def positive(name: str, value: float) -> float:
    """A finite number greater than zero."""
    if isinstance(value, Real) and math.isfinite(value) and value > 0:
        return float(value)
    raise InputError(f"{name}: wanted a positive number, got {value!r}")


def thread_count(threads: int | None) -> int:
    """`threads` as the core counts them: 0 for all cores."""
    if threads is None:
        return 0
    if isinstance(threads, Integral) and threads > 0:
        return int(threads)
    raise InputError(f"threads: wanted a whole number of at least 1, or None for all cores, got {threads!r}")


def core_on(device: torch.device, threads: int) -> tuple[Any, dict[str, int]]:
    """The core's functions for tensors on `device`, and on what they run: CPU threads, or torch's current stream."""
    if device.type == "cpu":
        return _core, {"threads": threads}
    if device.type != "cuda":
        raise InputError(f"device: wanted cpu or cuda, got {device}")
    if _core.cuda is None:
        raise InputError("device: got cuda, but crystalgrid was built without CUDA; reinstall it where nvcc is found")
    return _core.cuda, {"device": device.index, "stream": torch.cuda.current_stream(device).cuda_stream}


def core_device(device: torch.device) -> torch.device:
    """`device`, if the core was built for it, else the CPU."""
    return device if device.type == "cuda" and _core.cuda is not None else torch.device("cpu")


def address(tensor: Tensor | None) -> int:
    """Where a contiguous tensor's values are; 0 for none."""
    return 0 if tensor is None else tensor.data_ptr()
