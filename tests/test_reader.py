"""Readers: every format gives the same crystal, and every file that holds none gives one line."""

import csv
import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest

import crystalgrid as cg
from crystal_files import BAD_CIFS, caesium_chloride, cif, mixed_folder, poscar, structure
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.parquet import write_parquet
from crystalgrid.data.reader import open_jobs, parse
from crystalgrid.data.sources import SourceFile, find_files

FRAME = """2
Lattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3:forces:R:3 name='a b' pbc="T T T"
Cs 0 0 0 1 1 1
Cl 2 2 2 1 1 1
"""


def write(path, text):
    path.write_text(text)
    return path


def same(actual: cg.Crystal, expected: cg.Crystal) -> bool:
    return (
        np.allclose(actual.lattice, expected.lattice)
        and np.allclose(actual.frac_coords, expected.frac_coords)
        and np.array_equal(actual.numbers, expected.numbers)
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.cif", cif()),
        ("POSCAR", poscar(caesium_chloride())),
        ("CONTCAR.relaxed", poscar(caesium_chloride())),
        ("a.vasp", poscar(caesium_chloride())),
        ("a.extxyz", FRAME),
        ("a.xyz", FRAME.replace("species:S:1:", "Z:I:1:").replace("Cs ", "55 ").replace("Cl ", "17 ")),
        ("one.json", json.dumps(structure(caesium_chloride()))),
        ("list.json", json.dumps([structure(caesium_chloride())])),
        ("entry.json", json.dumps({"entry_id": "x", "structure": structure(caesium_chloride())})),
        ("by_id.json", json.dumps({"mp-1": structure(caesium_chloride())})),
        ("a.csv", f'material_id,cif\nmp-1,"{cif()}"\n'),
    ],
    ids=lambda value: value if len(value) < 20 else "",
)
def test_every_format_gives_the_crystal(tmp_path, name, text):
    [crystal] = cg.read(write(tmp_path / name, text))
    assert same(crystal, caesium_chloride())


def test_a_poscar_may_give_its_volume(tmp_path):
    expected = caesium_chloride()
    cartesian = ["Cartesian", *(" ".join(map(str, row)) for row in expected.positions / 2)]
    lines = poscar(expected).splitlines()
    rows = [" ".join(map(str, row)) for row in expected.lattice / 2]
    text = "\n".join(["half as large, times two", "-64.0", *rows, *lines[5:7], *cartesian])
    [crystal] = cg.read(write(tmp_path / "POSCAR", text))
    assert same(crystal, expected)


def test_blocks_of_a_cif_are_kept_or_left_out_one_by_one(tmp_path):
    bad, disordered = cif(a="banana"), cif(occupancy=0.5)
    path = write(tmp_path / "three.cif", cif() + bad + disordered + cif(a=5))
    result = parse(next(open_jobs([SourceFile(path, "three")])))
    assert result.crystals.ids.tolist() == ["three:0", "three:3"]
    assert [(skipped.id, skipped.reason) for skipped in result.skipped] == [
        ("three:1", "cannot be read"), ("three:2", "disordered"),
    ]  # fmt: skip


def test_entries_of_a_json_are_kept_or_left_out_one_by_one(tmp_path):
    entry = structure(caesium_chloride())
    path = write(tmp_path / "a.json", json.dumps([entry, 3, None, entry]))
    results = [parse(job) for job in open_jobs([SourceFile(path, "a")])]
    assert [len(result.crystals) for result in results] == [1, 0, 0, 1]
    assert all("wanted a pymatgen Structure" in result.skipped[0].detail for result in results[1:3])


def test_names_that_are_no_text(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/am\xe9.cif"))
    path.write_text(cif())
    [(_, name)] = find_files(path)
    assert name == "am\\udce9"


def test_symmetry_of_a_cif_is_applied(tmp_path):
    fcc = cif(atoms=("Cu 0 0 0",)).replace("P 1", "F m -3 m")
    [crystal] = cg.read(write(tmp_path / "cu.cif", fcc))
    assert len(crystal) == 4


@pytest.mark.parametrize("symmetry", ["Q 9/z", "F d -3 m :2", "f m -3 m"])
def test_a_symmetry_that_is_not_known_is_no_crystal_of_one_atom(tmp_path, symmetry):
    with pytest.raises(cg.InputError, match=f"its symmetry '{symmetry}' is not known"):
        cg.read(write(tmp_path / "cu.cif", cif(atoms=("Cu 0 0 0",)).replace("P 1", symmetry)))


def test_a_rounded_special_position_is_not_several_atoms(tmp_path):
    text = (
        cif(atoms=("Mg 0.333 0.667 0.25",)).replace("P 1", "P 63/m m c").replace("_angle_gamma 90", "_angle_gamma 120")
    )
    assert "gamma 120" in text
    with pytest.raises(cg.InputError, match=r"two atoms less than 0\.5 Å apart"):
        cg.read(write(tmp_path / "mg.cif", text))


@pytest.mark.parametrize("occupancy", [".", "?"])
def test_an_occupancy_that_is_not_said_is_whole(tmp_path, occupancy):
    [crystal] = cg.read(write(tmp_path / "a.cif", cif(occupancy=occupancy)))
    assert same(crystal, caesium_chloride())
    with pytest.raises(cg.InputError, match="an occupancy of -1"):
        cg.read(write(tmp_path / "b.cif", cif(occupancy=-1)))


def test_deuterium_is_hydrogen_and_a_cluster_no_crystal(tmp_path):
    [crystal] = cg.read(write(tmp_path / "a.xyz", FRAME.replace("Cs ", "D ")))
    assert crystal.numbers.tolist() == [1, 17]
    with pytest.raises(cg.InputError, match="pbc: wanted T T T, a crystal, got F F F"):
        cg.read(write(tmp_path / "b.xyz", FRAME.replace("T T T", "F F F")))


def test_compressed(tmp_path):
    with gzip.open(tmp_path / "a.json.gz", "wt") as file:
        json.dump([structure(caesium_chloride())] * 2, file)
    assert len(cg.read(tmp_path / "a.json.gz")) == 2


def test_fields_of_a_csv_may_be_long(tmp_path):
    limit = csv.field_size_limit()
    comment = "# " + limit * "x" + "\n"
    [crystal] = cg.read(write(tmp_path / "a.csv", f'cif\n"{comment}{cif()}"\n'))
    assert same(crystal, caesium_chloride())
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize("name", ["A.CIF.GZ", "A.Cif.Gz", "A.CIF"])
def test_endings_in_capitals(tmp_path, name):
    content = cif().encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.lower().endswith("gz") else content)
    result = parse(next(open_jobs(find_files(tmp_path))))
    assert result.crystals.ids.tolist() == ["A"]


