"""Libraries: what `crystalgrid-sample` wrote into a folder, read back."""

from __future__ import annotations

import struct
import zipfile
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..atoms import Atoms
from ..errors import InputError
from ..grid import Grid
from .formats.xyz import frames, parse_frame, values_of

SAMPLES, DENSITY = "samples.xyz", "density.npz"


class Library(NamedTuple):
    """B structures, in the order of their index."""

    indices: np.ndarray
    """[B] int64."""
    atoms: Atoms
    density: Tensor | None
    """[B, n, n, n] float32, 1/Å³, where it was saved."""
    grid: Grid
    mode: str


def read_library(folder: Path, first: int | None = None) -> Library:
    """The structures of a folder, or the first few.

    Raises InputError for a folder without samples.xyz or with none in it, and for files that are damaged or do not
    belong together.
    """
    path = folder / SAMPLES
    if not path.is_file():
        raise InputError(f"{path}: no such file; wanted a folder that crystalgrid-sample wrote")
    try:
        with path.open() as file:
            texts = list(islice(frames(file), first))
        parsed = [parse_frame(text) for text in texts]
        about = [values_of(text) for text in texts]
        indices = np.array([int(values["index"]) for values in about], np.int64)
    except (ValueError, KeyError) as error:
        raise InputError(f"{path}: not what crystalgrid-sample writes, or damaged: {error}") from None
    if not parsed:
        raise InputError(f"{path}: no structure in it")
    numbers = np.concatenate([numbers for *_, numbers in parsed])
    positions = np.concatenate([coordinates @ lattice for lattice, coordinates, _ in parsed])
    offsets = np.cumsum([0, *(len(numbers) for *_, numbers in parsed)])
    atoms = Atoms(*map(torch.from_numpy, (positions, numbers, offsets, np.zeros(len(numbers), np.int64))))
    density = _density(folder / DENSITY, indices)
    grid = Grid(length=float(parsed[0][0][0, 0])) if density is None else Grid(density.shape[-1], parsed[0][0][0, 0])
    return Library(indices, atoms, density, grid, about[0].get("mode", "repeated"))


def _density(path: Path, indices: np.ndarray) -> Tensor | None:
    if not path.is_file():
        return None
    try:
        with np.load(path) as saved:
            of = saved["index"][: len(indices)]
        density = _mapped(path, "density")[: len(indices)]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not what crystalgrid-sample writes, or damaged: {error}") from None
    if not np.array_equal(of, indices):
        raise InputError(f"{path}: its densities are not those of the structures in {SAMPLES}")
    return torch.from_numpy(density)


def _mapped(path: Path, name: str) -> np.ndarray:
    """An array of an .npz, read where it is looked at: a library's densities may be more than there is memory."""
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo(f"{name}.npy")
    with path.open("rb") as file:
        file.seek(member.header_offset + 26)  # lengths of the name and of what else is before the array
        file.seek(member.header_offset + 30 + sum(struct.unpack("<2H", file.read(4))))
        if member.compress_type == zipfile.ZIP_STORED and np.lib.format.read_magic(file) == (1, 0):
            shape, by_columns, dtype = np.lib.format.read_array_header_1_0(file)
            return np.memmap(path, dtype, "c", file.tell(), shape, "F" if by_columns else "C")
    with np.load(path) as saved:
        return saved[name]
