"""The sampled structures that `crystalgrid-sample` wrote into a folder, read one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..atoms import Atoms
from ..errors import InputError
from ..grid import Grid
from .formats.xyz import frames, parse_atoms, values_of

SAMPLES, DENSITY, INDEX = "samples.xyz", "density.npy", "index.npy"


@dataclass(frozen=True)
class Structure:
    """The atoms of one cube, and its density."""

    index: int
    """The structure's number in the library."""
    positions: np.ndarray
    """[N, 3] Å from the cube's corner."""
    numbers: np.ndarray
    """[N] atomic numbers."""
    density: np.ndarray | None
    """[n, n, n] float32, 1/Å³, if it was saved."""


class SampledFolder(NamedTuple):
    """A folder with B structures, in the order of their index; only the indices are in memory."""

    path: Path
    indices: np.ndarray
    """[B] int64."""
    density: Tensor | None
    """[B, n, n, n] float32, 1/Å³, mapped into memory, if the densities were saved."""
    grid: Grid
    mode: str

    def structures(self, start: int = 0) -> Iterator[Structure]:
        """Read the structures from number `start` on, one by one; InputError for a file that is damaged."""
        path = self.path / SAMPLES
        with path.open() as file, _damage_is_an_input_error(path):
            texts = islice(frames(file), start, len(self.indices))
            for b, text in enumerate(texts, start):
                density = None if self.density is None else self.density[b].numpy()
                yield Structure(int(self.indices[b]), *parse_atoms(text, values_of(text))[:2], density)


def open_sampled(folder: Path, first: int | None = None) -> SampledFolder:
    """Open a folder that `crystalgrid-sample` wrote, or its first few structures, without reading the atoms.

    Raises InputError for a folder without samples.xyz or with no structure in it, and for files that are damaged or do
    not belong together.
    """
    path = folder / SAMPLES
    if not path.is_file():
        raise InputError(f"{path}: no such file; wanted a folder that crystalgrid-sample wrote")
    with path.open() as file, _damage_is_an_input_error(path):
        comments = (values_of(text) for text in islice(frames(file), first))
        comment = next(comments, None)
        if comment is None:
            raise InputError(f"{path}: no structure in it")
        indices = np.fromiter((int(values["index"]) for values in chain([comment], comments)), np.int64)
        length = float(comment["lattice"].split()[0])
    density = _density(folder, indices)
    grid = Grid(length=length) if density is None else Grid(density.shape[-1], length)
    return SampledFolder(folder, indices, density, grid, comment.get("mode", "repeated"))


def as_atoms(structures: Sequence[Structure]) -> Atoms:
    """Return the atoms of structures, one cube for each, without votes, which are not saved."""
    numbers = np.concatenate([np.zeros(0, np.int64), *(structure.numbers for structure in structures)])
    positions = np.concatenate([np.zeros((0, 3)), *(structure.positions for structure in structures)])
    offsets = np.cumsum([0, *(len(structure.numbers) for structure in structures)])
    return Atoms(*map(torch.from_numpy, (positions, numbers, offsets, np.zeros_like(numbers))))


@contextmanager
def _damage_is_an_input_error(path: Path) -> Iterator[None]:
    """Turn errors of parsing a malformed file into an InputError that names it."""
    try:
        yield
    except InputError:
        raise
    except (ValueError, KeyError) as error:
        raise InputError(f"{path}: not what crystalgrid-sample writes, or damaged: {error}") from None


def _density(folder: Path, indices: np.ndarray) -> Tensor | None:
    """Return the saved densities, mapped into memory: those of a large library may be more than there is memory."""
    path = folder / DENSITY
    if not path.is_file():
        return None
    try:
        density = np.lib.format.open_memmap(path, "c")[: len(indices)]
        saved_indices = np.lib.format.open_memmap(folder / INDEX, "r")[: len(indices)]
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not what crystalgrid-sample writes, or damaged: {error}") from None
    if not np.array_equal(saved_indices, indices):
        raise InputError(f"{path}: its densities are not those of the structures in {SAMPLES}")
    return torch.from_numpy(density)
