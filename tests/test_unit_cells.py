"""Unit cells as padded tensors: they are the crystals, and know the shortest distances of every two species."""

import itertools

import numpy as np
import torch
from pymatgen.analysis.structure_matcher import StructureMatcher

from crystalgrid import Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.geometry.lattices import from_parameters
from crystalgrid.training.unit_cells import build_unit_cells, shortest_distances, small_enough
from padded_crystals import SMALL_ZOO, to_crystals
from zoo import ZOO


def test_unit_cells_are_the_crystals():
    cells = build_unit_cells(CrystalSet.from_crystals(SMALL_ZOO.values()), 14)
    assert cells.numbers.shape == (len(SMALL_ZOO), 14)
    matcher = StructureMatcher(primitive_cell=False, scale=False, ltol=1e-3, stol=1e-3, angle_tol=0.1)
    rebuilt = to_crystals(from_parameters(cells.lattice_params), cells.frac_coords, cells.numbers)
    for crystal, got in zip(SMALL_ZOO.values(), rebuilt, strict=True):
        assert matcher.fit(crystal.to_pymatgen(), got.to_pymatgen())


def test_elements_are_counted_and_atoms_know_the_slots_of_theirs():
    cells = build_unit_cells(CrystalSet.from_crystals(SMALL_ZOO.values()), 14)
    for crystal, elements, counts in zip(SMALL_ZOO.values(), cells.elements, cells.counts, strict=True):
        species, expected = np.unique(crystal.numbers, return_counts=True)
        assert elements[elements > 0].tolist() == species.tolist()
        assert counts[elements > 0].tolist() == expected.tolist()
        assert counts.sum() == len(crystal)
    of_slots = torch.nn.functional.pad(cells.elements, [1, 0]).gather(1, cells.element_slots.long())
    assert torch.equal(of_slots, cells.numbers)


def test_selected_cells_are_padded_to_the_largest_of_them():
    cells = build_unit_cells(CrystalSet.from_crystals(SMALL_ZOO.values()), 14)
    selected = cells.select(np.array([2, 0]))
    largest = max(len(crystal) for crystal in list(SMALL_ZOO.values())[0:3:2])
    assert selected.numbers.shape[1] == selected.element_slots.shape[1] == selected.orbits.affine.shape[1] == largest
    assert torch.equal(selected.numbers[1], cells.numbers[0, :largest])


def test_crystals_of_too_many_atoms_or_elements_are_not_small_enough():
    seven_elements = Crystal(5 * np.eye(3), np.random.default_rng(0).random((7, 3)), [1, 3, 9, 11, 17, 35, 53])
    crystals = CrystalSet.from_crystals([ZOO["many atoms"], ZOO["perovskite"], seven_elements])
    assert small_enough(crystals, 12).tolist() == [False, True, False]
    assert small_enough(crystals, 4).tolist() == [False, False, False]


def test_shortest_distances_are_those_of_all_images():
    cells = build_unit_cells(CrystalSet.from_crystals(SMALL_ZOO.values()), 12)
    found = {}
    images = np.array(list(itertools.product(range(-3, 4), repeat=3)))
    for crystal in to_crystals(from_parameters(cells.lattice_params), cells.frac_coords, cells.numbers):
        positions, translations = crystal.positions, images @ crystal.lattice
        for i, j in itertools.product(range(len(crystal)), repeat=2):
            distance = np.linalg.norm(positions[j] + translations - positions[i], axis=1)
            pair = *sorted((int(crystal.numbers[i]), int(crystal.numbers[j]))), id(crystal)
            found[pair] = min(found.get(pair, np.inf), distance[distance > 1e-3].min())
    first, second, distance = (x.numpy() for x in shortest_distances(cells))
    assert len(distance) == len(found)
    expected = sorted((*pair[:2], length) for pair, length in found.items())
    np.testing.assert_allclose(sorted(zip(first, second, distance, strict=True)), expected, rtol=1e-4)
