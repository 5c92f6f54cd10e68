"""Readers: every format gives the same crystal, whatever its file's name, encoding or size."""

import csv
import gzip
import json
import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import crystalgrid as cg
from crystal_files import COMMENT, FRAME, caesium_chloride, cif, poscar, same, structure, table, write
from crystalgrid.crystal import Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.parquet import write_parquet
from crystalgrid.data.reader import open_jobs, parse, read_files
from crystalgrid.data.sources import SourceFile, find_files


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
        (
            "b.csv",
            "id,Structure\n1,{}\n".format('"' + json.dumps(structure(caesium_chloride())).replace('"', '""') + '"'),
        ),
        ("a.poscar", poscar(caesium_chloride()).replace("4.0", "4.d0")),
        ("a.mcif", cif()),
    ],
    ids=lambda value: value if len(value) < 20 else "",
)
def test_every_format_gives_the_crystal(tmp_path, name, text):
    [crystal] = cg.read(write(tmp_path / name, text))
    assert same(crystal, caesium_chloride())


def test_blocks_of_a_cif_are_kept_or_left_out_one_by_one(tmp_path):
    bad, disordered = cif(a="banana"), cif(occupancy=0.5)
    path = write(tmp_path / "three.cif", cif() + bad + disordered + cif(a=5))
    result = parse(next(open_jobs([SourceFile(path, "three")])))
    assert result.crystals.ids.tolist() == ["three:0", "three:3"]
    assert [(skipped.id, skipped.reason) for skipped in result.skipped] == [
        ("three:1", "cannot be read"), ("three:2", "disordered"),
    ]  # fmt: skip


