"""SevenNet as a model of torch-sim: one graph of all crystals of a batch, made on the device that computes."""

from __future__ import annotations

from typing import Any

import torch
from sevenn import _keys as keys
from sevenn.util import load_checkpoint
from torch import Tensor
from torch_sim.models.interface import ModelInterface
from torch_sim.neighbors import torch_nl_n2

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
        lattice, crystal = state.row_vector_cell, state.system_idx
        frac_coords = torch.einsum("nj,njk->nk", state.positions, torch.linalg.inv(lattice)[crystal])
        positions = torch.einsum("nj,njk->nk", frac_coords - frac_coords.floor(), lattice[crystal])
        periodic = torch.ones(len(lattice), 3, dtype=torch.bool, device=positions.device)
        (first, second), of_pair, cells = torch_nl_n2(
            float(self.model.cutoff), positions, lattice.flatten(0, 1), periodic, crystal
        )
        shift = torch.einsum("pj,pjk->pk", cells.to(lattice.dtype), lattice[of_pair])
        numbers = state.atomic_numbers.long()
        output = self.model(
            {
                keys.NODE_FEATURE: numbers,
                keys.ATOMIC_NUMBERS: numbers,
                keys.POS: positions,
                keys.EDGE_IDX: torch.stack([first, second]),
                keys.EDGE_VEC: positions[second] - positions[first] + shift,
                keys.CELL_VOLUME: torch.linalg.det(lattice).abs(),
                keys.NUM_ATOMS: torch.bincount(crystal),
                keys.BATCH: crystal,
            }
        )
        return {
            "energy": output[keys.PRED_TOTAL_ENERGY].detach(),
            "forces": output[keys.PRED_FORCE].detach(),
            "stress": -output[keys.PRED_STRESS].detach()[:, TENSOR],
        }
