"""The benchmark that judges draws by other libraries alone."""

import csv
from pathlib import Path

import numpy as np
import pytest

from crystalgrid.crystal import Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.parquet import write_parquet
from independent import distances, independent, share
from zoo import PEROVSKITE

SALT = Crystal(2.8 * (np.ones((3, 3)) - np.eye(3)), [[0, 0, 0], [0.5, 0.5, 0.5]], [11, 17])
HELIUM_OXIDE = Crystal(4 * np.eye(3), [[0, 0, 0], [0.2, 0, 0]], [2, 8])


def library(folder: Path, rows: list[tuple[Crystal, str, int]]) -> Path:
    """Write crystals, each with the formula and the space group that the table says, as the sampler does."""
    (folder / "cif").mkdir(parents=True)
    with (folder / "crystals.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["index", "formula", "space_group_number"])
        for index, (crystal, formula, group) in enumerate(rows):
            table.writerow([index, formula, group])
            crystal.write(folder / "cif" / f"{index}.cif")
            crystal.write(folder / f"{index}.xyz")
    text = "".join((folder / f"{index}.xyz").read_text() for index in range(len(rows)))
    (folder / "crystals.xyz").write_text(text)
    return folder


def test_a_wrong_table_and_repeated_and_known_crystals_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        (SALT, "NaCl", 225),
        (SALT, "NaCl", 221),
        (PEROVSKITE, "SrTiO2", 221),
        (HELIUM_OXIDE, HELIUM_OXIDE.formula, 99),
    ]
    write_parquet(tmp_path / "known.parquet", CrystalSet.from_crystals([PEROVSKITE]))
    independent(library(tmp_path / "draws", rows), tmp_path / "known.parquet")
    lines = {line[:52].strip(): line[52:] for line in capsys.readouterr().out.splitlines()[1:]}
    counts = {name: int(text.split()[0]) for name, text in lines.items() if " of " in text}
    assert counts == {
        "formula of frame and CIF as the table says": 3,
        "space group of the CIF, 0.01 Å, as the table says": 3,
        "composition valid, smact14": 3,
        "distances valid by LeMat-GenBench's rule": 3,
        "P1, 0.1 Å": 0,
        "smallest distance below 1 Å": 1,
        "of these without hydrogen": 1,
        "matches no earlier one": 3,
        "matches none of known.parquet": 3,
    }
    assert float(lines["elements a crystal"]) == 2.25


def test_an_atom_may_be_near_its_own_image() -> None:
    assert distances(Crystal(1.2 * np.eye(3), [[0, 0, 0]], [26]).to_pymatgen()) == (pytest.approx(1.2), False)
    assert distances(Crystal(9 * np.eye(3), [[0, 0, 0]], [26]).to_pymatgen()) == (np.inf, True)


def test_shares_have_wilsons_interval() -> None:
    assert share([True, False]) == "1 of 2, 50.0 % (9.5 to 90.5)"
