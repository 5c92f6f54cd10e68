"""Hidden translations of crystals, against the primitive cells that moyopy finds."""

import numpy as np
import pytest
import torch
from moyopy import Cell, MoyoDataset

from crystalgrid.crystal import Crystal
from crystalgrid.nets.generators.hidden_translations import has_hidden_translation
from zoo import ZOO


def doubled(crystal: Crystal) -> Crystal:
    """Return a crystal in a cell twice as long, which has a hidden translation."""
    frac_coords = np.concatenate((crystal.frac_coords, crystal.frac_coords + np.array([0, 1, 0]))) / [1, 2, 1]
    return Crystal(np.diag([1.0, 2.0, 1.0]) @ crystal.lattice, frac_coords, np.tile(crystal.numbers, 2))


def n_primitive(crystal: Crystal) -> int:
    cell = Cell(crystal.lattice.tolist(), crystal.frac_coords.tolist(), crystal.numbers.tolist())
    return len(MoyoDataset(cell, symprec=0.01).prim_std_cell.numbers)


@pytest.mark.parametrize("name", list(ZOO))
def test_a_crystal_has_one_if_a_smaller_cell_would_do(name: str) -> None:
    crystals = [ZOO[name], doubled(ZOO[name])]
    most = max(map(len, crystals))
    frac_coords, numbers = torch.zeros(2, most, 3, dtype=torch.float64), torch.zeros(2, most, dtype=torch.int64)
    for b, crystal in enumerate(crystals):
        frac_coords[b, : len(crystal)] = torch.from_numpy(crystal.frac_coords)
        numbers[b, : len(crystal)] = torch.from_numpy(crystal.numbers.astype(np.int64))
    lattice = torch.from_numpy(np.stack([crystal.lattice for crystal in crystals]))
    found = has_hidden_translation(frac_coords, lattice, numbers).tolist()
    assert found == [n_primitive(crystal) < len(crystal) for crystal in crystals]
    assert found[1]
