"""SevenNet as a model of torch-sim: one graph of all crystals of a batch, made on the device that computes."""

from __future__ import annotations

from typing import Any

import torch
from sevenn import _keys as keys
from sevenn.util import load_checkpoint
from torch import Tensor
from torch_sim.models.interface import ModelInterface

from ..geometry.neighbours import neighbours

TENSOR = [[0, 3, 5], [3, 1, 4], [5, 4, 2]]
"""The places of a symmetric tensor's elements in SevenNet's order: xx, yy, zz, xy, yz, zx."""


class SevenNetModel(ModelInterface):
    """A SevenNet in single precision; the adapters of torch-sim 0.3 and of sevenn 0.13 do not fit each other."""

    def __init__(self, name: str, device: torch.device) -> None:
        """Load a model by the name that SevenNet gives it."""
        super().__init__()
        self._device, self._dtype = device, torch.float32
        self._compute_forces = self._compute_stress = True
        self.model = load_checkpoint(name).build_model().to(device).eval().requires_grad_(False)
        self.model.set_is_batch_data(True)

    @property
    def elements(self) -> frozenset[int]:
        """The atomic numbers that it has learned."""
        return frozenset(self.model.type_map or ())

    def forward(self, state: Any) -> dict[str, Tensor]:
        """Return the energies [B] in eV, forces [N, 3] in eV/Å and stresses [B, 3, 3] in eV/Å³ of a batch."""
        lattice = state.row_vector_cell
        pairs = neighbours(state.positions, lattice, state.system_idx, float(self.model.cutoff))
        numbers = state.atomic_numbers.long()
        output = self.model(
            {
                keys.NODE_FEATURE: numbers,
                keys.ATOMIC_NUMBERS: numbers,
                keys.POS: state.positions,
                keys.EDGE_IDX: torch.stack([pairs.first, pairs.second]),
                keys.EDGE_VEC: pairs.vectors,
                keys.CELL_VOLUME: torch.linalg.det(lattice).abs(),
                keys.NUM_ATOMS: torch.bincount(state.system_idx),
                keys.BATCH: state.system_idx,
            }
        )
        return {
            "energy": output[keys.PRED_TOTAL_ENERGY].detach(),
            "forces": output[keys.PRED_FORCE].detach(),
            "stress": -output[keys.PRED_STRESS].detach()[:, TENSOR],
        }
