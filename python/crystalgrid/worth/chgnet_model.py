"""CHGNet 0.3.0 as a model of torch-sim; its converter makes the graphs on the CPU, one crystal after the other."""

from __future__ import annotations

from typing import Any

import torch
from chgnet.model.model import BatchedGraph
from pymatgen.core.structure import Structure
from torch import Tensor
from torch_sim.models.interface import ModelInterface

from .chgnet_calculator import chgnet_calculator


class CHGNetModel(ModelInterface):
    """CHGNet in single precision, without magnetic moments."""

    def __init__(self, device: torch.device) -> None:
        """Load the model; crystals with an atom that has no neighbour within 6 Å raise ValueError."""
        super().__init__()
        self._device, self._dtype = device, torch.float32
        self._compute_forces = self._compute_stress = True
        self.model = chgnet_calculator().model.to(device)

    def forward(self, state: Any) -> dict[str, Tensor]:
        """Return the energies [B] in eV, forces [N, 3] in eV/Å and stresses [B, 3, 3] in eV/Å³ of a batch."""
        graphs = [graph.to(self.device) for graph in self._graphs(state)]
        batch = BatchedGraph.from_graphs(
            graphs,
            bond_basis_expansion=self.model.bond_basis_expansion,
            angle_basis_expansion=self.model.angle_basis_expansion,
            compute_stress=True,
        )
        n_atoms = torch.bincount(state.system_idx)
        energies = n_atoms * self.model._compute(batch)["e"]
        gradients = torch.autograd.grad(energies.sum(), [*batch.atom_positions, *batch.strains])
        reference = n_atoms * self.model.composition_model(graphs).double()
        volumes = torch.linalg.det(state.cell).abs()
        return {
            "energy": energies.detach().double() + reference.detach(),
            "forces": -torch.cat(gradients[: len(graphs)]),
            "stress": torch.stack(gradients[len(graphs) :]) / volumes[:, None, None],
        }

    def _graphs(self, state: Any) -> list[Any]:
        """Return the graph of each crystal."""
        sizes = torch.bincount(state.system_idx).tolist()
        positions, numbers = state.positions.cpu().split(sizes), state.atomic_numbers.cpu().split(sizes)
        lattices = state.row_vector_cell.double().cpu().numpy()
        return [
            self.model.graph_converter(
                Structure(lattice, z.tolist(), cartesian.double().numpy(), coords_are_cartesian=True)
            )
            for lattice, z, cartesian in zip(lattices, numbers, positions, strict=True)
        ]
