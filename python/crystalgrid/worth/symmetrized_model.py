"""A wrapper of torch-sim's models by which the crystals of a batch keep their space groups as they relax."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch_sim.models.interface import ModelInterface
from torch_sim.state import SimState


class Symmetry(NamedTuple):
    """The M operations of a crystal of N atoms."""

    rotations: np.ndarray
    """[M, 3, 3], of fractional coordinates."""
    images: np.ndarray
    """[M, N] int64, the atom that each operation brings an atom to."""


class _Operations(NamedTuple):
    """The operations of all crystals of a batch as flat tensors."""

    rotations: Tensor
    """[O, 3, 3]"""
    crystal: Tensor
    """[O], the crystal of each operation."""
    operation: Tensor
    """[R], the operation of each row, which moves an atom."""
    source: Tensor
    """[R], the atom that is moved."""
    target: Tensor
    """[R], the atom that it is brought to."""
    counts: Tensor
    """[B], the number of operations of each crystal."""


class SymmetrizedModel(ModelInterface):
    """A model whose forces and stresses are means over the operations of each crystal, in double precision.

    Steps along such forces keep the space group, as with ASE's FixSymmetry. The model may have single precision.
    """

    def __init__(self, model: Any) -> None:
        """Wrap a model, which computes forces and stresses."""
        super().__init__()
        self.model = model
        self._device, self._dtype = torch.device(model.device), torch.float64
        self._compute_forces = self._compute_stress = True
        self._memory_scales_with = model.memory_scales_with
        self.operations: _Operations | None = None

    def set_symmetries(self, symmetries: Sequence[Symmetry]) -> None:
        """Set the symmetries of the crystals of the batch that comes next."""
        n_operations = np.array([len(symmetry.rotations) for symmetry in symmetries])
        n_atoms = np.array([symmetry.images.shape[1] for symmetry in symmetries])
        first_atom = np.cumsum(n_atoms) - n_atoms
        sources = [np.tile(np.arange(n), m) for n, m in zip(n_atoms, n_operations, strict=True)]
        arrays = [
            np.concatenate([symmetry.rotations for symmetry in symmetries]).astype(float),
            np.repeat(np.arange(len(symmetries)), n_operations),
            np.repeat(np.arange(n_operations.sum()), np.repeat(n_atoms, n_operations)),
            np.concatenate([source + start for source, start in zip(sources, first_atom, strict=True)]),
            np.concatenate([s.images.ravel() + start for s, start in zip(symmetries, first_atom, strict=True)]),
            n_operations,
        ]
        self.operations = _Operations(*(torch.as_tensor(array, device=self.device) for array in arrays))

    def forward(self, state: Any) -> dict[str, Tensor]:
        """Return the energies [B] in eV, forces [N, 3] in eV/Å and stresses [B, 3, 3] in eV/Å³ of a batch.

        Forces and stresses are those of the model until symmetries are set.
        """
        dtype = self.model.dtype
        positions, masses, cell = (x.to(dtype) for x in (state.positions, state.masses, state.cell))
        output = self.model(SimState(positions, masses, cell, state.pbc, state.atomic_numbers, state.system_idx))
        found = {name: output[name].detach().to(torch.float64) for name in ("energy", "forces", "stress")}
        if self.operations is None:
            return found
        lattice = state.row_vector_cell
        return {
            "energy": found["energy"],
            "forces": _mean_forces(found["forces"], lattice, state.system_idx, self.operations),
            "stress": _mean_stress(found["stress"], lattice, self.operations),
        }


def _mean_forces(forces: Tensor, lattice: Tensor, crystal: Tensor, operations: _Operations) -> Tensor:
    """Return the means [N, 3] of the forces on each atom over all atoms that symmetry brings to it."""
    fractional = torch.einsum("nj,njk->nk", forces, torch.linalg.inv(lattice)[crystal])
    rotated = torch.einsum("rij,rj->ri", operations.rotations[operations.operation], fractional[operations.source])
    mean = torch.zeros_like(forces).index_add_(0, operations.target, rotated) / operations.counts[crystal, None]
    return torch.einsum("nj,njk->nk", mean, lattice[crystal])


def _mean_stress(stress: Tensor, lattice: Tensor, operations: _Operations) -> Tensor:
    """Return the means [B, 3, 3] of the stresses over the rotations of each crystal."""
    fractional = lattice @ stress @ lattice.mT
    rotated = operations.rotations.mT @ fractional[operations.crystal] @ operations.rotations
    mean = torch.zeros_like(stress).index_add_(0, operations.crystal, rotated) / operations.counts[:, None, None]
    inverse: Tensor = torch.linalg.inv(lattice)
    return inverse @ mean @ inverse.mT
