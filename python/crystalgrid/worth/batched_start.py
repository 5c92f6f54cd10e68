"""The start of a crystal in a batch: its symmetry, and the state of torch-sim's optimizer before the first step."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..crystal import Crystal
from .relaxing import failure, keep_symmetry
from .symmetrized_model import Symmetry

TIME_STEP, MIXING = 0.1, 0.1
"""The first time step of FIRE, and the first share of the forces in its velocities; both are ASE's."""


class Start(NamedTuple):
    """A crystal that is to be relaxed."""

    number: int
    """Its place in the list of crystals."""
    crystal: Crystal
    """The crystal as it was given."""
    axes: list[int]
    """The order of its lattice vectors in which they are right-handed, as torch-sim needs them."""
    atoms: Any
    """ASE's atoms in that order of axes, moved to where symmetry puts them."""
    symmetry: Symmetry

    def relaxed(self, lattice: Tensor, positions: Tensor) -> Crystal:
        """Return the crystal with a lattice [3, 3] and positions [N, 3] in Å, in the order of axes that was given."""
        rows, cartesian = lattice.double().cpu().numpy(), positions.double().cpu().numpy()
        frac_coords = np.linalg.solve(rows.T, cartesian.T).T
        return Crystal(rows[self.axes], frac_coords[:, self.axes], self.crystal.numbers)


def prepared(number: int, crystal: Crystal, symmetry: bool) -> Start | str:
    """Return the start of a crystal, which keeps its space group if asked to, or why there is none."""
    try:
        axes = [0, 1, 2] if np.linalg.det(crystal.lattice) > 0 else [1, 0, 2]
        atoms: Any = Crystal(crystal.lattice[axes], crystal.frac_coords[:, axes], crystal.numbers).to_ase()
        if symmetry:
            keep_symmetry(atoms, crystal)
        operations = Symmetry(np.eye(3)[None], np.arange(len(crystal))[None])
        for fixed in atoms.constraints:  # none of a crystal in P1
            operations = Symmetry(np.array(fixed.rotations), np.array(fixed.symm_map))
        atoms.set_constraint()
        return Start(number, crystal, axes, atoms, operations)
    except Exception as error:  # crystals that are none have no symmetry
        return failure("the search for symmetry", error)


def state_at_rest(start: Start, device: torch.device) -> Any:
    """Return the state before the first step, without forces: the first step only computes energy, forces and stress.

    So crystals enter a batch without a computation of their own.
    """
    from torch_sim.io import atoms_to_state
    from torch_sim.optimizers import UnitCellFireState

    atoms = vars(atoms_to_state(start.atoms, device, torch.float64))
    n_atoms = len(start.atoms)
    zeros = partial(torch.zeros, dtype=torch.float64, device=device)
    return UnitCellFireState(
        **atoms,
        forces=zeros(n_atoms, 3),
        velocities=zeros(n_atoms, 3),
        energy=zeros(1),
        stress=zeros(1, 3, 3),
        cell_positions=zeros(1, 3, 3),
        cell_velocities=zeros(1, 3, 3),
        cell_forces=zeros(1, 3, 3),
        cell_masses=zeros(1, 3) + 1,
        reference_cell=atoms["cell"].clone(),
        cell_factor=zeros(1, 1, 1) + n_atoms,
        pressure=zeros(1, 3, 3),
        hydrostatic_strain=False,
        constant_volume=False,
        dt=zeros(1) + 4 * TIME_STEP,  # halved where atoms do not move along their forces: twice, as they are at rest
        alpha=zeros(1) + MIXING,
        n_pos=torch.zeros(1, dtype=torch.int32, device=device),
    )
