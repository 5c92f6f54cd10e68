"""The check of crystals: the table, the folder, the summary, and what is refused."""

import csv
import json
from pathlib import Path

import gemmi
import numpy as np
import pyarrow.parquet as pq
import pytest

import crystalgrid as cg
from crystalgrid.crystal import Crystal
from crystalgrid.data.parquet import read_parquet
from crystalgrid.errors import InputError
from crystalgrid.worth.checked_folder import check_folder
from crystalgrid.worth.table_folder import file_names
from zoo import PEROVSKITE, ZOO, lattice_of

SALT = Crystal(2.8 * (np.ones((3, 3)) - np.eye(3)), [[0, 0, 0], [0.5, 0.5, 0.5]], [11, 17])
LARGER = Crystal(
    np.diag([1, 1, 2]) @ (1.02 * SALT.lattice),
    np.concatenate([(SALT.frac_coords + np.array([0, 0, i])) * np.array([1, 1, 0.5]) for i in range(2)]),
    [11, 17, 11, 17],
)
UNBALANCED = Crystal(lattice_of(4, 4, 4, 90, 90, 90), [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0]], [11, 17, 17])


def test_each_crystal_has_its_figures() -> None:
    rows = cg.check([SALT, LARGER.to_pymatgen(), UNBALANCED.to_ase()], against=[PEROVSKITE, LARGER])
    assert [row.formula for row in rows] == ["NaCl", "NaCl", "NaCl2"]
    assert [row.space_group for row in rows][:2] == ["Fm-3m", "Fm-3m"]
    assert [row.structure_type for row in rows][:2] == ["225:a-b", "225:a-b"]
    assert [row.lemat_valid for row in rows] == [row.cdvae_valid for row in rows] == [True, True, False]
    assert [row.same_as for row in rows] == ["", "0", ""]
    assert [row.known_as for row in rows] == ["1", "1", ""]
    assert [row.formula_known for row in rows] == [True, True, False]
    assert [row.oxidation_states for row in rows] == ["Na+1 Cl-1", "Na+1 Cl-1", ""]
    assert rows[2].reason == "NaCl2 cannot be neutral by smact; charges of NaCl2 do not balance"
    assert rows[1].atoms == 4
    assert rows[1].volume_per_atom == pytest.approx(1.02**3 * 2.8**3)


@pytest.mark.parametrize("name", ZOO)
def test_awkward_crystals_have_figures_too(name: str) -> None:
    (row,) = cg.check([ZOO[name]])
    assert (row.known_as, row.same_as, row.formula_known) == ("", "", False)
    assert 0 < row.smallest_distance < 20
    assert row.radii_share > 0


def test_a_folder_gets_a_table_cifs_and_a_summary(tmp_path: Path, capsys) -> None:
    draws = tmp_path / "draws" / "b"
    draws.mkdir(parents=True)
    for name, crystal in {"1.cif": SALT, "2.vasp": LARGER, "POSCAR": UNBALANCED, "b/../3.cif": PEROVSKITE}.items():
        crystal.write(draws / Path(name).name)
    (draws / "4.cif").write_text("data_nothing\n")
    PEROVSKITE.write(tmp_path / "known.cif")
    out = tmp_path / "out"
    check_folder([tmp_path / "draws"], out, tmp_path / "known.cif", tmp_path / "summary.json", 1)

    rows = list(csv.DictReader((out / "crystals.csv").open()))
    assert {row["id"]: row["formula"] for row in rows[:-1]} == {
        "b/1": "NaCl", "b/2": "NaCl", "b/3": "SrTiO3", "b/POSCAR": "NaCl2",
    }  # fmt: skip
    assert rows[-1]["id"] == "b/4"
    assert rows[-1]["reason"] != ""
    table = pq.read_table(out / "crystals.parquet")
    assert table["same_as"].to_pylist() == ["", "b/1", "", ""]
    assert table["known_as"].to_pylist() == ["", "", "known", ""]
    assert len(read_parquet(out / "crystals.parquet").crystals) == 4
    for row in rows[:-1]:
        small = gemmi.read_small_structure(str(out / "cif" / f"{row['id'].replace('/', '_')}.cif"))
        assert small.spacegroup.number == int(row["space_group_number"])

    found = json.loads((tmp_path / "summary.json").read_text())
    assert (found["n"], found["unreadable"]) == (5, 1)
    assert found["lemat_valid"]["number"] == found["unique"]["number"] == 3
    assert (found["lemat_valid"]["n"], found["novel"]["number"], found["p1"]["n"]) == (5, 3, 4)
    assert found["unique_and_novel"]["number"] == 2
    assert found["d_elem"] == pytest.approx(2 / 3)  # two elements, two and three, and three
    assert found["space_groups"]["Fm-3m (225)"] == 2
    assert "lemat_valid      60.0 %" in capsys.readouterr().out

    again = tmp_path / "again"  # what was written is read as a library, once
    check_folder([out], again, None, None, 1)
    assert len(list((again / "cif").iterdir())) == 4
    with pytest.raises(InputError, match="exists and is not empty"):
        check_folder([out], again, None, None, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again", "draws", "known.cif", "out", "summary.json"]


def test_the_first_that_is_valid_stands_for_its_like() -> None:
    """A matcher that compares at equal volumes calls a squeezed crystal the same."""
    squeezed = Crystal(0.5 * SALT.lattice, SALT.frac_coords, SALT.numbers)
    rows = cg.check([squeezed, SALT, LARGER])
    assert [row.lemat_valid for row in rows] == [False, True, True]
    assert [row.same_as for row in rows] == ["1", "", "1"]
    assert [row.same_as for row in cg.check([squeezed, squeezed])] == ["", "0"]


@pytest.mark.parametrize("alone", [SALT, SALT.to_pymatgen(), SALT.to_ase()])
def test_a_crystal_alone_is_no_list(alone: object) -> None:
    for check in (cg.check, cg.relax):
        with pytest.raises(InputError, match=r"wanted a list of crystals, got a \w+; put it into one, \[crystal\]"):
            check(alone)


def test_what_cannot_be_checked_is_refused_and_leaves_nothing(tmp_path: Path, capsys) -> None:
    """The one line of the refusal says what is wrong, and nothing else does."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.cif").write_text("data_nothing\n")
    out = tmp_path / "out"
    for source, message in (
        ("empty", "wanted a folder with files"),
        ("broken.cif", "cannot be read: no atoms"),
        ("x", "no such"),
    ):
        with pytest.raises(InputError, match=message):
            check_folder([tmp_path / source], out, None, None, 1)
    with pytest.raises(InputError, match="wanted files or folders"):
        check_folder([], out, None, None, 1)
    with pytest.raises(InputError, match="no crystals that can be read"):
        cg.check([SALT], against=tmp_path / "broken.cif")
    with pytest.raises(InputError, match="wanted a list of crystals"):
        cg.check("draws")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.cif", "empty"]
    assert "unreadable" not in capsys.readouterr().err


def test_names_of_files_are_safe_and_different() -> None:
    assert file_names(["a/b", "a_b", "..", "Å 1", "a/b"]) == ["a_b", "a_b_1", "_", "Å_1", "a_b_4"]
