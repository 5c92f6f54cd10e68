"""The boundary between tensors and the core: arguments are checked here, once, and inside nothing checks."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from . import _core
from .crystal import Crystal, CrystalBatch, pack
from .errors import InputError
from .grid import Grid


def batch_and_cubes(
    crystals: Sequence[Crystal] | CrystalBatch, grid: Grid, origin: Tensor | None, rotation: Tensor | None
) -> tuple[CrystalBatch, Tensor | None, Tensor | None]:
    """Checked and contiguous: a packed batch, origins [B, 3] and rotations [B, 3, 3], all on the batch's device."""
    if not isinstance(grid, Grid):
        raise InputError(f"grid: wanted a Grid, got {type(grid).__name__}")
    batch = pack(crystals)
    size, atoms = batch.size, len(batch.numbers)
    device = batch.lattice.device
    lattice = checked("lattice", batch.lattice, (size, 3, 3), torch.float64, device)
    frac_coords = checked("frac_coords", batch.frac_coords, (atoms, 3), torch.float64, device)
    numbers = checked("numbers", batch.numbers, (atoms,), torch.int64, device)
    offsets = checked("offsets", batch.offsets, (size + 1,), torch.int64, device)
    if origin is not None:
        origin = checked("origin", torch.as_tensor(origin), (size, 3), torch.float64, device)
    if rotation is not None:
        rotation = checked("rotation", torch.as_tensor(rotation), (size, 3, 3), torch.float64, device)
    if device.type == "cpu" and not torch.compiler.is_compiling():  # on a GPU a look at values would wait for it
        _check_values(lattice, offsets, atoms, rotation)
    return CrystalBatch(lattice, frac_coords, numbers, offsets), origin, rotation


def checked(name: str, value: Tensor, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """`value` as a contiguous tensor of that dtype, if its shape, device and (on the CPU) values are right."""
    if not isinstance(value, Tensor):
        raise InputError(f"{name}: wanted a tensor, got {type(value).__name__}")
    if tuple(value.shape) != shape:
        raise InputError(f"{name}: wanted shape {shape}, got {tuple(value.shape)}")
    if value.device != device:
        raise InputError(f"{name}: wanted a tensor on {device}, where the others are, got one on {value.device}")
    looks = device.type == "cpu" and not torch.compiler.is_compiling()  # see batch_and_cubes
    if looks and value.is_floating_point() and not torch.isfinite(value).all():
        raise InputError(f"{name}: wanted finite values, got NaN or infinity")
    return value.to(dtype).contiguous()


def _check_values(lattice: Tensor, offsets: Tensor, atoms: int, rotation: Tensor | None) -> None:
    if offsets[0] != 0 or offsets[-1] != atoms or (offsets.diff() < 0).any():
        raise InputError(f"offsets: wanted ascending from 0 to {atoms}, got {offsets.tolist()[:8]}…")
    a, b, c = lattice.detach().unbind(1)
    volume = (torch.linalg.cross(a, b) * c).sum(1)  # torch's determinant takes longer than the rest of the call
    if (volume.abs() < 1e-6 * lattice.detach().norm(dim=2).prod(1)).any():
        raise InputError("lattice: wanted three independent vectors, got a singular lattice")
    if rotation is not None:
        error = (rotation @ rotation.mT - torch.eye(3, dtype=rotation.dtype)).abs()
        if len(rotation) and error.max() > 1e-6:
            raise InputError(f"rotation: wanted orthogonal matrices, got R·Rᵀ up to {error.max():.2g} from 1")


def positive(name: str, value: float) -> float:
    """A finite number greater than zero."""
    if isinstance(value, int | float) and math.isfinite(value) and value > 0:
        return float(value)
    raise InputError(f"{name}: wanted a positive number, got {value!r}")


def thread_count(threads: int | None) -> int:
    """`threads` as the core counts them: 0 for all cores."""
    if threads is None:
        return 0
    if isinstance(threads, int) and threads > 0:
        return threads
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


def address(tensor: Tensor | None) -> int:
    """Where a contiguous tensor's values are; 0 for none."""
    return 0 if tensor is None else tensor.data_ptr()