def test_names_that_are_no_text(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/am\xe9.cif"))
    path.write_text(cif())
    [(_, name)] = find_files(path)
    assert name == "am\\udce9"


def test_symmetry_of_a_cif_is_applied(tmp_path):
    fcc = cif(atoms=("Cu 0 0 0",)).replace("P 1", "F m -3 m")
    [crystal] = cg.read(write(tmp_path / "cu.cif", fcc))
    assert len(crystal) == 4


@pytest.mark.parametrize("symmetry", ["Q 9/z", "P 7 2 1"])
def test_a_symmetry_that_is_not_known_is_no_crystal_of_one_atom(tmp_path, symmetry):
    with pytest.raises(cg.InputError, match=f"its symmetry '{symmetry}' is not known"):
        cg.read(write(tmp_path / "cu.cif", cif(atoms=("Cu 0 0 0",)).replace("P 1", symmetry)))


def test_a_rounded_special_position_is_not_several_atoms(tmp_path):
    text = (
        cif(atoms=("Mg 0.333 0.667 0.25",)).replace("P 1", "P 63/m m c").replace("_angle_gamma 90", "_angle_gamma 120")
    )
    assert "gamma 120" in text
    [crystal] = cg.read(write(tmp_path / "mg.cif", text))
    assert len(crystal) == 2


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


def test_folder(tmp_path):
    (tmp_path / "b").mkdir()
    write(tmp_path / "b" / "1.cif", cif(a=5))
    write(tmp_path / "a.cif", cif(a=4))
    write(tmp_path / "notes.txt", "passed over")
    assert [crystal.longest_side for crystal in cg.read(tmp_path)] == [4, 5]


@pytest.mark.parametrize("name", ["POSCAR_1.cif", "contcar.xyz", "poscars.json"])
def test_the_ending_says_what_a_file_is(tmp_path, name):
    texts = {".cif": cif(), ".xyz": FRAME, ".json": json.dumps(structure(caesium_chloride()))}
    [crystal] = cg.read(write(tmp_path / name, texts[Path(name).suffix]))
    assert same(crystal, caesium_chloride())


def test_folders_of_draws_within_a_folder_are_read_once(tmp_path):
    for name in ("first", "second"):
        folder = tmp_path / "draws" / name
        (folder / "cif").mkdir(parents=True)
        caesium_chloride().write(folder / "crystals.xyz")
        caesium_chloride().write(folder / "cif" / "0.cif")
        write(folder / "crystals.csv", "index,formula\n0,CsCl\n")
        write(folder / "manifest.json", "{}")
    caesium_chloride().write(tmp_path / "draws" / "single.cif")
    files = [file.path.relative_to(tmp_path / "draws").as_posix() for file in find_files(tmp_path / "draws")]
    assert files == ["first/crystals.xyz", "second/crystals.xyz", "single.cif"]
    assert len(cg.read(tmp_path / "draws")) == 3


def test_atoms_in_one_place_are_left_out_in_every_format(tmp_path):
    double = Crystal(4 * np.eye(3), [[0, 0, 0], [0, 0, 0.99]], [55, 17])
    write_parquet(tmp_path / "a.parquet", CrystalSet.from_crystals([double]))
    write(tmp_path / "a.cif", cif(atoms=("Cs 0 0 0", "Cl 0 0 0.99")))
    write(tmp_path / "a.json", json.dumps(structure(double)))
    write(tmp_path / "a.xyz", f"2\n{COMMENT}\nCs 0 0 0\nCl 0 0 -0.04\n")
    write(tmp_path / "a.vasp", poscar(double))
    for name in ("a.parquet", "a.cif", "a.json", "a.xyz", "a.vasp"):
        with pytest.raises(cg.InputError, match=r"in one place|less than 0\.45 Å apart"):
            cg.read(tmp_path / name)


def test_isotopes_are_told_in_every_format(tmp_path):
    heavy = FRAME.replace("Cs ", "D ")
    pq.write_table(table(species_at_sites=[["D", "Cl"]]), tmp_path / "a.parquet")
    write(tmp_path / "a.xyz", heavy)
    write(tmp_path / "a.vasp", poscar(caesium_chloride()).replace("Cs", "D"))
    write(tmp_path / "a.cif", cif(atoms=("D 0 0 0", "Cl 0.5 0.5 0.5")))
    write(tmp_path / "a.json", json.dumps(structure(caesium_chloride())).replace('"Cs"', '"D"'))
    result = read_files(find_files(tmp_path), 10.0)
    assert len(result.crystals) == 5
    assert "in 5 of them deuterium or tritium is read as hydrogen" in result.summary()


def test_tables_of_pandas_keep_the_ids_of_their_columns(tmp_path):
    entry = structure(caesium_chloride())
    by_column = {"material_id": {"0": "mp-5"}, "structure": {"0": entry}}
    by_row = {"columns": ["material_id", "structure"], "index": [0], "data": [["mp-6", entry]]}
    for i, content in enumerate((by_column, by_row)):
        write(tmp_path / f"{i}.json", json.dumps(content))
    assert read_files(find_files(tmp_path), 10.0).crystals.ids.tolist() == ["mp-5", "mp-6"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_encodings_and_line_ends(tmp_path, encoding):
    text = cif().replace("data_test", "data_test\n_publ_author_name 'Müller'").replace("\n", "\r\n")
    (tmp_path / "a.cif").write_bytes(text.encode(encoding))
    assert same(cg.read(tmp_path / "a.cif")[0], caesium_chloride())


def test_a_supercell_of_many_atoms_is_one_atom(tmp_path):
    n = 14
    cells = np.stack(np.meshgrid(*3 * [np.arange(n)], indexing="ij"), -1).reshape(-1, 3)
    rows = "\n".join(" ".join(f"{x:.6f}" for x in row) for row in cells / n)
    lattice = "\n".join(" ".join(map(str, row)) for row in 2.9 * n * np.eye(3))
    write(tmp_path / "POSCAR", f"many\n1\n{lattice}\nCu\n{n**3}\nDirect\n{rows}\n")
    result = read_files(find_files(tmp_path), 10.0)
    [crystal] = result.crystals
    assert crystal.numbers.tolist() == [29]
    assert abs(np.linalg.det(crystal.lattice)) == pytest.approx(2.9**3)
    assert result.summary() == "kept 1 of 1 crystals; in 1 of them the cell was reduced to the primitive one"


def test_dummy_atoms_of_a_cif(tmp_path):
    text = cif().replace("_atom_site_occupancy", "_atom_site_occupancy\n_atom_site_calc_flag")
    flagged = "\n".join(f"{line} dum" if line.startswith(("Cs", "Cl")) else line for line in text.splitlines())
    with pytest.raises(cg.InputError, match="is a dummy"):
        cg.read(write(tmp_path / "a.cif", flagged))
