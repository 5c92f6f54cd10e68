"""The Wyckoff positions that a generator carries with it: the atoms of an orbit, against a loop over operations."""

import numpy as np
import pytest
import torch

from crystalgrid.geometry.canonical_unit import find_canonical_unit
from crystalgrid.geometry.wyckoff import LETTERS, standard_group
from crystalgrid.nets.generators.wyckoff_table import WyckoffTable
from reference import orbit_of


@pytest.fixture(scope="module")
def table() -> WyckoffTable:
    return WyckoffTable()


@pytest.mark.parametrize("group", [1, 2, 5, 15, 47, 62, 70, 88, 122, 146, 155, 166, 167, 186, 194, 206, 216, 227, 230])
def test_atoms_of_an_orbit_are_the_images_of_its_first_point(table, group) -> None:
    operations, primitive = table.operations_of(group).numpy(), table.primitive[group].numpy()
    rng = np.random.default_rng(group)
    for letter in range(len(standard_group(group).positions)):
        position = table.position_of[group, letter]
        first = table.projector[position].numpy() @ rng.random(3) + table.offset[position].numpy()
        images = orbit_of(first, operations)
        assert len(images) == int(table.multiplicity[position]), LETTERS[letter]
        orbits, column = table.orbits(torch.tensor([group]), position.view(1, 1))
        assert (column == 0).all()
        free = torch.from_numpy(first @ np.linalg.inv(primitive))
        atoms = ((orbits.affine[0] @ free) + orbits.offset[0]).numpy() @ primitive
        assert len(atoms) * int(table.copies[group]) == len(images)
        for image in images:  # each is an atom, but for a translation of the lattice
            cells = (image - atoms) @ np.linalg.inv(primitive)
            assert (np.abs(cells - np.rint(cells)).max(1) < 1e-6).sum() == 1
        assert np.allclose(atoms[0], first)


def test_steps_of_atoms_are_those_of_their_free_point(table) -> None:
    group, rng = 167, np.random.default_rng(0)
    positions = table.position_of[group, : len(standard_group(group).positions)].view(1, -1)
    orbits, _ = table.orbits(torch.tensor([group]), positions)
    step = torch.from_numpy(rng.standard_normal(3))
    for affine, projector, first in zip(orbits.affine[0], orbits.projector[0], orbits.orbit[0], strict=True):
        allowed = orbits.affine[0, first] @ step
        assert torch.allclose(projector @ affine @ step, allowed, atol=1e-9)


def test_every_space_group_has_its_operations(table) -> None:
    for group in range(1, 231):
        operations = table.operations_of(group)
        assert len(operations) == int(table.multiplicity[table.position_of[group]].max())
        assert torch.equal(operations[0, :, :3], torch.eye(3, dtype=torch.float64))


def test_first_points_are_found_though_their_whole_cells_are_lost(table, prototypes) -> None:
    wrapped = 0
    units = [find_canonical_unit(crystal.lattice, crystal.frac_coords, crystal.numbers) for crystal in prototypes]
    for unit in filter(None, units):
        position, points = table.position_of[unit.space_group, unit.letters], torch.from_numpy(unit.points) % 1
        found = table.first_points(position[None], points[None])[0]
        difference = (found - points).numpy()
        assert np.abs(difference - np.rint(difference)).max() < 2e-3
        wrapped += np.abs(difference).max() > 0.5
    assert wrapped > 5


def test_first_points_stay_where_they_are(table) -> None:
    generator = torch.Generator().manual_seed(0)
    position = torch.arange(1, len(table.letter)).view(1, -1)
    anywhere = torch.rand(1, position.size(1), 3, dtype=torch.float64, generator=generator)
    first = (table.projector[position] @ anywhere.unsqueeze(3)).squeeze(3) + table.offset[position]
    assert torch.allclose(table.first_points(position, first), first, rtol=0, atol=1e-9)
