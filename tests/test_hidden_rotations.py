"""Hidden rotations of crystals, against the space groups that moyopy finds."""

import numpy as np
import pytest
import torch
from moyopy import Cell, MoyoDataset

import crystalgrid as cg
from crystalgrid.generation.conditions import read_conditions
from crystalgrid.generation.crystal_model import crystals_of


@pytest.fixture(scope="module")
def model():
    """Return the released generator."""
    return cg.load("mp10a")


def group_of(crystal: cg.Crystal) -> int:
    cell = Cell(crystal.lattice.tolist(), crystal.frac_coords.tolist(), crystal.numbers.tolist())
    return MoyoDataset(cell, symprec=0.01).number


@torch.inference_mode()
@pytest.mark.parametrize(
    "given",
    [
        {"formula": "CaF2", "space_group": 196},
        {"formula": "Al2O3", "space_group": 155},
        {"formula": "GaN", "space_group": "143,149,168"},
        {"formula": "TiO2", "space_group": "75,89"},
        {"space_group": 1, "structures": "free", "n_elements": 2, "atoms": "2:6"},
        {"space_group": "143,146,5,8", "structures": "free", "atoms": "2:12"},
    ],
)
def test_a_crystal_is_drawn_unless_it_has_more_symmetry(model, monkeypatch, given) -> None:
    """Whatever is drawn has its space group; what is refused has another one, or a smaller cell."""
    network, conditions = model.network, read_conditions(given)
    plan, seen = model.plan(conditions), []
    fits = network.has_its_symmetry

    def noted(dressed, geometry) -> torch.Tensor:
        verdicts = fits(dressed, geometry)
        frac_coords, numbers, _ = network.atoms_of(dressed, geometry)
        for b in torch.where(geometry.relative < 0)[0].tolist():
            atoms = numbers[b] > 0
            arrays = geometry.lattice[b], frac_coords[b, atoms], numbers[b, atoms]
            seen.append((bool(verdicts[b]), int(dressed.space_group[b]), *(array.numpy() for array in arrays)))
        return verdicts

    monkeypatch.setattr(network, "has_its_symmetry", noted)
    draws = model.draws(0, 0, conditions, plan)
    for crystal, space_group in zip(crystals_of(draws), draws.space_group.tolist(), strict=True):
        assert crystal is None or group_of(crystal) == space_group
    verdicts = set()
    for kept, space_group, *arrays in seen[:60]:
        data = MoyoDataset(Cell(*(array.tolist() for array in arrays)), symprec=0.01)
        is_as_drawn = data.number == space_group and len(data.prim_std_cell.numbers) == len(arrays[2])
        assert kept == is_as_drawn
        verdicts.add(kept)
    assert verdicts


@pytest.mark.parametrize(
    "given", [{"formula": "SrTiO3", "space_group": "195,207"}, {"formula": "Ca(OH)2", "space_group": 155}]
)
def test_what_always_has_more_symmetry_is_refused(model, given) -> None:
    with pytest.raises(cg.InputError, match=r"no structure type of .* meets the conditions; known ones are in"):
        cg.generate(2, model, **given)


def test_the_rotations_of_a_lattice_are_whole_in_its_primitive_cell(model) -> None:
    numbers = [len(model.network.rotations_beside(number)) for number in range(1, 231)]
    assert numbers[0] == 1  # the inversion
    assert numbers[194] == 48 - 12  # P23
    assert numbers[154] == 12 - 6  # R32, whose lattices have no sixfold rotation
    assert numbers[61] == numbers[224] == 0  # Pnma, Fm-3m
    assert np.max(numbers) == 36
