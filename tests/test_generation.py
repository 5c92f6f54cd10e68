"""The benchmark of generation: what is read, what is counted, what relaxing says."""

import numpy as np
import pytest

from crystalgrid.crystal import Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.worth.hull import Hull
from crystalgrid.worth.shares import Share
from generation import drawn, judged, types_of_training
from relaxation import relaxed_lines, rms_moved
from zoo import PEROVSKITE, ZOO, lattice_of

FCC = 2.8 * (np.ones((3, 3)) - np.eye(3))
SALT = Crystal(FCC, [[0, 0, 0], [0.5, 0.5, 0.5]], [11, 17])
SODIUM, CHLORINE = (Crystal(FCC, [[0, 0, 0]], [z]) for z in (11, 17))
TRAINING = CrystalSet.from_crystals([SALT, PEROVSKITE, ZOO["many atoms"]])


def test_a_folder_is_read_once_though_it_has_its_crystals_twice(tmp_path) -> None:
    (tmp_path / "cif").mkdir()
    for name, crystal in {"0.cif": SALT, "1.xyz": SALT, "2.xyz": PEROVSKITE}.items():
        crystal.write(tmp_path / "cif" / name)
    salt, perovskite = ((tmp_path / "cif" / name).read_text() for name in ("1.xyz", "2.xyz"))
    (tmp_path / "crystals.xyz").write_text(salt + salt.replace("Cl", "Qq") + perovskite)
    crystals, unreadable = drawn(str(tmp_path), TRAINING, 10, 0)
    assert ([crystal.formula for crystal in crystals], unreadable) == (["NaCl", "SrTiO3"], 1)
    lines = dict(judged(crystals, unreadable, 1)[0])
    assert lines["lemat_valid"] == lines["cdvae_valid"] == Share(2, 3)
    assert lines["P1 at 0.1 Å"] == Share(0, 2)


def test_draws_of_training_crystals_are_small_and_seeded() -> None:
    for source in ("training", "swaps"):
        crystals, _ = drawn(source, TRAINING, 2, 1)
        assert max(map(len, crystals)) <= 5
        assert crystals.checksum == drawn(source, TRAINING, 2, 1)[0].checksum


def test_the_types_of_the_training_crystals_are_kept(tmp_path) -> None:
    assert types_of_training(TRAINING[:2], tmp_path, 1) == {"225:a-b", "221:a-b-c"}
    (file,) = tmp_path.iterdir()
    file.write_text('["kept"]')
    assert types_of_training(TRAINING[:2], tmp_path, 1) == {"kept"}


def test_what_fails_or_has_no_reference_counts_against() -> None:
    hull = Hull(CrystalSet.from_crystals([SALT, SODIUM, CHLORINE]), np.array([-3.5, -1.0, -2.0]))
    of_iron = Crystal(FCC, SALT.frac_coords, [26, 17])
    crystals = CrystalSet.from_crystals([SALT, SALT, SALT, of_iron, SALT])
    done = {"converged": True, "same_after": True, "rms_moved": 0.1, "seconds": 1.0}
    energies = (-3.5, -3.45, -3.3, -9.0)
    rows = [{**done, "energy": energy} for energy in energies] + [{"error": "exploded", "seconds": 1.0}]
    lines = dict(relaxed_lines(rows, crystals, hull, np.array([True, True, True, True, True])))
    assert lines["failed"] == lines["no reference for an element"] == lines["on it"] == lines["S.U.N."] == Share(1, 5)
    assert lines["M.S.U.N."] == Share(2, 5)
    assert dict(relaxed_lines(rows, crystals, hull, np.zeros(5, dtype=bool)))["M.S.U.N."] == Share(0, 5)


def test_drift_and_strain_are_no_displacement() -> None:
    strained = Crystal(1.1 * FCC, SALT.frac_coords + 0.3, SALT.numbers)
    assert rms_moved(SALT, strained) == pytest.approx(0, abs=1e-12)
    cube = lattice_of(4, 4, 4, 90, 90, 90)
    moved = Crystal(cube, [[0, 0, 0], [0.5, 0.5, 0.6]], [1, 2])
    assert rms_moved(Crystal(cube, SALT.frac_coords, [1, 2]), moved) == pytest.approx(0.2)
