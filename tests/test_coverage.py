"""Coverage, as CDVAE counts it."""

import numpy as np
import pytest

from crystalgrid.crystal import Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.worth.coverage import Cutoffs, Scale, coverage, covered, structure_fingerprint
from crystalgrid.worth.shares import Share
from reference import mean_of_site_fingerprints
from zoo import PEROVSKITE, ZOO

SALT = Crystal(2.8 * (np.ones((3, 3)) - np.eye(3)), [[0, 0, 0], [0.5, 0.5, 0.5]], [11, 17])


def test_partners_in_structure_and_composition_need_not_be_the_same() -> None:
    structure = np.array([[0.1, 0.3], [0.3, 0.3]])  # of two draws, the rows, to two test crystals
    composition = np.array([[5.0, 3.0], [3.0, 5.0]])
    distances = structure, composition
    assert covered(distances, Cutoffs(0.2, 4), 0).tolist() == [True, False]
    assert covered(distances, Cutoffs(0.2, 4), 1).tolist() == [True, False]


@pytest.mark.parametrize("name", ["cubic", "perovskite", "hexagonal", "one atom", "heavy and light", "left-handed"])
def test_a_structure_has_the_mean_of_the_fingerprints_of_all_sites(name: str) -> None:
    supercell = ZOO[name].to_pymatgen() * (2, 1, 1)
    for crystal in (ZOO[name], Crystal.from_pymatgen(supercell)):
        assert np.allclose(structure_fingerprint(crystal), mean_of_site_fingerprints(crystal), atol=1e-3)


def test_features_that_do_not_vary_are_not_divided_by_zero() -> None:
    scaled = Scale(np.array([[1.0, 5.0], [3.0, 5.0]]))(np.array([[3.0, 5.5]]))
    assert scaled.tolist() == [[1.0, 0.5]]


def test_a_set_covers_itself_and_what_cannot_be_read_covers_nothing() -> None:
    crystals = CrystalSet.from_crystals([PEROVSKITE, SALT])
    found = coverage(crystals, 2, crystals, Cutoffs(0.4, 10), 1)
    assert found == {"cov_r": Share(2, 2), "cov_p": Share(2, 4)}
    found = coverage(crystals[:0], 1, crystals, Cutoffs(0.4, 10), 1)
    assert found == {"cov_r": Share(0, 2), "cov_p": Share(0, 1)}
