"""Atoms and densities to recover crystals from, and how far a recovered crystal is from the true one."""

import numpy as np
import torch
from pymatgen.analysis.structure_matcher import StructureMatcher

from crystalgrid import Atoms, Crystal, find_atoms, label_species, voxelize
from zoo import random_origins


def found_in(crystals: list[Crystal], seed: int = 0) -> tuple[Atoms, torch.Tensor]:
    """Return the densities of crystals, each in a cube at a random origin, after the atoms found with true species."""
    origin = random_origins(np.random.default_rng(seed), crystals)
    density = voxelize(crystals, origin=origin)
    return find_atoms(label_species(crystals, origin=origin), density), density


def distance(crystal: Crystal, expected: Crystal) -> float:
    """Return the root mean square Å between two crystals' atoms; infinite if they are not the same crystal."""
    structure, expected_structure = crystal.to_pymatgen(), expected.to_pymatgen()
    match = StructureMatcher(ltol=0.1, stol=0.2, angle_tol=3).get_rms_dist(expected_structure, structure)
    return match[0] * (expected_structure.volume / len(expected_structure)) ** (1 / 3) if match else np.inf
