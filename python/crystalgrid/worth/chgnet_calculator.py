"""CHGNet 0.3.0 as an ASE calculator that computes forces and stress in one backward pass, in half the time."""

from __future__ import annotations

from typing import Any

import torch
from chgnet.model.dynamics import CHGNetCalculator
from chgnet.model.model import BatchedGraph, CHGNet
from pymatgen.io.ase import AseAtomsAdaptor

VERSION = "0.3.0"
LEARNED = frozenset(range(1, 95)) - {84, 85, 86, 87, 88}
"""The atomic numbers of its training set, MPtrj: all to plutonium but Po, At, Rn, Fr and Ra."""


class OnePassCalculator(CHGNetCalculator):
    """CHGNet's calculator, without magnetic moments and without the graph of second derivatives that training needs."""

    def calculate(
        self, atoms: Any = None, properties: Any = None, system_changes: Any = None, task: Any = None
    ) -> None:
        """Compute the energy in eV, forces in eV/Å and stress in eV/Å³ of some atoms."""
        self.atoms = atoms.copy()
        graph = self.model.graph_converter(AseAtomsAdaptor.get_structure(atoms))
        batch = BatchedGraph.from_graphs(
            [graph],
            bond_basis_expansion=self.model.bond_basis_expansion,
            angle_basis_expansion=self.model.angle_basis_expansion,
            compute_stress=True,
        )
        per_atom = self.model._compute(batch)["e"]
        inputs = batch.atom_positions[0], batch.strains[0]
        gradient, virial = torch.autograd.grad(len(atoms) * per_atom.sum(), inputs)
        per_atom = per_atom.detach().double() + self.model.composition_model([graph]).double()
        energy = len(atoms) * float(per_atom)
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "forces": -gradient.double().numpy(),
            "stress": virial.double().numpy() / atoms.get_volume(),  # the graph's is negative in left-handed cells
        }


def chgnet_calculator() -> OnePassCalculator:
    """Return the calculator; crystals with an atom that has no neighbour within 6 Å raise ValueError."""
    model = CHGNet.load(model_name=VERSION, use_device="cpu", verbose=False)
    model.eval().requires_grad_(False)
    return OnePassCalculator(model, use_device="cpu", on_isolated_atoms="error")
