"""Structure types: the same name for a structure in any cell, setting and choice of elements."""

import numpy as np
import pytest

from crystalgrid.crystal import Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.worth.structure_type import structure_type, structure_types
from zoo import PEROVSKITE, ZOO, random_rotation


@pytest.mark.parametrize("name", ZOO)
def test_cells_origins_and_elements_do_not_matter(name: str) -> None:
    crystal, rng = ZOO[name], np.random.default_rng(1)
    elements = np.unique(crystal.numbers)
    replaced = dict(zip(elements, rng.permutation(94)[: len(elements)] + 1, strict=True))
    twice = np.concatenate([crystal.frac_coords + np.array([i, 0, 0]) for i in range(2)]) @ np.diag([0.5, 1, 1])
    numbers = np.array([replaced[z] for z in crystal.numbers])
    lattice = np.diag([2, 1, 1]) @ crystal.lattice @ random_rotation(rng)
    order = rng.permutation(len(twice))
    other = Crystal(lattice, (twice + rng.random(3))[order], np.tile(numbers, 2)[order])
    assert structure_type(other, 0.01) == structure_type(crystal, 0.01) != ""


def test_equivalent_descriptions_have_one_name() -> None:
    a_at_origin = Crystal(PEROVSKITE.lattice, (PEROVSKITE.frac_coords + 0.5) % 1, PEROVSKITE.numbers)
    assert structure_type(PEROVSKITE, 0.01) == structure_type(a_at_origin, 0.01)
    assert structure_type(PEROVSKITE, 0.01) in {"221:a-b-c", "221:a-b-d"}


def test_other_structures_have_other_names() -> None:
    fcc = 2.8 * (np.ones((3, 3)) - np.eye(3))
    rock_salt = Crystal(fcc, [[0, 0, 0], [0.5, 0.5, 0.5]], [11, 17])
    zinc_blende = Crystal(fcc, [[0, 0, 0], [0.25, 0.25, 0.25]], [30, 16])
    assert structure_type(rock_salt, 0.01) == "225:a-b"
    assert structure_type(zinc_blende, 0.01) == "216:a-c"  # a-b is rock salt's, which has more symmetry
    assert structure_type(Crystal(fcc, [[0, 0, 0], [0.25, 0.25, 0.25]], [6, 6]), 0.01) == "227:a"


def test_many_have_the_names_of_each() -> None:
    crystals = CrystalSet.from_crystals(ZOO.values())
    assert structure_types(crystals, 0.01) == [structure_type(crystal, 0.01) for crystal in ZOO.values()]
