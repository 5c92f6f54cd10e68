"""The benchmark of generation: what is read, what is counted."""

import numpy as np

from crystalgrid.crystal import Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.worth.shares import Share
from generation import drawn, judged, types_of_training
from zoo import PEROVSKITE, ZOO

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
    (tmp_path / "crystals.csv").write_text("index,formula\n")
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
