"""Space groups: those that spglib finds, and standard cells that are the same crystal."""

import logging

import numpy as np
import pytest
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from crystalgrid import Crystal
from crystalgrid.geometry.space_group import SpaceGroup, space_group, standard_cell
from zoo import PEROVSKITE, ZOO


@pytest.mark.parametrize("symprec", [0.01, 0.1])
def test_groups_are_those_that_spglib_finds(symprec: float, prototypes) -> None:
    for crystal in [*ZOO.values(), *prototypes[::8]]:
        expected = SpacegroupAnalyzer(crystal.to_pymatgen(), symprec)
        found = space_group(crystal, symprec)
        assert found == (expected.get_space_group_number(), expected.get_space_group_symbol())


def test_a_tolerance_decides_how_far_atoms_may_be_off() -> None:
    moved = PEROVSKITE.frac_coords + 0.05 / 3.9 * np.random.default_rng(0).uniform(-1, 1, (5, 3))
    crystal = Crystal(PEROVSKITE.lattice, moved, PEROVSKITE.numbers)
    assert space_group(crystal, 0.01) == SpaceGroup(1, "P1")
    assert space_group(crystal, 0.2) == SpaceGroup(221, "Pm-3m")
    exact = standard_cell(crystal, 0.2)
    assert space_group(exact, 1e-4).number == 221
    assert StructureMatcher().fit(Crystal(*exact).to_pymatgen(), PEROVSKITE.to_pymatgen())


@pytest.mark.parametrize("name", ["face-centred", "hexagonal", "left-handed", "rotated"])
def test_a_standard_cell_is_the_same_crystal(name: str) -> None:
    crystal, standard = ZOO[name], Crystal(*standard_cell(ZOO[name], 0.01))
    assert len(standard) == {"face-centred": 8}.get(name, len(crystal))
    assert space_group(standard, 1e-4) == space_group(crystal, 0.01)
    assert StructureMatcher(primitive_cell=True).fit(standard.to_pymatgen(), crystal.to_pymatgen())


def test_atoms_that_coincide_have_no_symmetry() -> None:
    crystal = Crystal(4 * np.eye(3), np.full((2, 3), 0.25), [8, 8])
    assert space_group(crystal, 0.1) == SpaceGroup(1, "P1")
    assert standard_cell(crystal, 0.1).frac_coords is crystal.frac_coords


def test_loggers_stay_as_they_were(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("moyo")
    level = logger.level
    assert space_group(ZOO["cubic"], 0.01).number == 225  # which is not given as a primitive cell
    assert logger.level == level
    assert not caplog.records