def test_parquet(tmp_path):
    crystal = caesium_chloride()
    write_parquet(tmp_path / "a.parquet", CrystalSet.from_crystals([crystal]))
    assert same(cg.read(tmp_path / "a.parquet")[0], crystal)


def test_frames_keep_their_order_and_their_oblique_lattice(tmp_path):
    oblique = FRAME.replace("4 0 0 0 4 0 0 0 4", "4 0 0 1 4 0 0.5 0 4.5").replace("Cs", "K")
    first, second = cg.read(write(tmp_path / "two.xyz", FRAME + oblique))
    assert first.numbers[0] == 55
    assert second.numbers[0] == 19
    np.testing.assert_array_equal(second.lattice, [[4, 0, 0], [1, 4, 0], [0.5, 0, 4.5]])
    np.testing.assert_allclose(second.positions, [[0, 0, 0], [2, 2, 2]], atol=1e-12)


def test_what_ase_writes(tmp_path):
    io, build = pytest.importorskip("ase.io"), pytest.importorskip("ase.build")
    atoms = build.bulk("NaCl", "rocksalt", a=5.6)
    atoms.info["note"] = "a=b"
    io.write(tmp_path / "a.extxyz", [atoms, atoms])
    crystals = cg.read(tmp_path / "a.extxyz")
    assert len(crystals) == 2
    np.testing.assert_allclose(crystals[1].positions, atoms.positions, atol=1e-7)
    np.testing.assert_allclose(crystals[1].lattice, atoms.cell[:], atol=1e-7)


@pytest.mark.parametrize("name", BAD_CIFS)
def test_a_bad_cif_is_one_line_that_names_it(tmp_path, name):
    with pytest.raises(cg.InputError) as error:
        cg.read(write(tmp_path / f"{name}.cif", BAD_CIFS[name]))
    assert str(error.value).startswith(str(tmp_path / f"{name}.cif"))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("POSCAR", poscar(caesium_chloride(), named=False), "Elements in POSCAR cannot be determined"),
        ("a.xyz", "1\nwater\nH 0 0 0\n", "no Lattice"),
        ("a.xyz", FRAME[:-10], "wanted the columns species, pos, forces for each atom, got 'Cl 2'"),
        ("a.xyz", FRAME + "3\n", "3 atoms announced"),
        ("a.xyz", "two\n" + FRAME, "wanted a number of atoms"),
        ("a.xyz", FRAME.replace("4 0 0 0", "nan 0 0 0"), "NaN or infinity in the lattice"),
        ("a.xyz", FRAME.replace("Cs 0 0 0", "Cs nan 0 0"), "NaN or infinity in the positions"),
        ("a.xyz", FRAME.replace("0 4 0", "4 0 0"), "singular lattice"),
        ("a.xyz", '0\nLattice="4 0 0 0 4 0 0 0 4"\n', "no atoms"),
        ("a.json", '{"a": [1,', "cannot be read"),
        ("a.json", '{"structure": {"a": 1}}', "no lattice"),
        ("a.json", "3", "wanted a pymatgen Structure, got int"),
        ("a.json", "[" * 200_000, "cannot be read"),
        ("a.xyz", FRAME + "\n" + FRAME, "wanted a number of atoms, got ''"),
        ("a.csv", "id,formula\n1,NaCl\n", "wanted a column named cif, got id, formula"),
        ("a.csv", "", "wanted a column named cif"),
        ("a.parquet", "PAR1", "not Parquet"),
        ("a.log", "", "not a format that is read: wanted CIF"),
    ],
)
def test_other_bad_files(tmp_path, name, text, message):
    with pytest.raises(cg.InputError, match=message) as error:
        cg.read(write(tmp_path / name, text))
    assert str(error.value).startswith(str(tmp_path / name))


def test_folder(tmp_path):
    (tmp_path / "b").mkdir()
    write(tmp_path / "b" / "1.cif", cif(a=5))
    write(tmp_path / "a.cif", cif(a=4))
    write(tmp_path / "notes.txt", "passed over")
    assert [crystal.longest_side for crystal in cg.read(tmp_path)] == [4, 5]


def test_folder_stops_at_the_first_bad_file(tmp_path):
    mixed_folder(tmp_path / "mixed", n_good=1)
    with pytest.raises(cg.InputError, match=r"bad_disordered\.cif: disordered"):
        cg.read(tmp_path / "mixed")


def test_missing_and_empty(tmp_path):
    with pytest.raises(cg.InputError, match="path: wanted a path, got 3"):
        cg.read(3)
    with pytest.raises(cg.InputError, match="nowhere: no such file or folder"):
        cg.read(tmp_path / "nowhere")
    with pytest.raises(cg.InputError, match="got an empty one"):
        cg.read(tmp_path)
