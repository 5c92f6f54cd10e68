"""Lennard-Jones as a model of torch-sim that asks ASE's calculator crystal by crystal, and some that fail."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch_sim.io import state_to_atoms
from torch_sim.models.interface import ModelInterface

import lennard_jones


class ByASE(ModelInterface):
    """A model that gives what a calculator of ASE gives."""

    def __init__(self, calculator: Any) -> None:
        super().__init__()
        self._device, self._dtype = torch.device("cpu"), torch.float64
        self._compute_forces = self._compute_stress = True
        self.calculator = calculator
        self.batches: list[int] = []
        """The number of crystals in each batch that was computed."""

    def forward(self, state: Any) -> dict[str, torch.Tensor]:
        """Compute all crystals; one that fails makes the batch fail."""
        found: dict[str, list[Any]] = {"energy": [], "forces": [], "stress": []}
        self.batches.append(state.n_systems)
        for atoms in state_to_atoms(state):
            atoms.calc = self.calculator
            found["forces"].append(atoms.get_forces())
            found["energy"].append(atoms.get_potential_energy())
            found["stress"].append(atoms.get_stress(voigt=False))
        forces = torch.as_tensor(np.concatenate(found.pop("forces")))
        return {"forces": forces, **{name: torch.as_tensor(np.array(values)) for name, values in found.items()}}


def model() -> ByASE:
    """Return the potential of argon."""
    return ByASE(lennard_jones.calculator())


def failing() -> ByASE:
    """Return the potential that fails for krypton, and gives no number for neon."""
    return ByASE(lennard_jones.failing())


class Interrupted(ByASE):
    """The potential of argon, whose fortieth batch Ctrl-C interrupts."""

    def forward(self, state: Any) -> dict[str, torch.Tensor]:
        """Compute all crystals, or be interrupted."""
        found = super().forward(state)
        if len(self.batches) == 40:
            raise KeyboardInterrupt
        return found


def interrupted() -> Interrupted:
    """Return the potential that is interrupted."""
    return Interrupted(lennard_jones.calculator())


def without_stress() -> ByASE:
    """Return a model that says that it computes no stress."""
    made = model()
    made._compute_stress = False
    return made
