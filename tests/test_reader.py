"""Readers: every format gives the same crystal, and every file that holds none gives one line."""

import csv
import gzip
import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import crystalgrid as cg
from crystal_files import BAD_CIFS, caesium_chloride, cif, mixed_folder, poscar, structure
from crystalgrid.crystal import Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.parquet import write_parquet
from crystalgrid.data.reader import open_jobs, parse, read_files
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
    assert all("wanted a structure, got" in result.skipped[0].detail for result in results[1:3])


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
        ("POSCAR", poscar(caesium_chloride(), named=False), "it does not name its species"),
        ("a.xyz", "1\nwater\nH 0 0 0\n", "no Lattice"),
        ("a.xyz", FRAME[:-10], "wanted the columns species, pos, forces for each atom, got 'Cl 2'"),
        ("a.xyz", FRAME + "3\n", "3 atoms announced"),
        ("a.xyz", "two\n" + FRAME, "wanted a number of atoms"),
        ("a.xyz", FRAME.replace("4 0 0 0", "nan 0 0 0"), "NaN or infinity in the lattice"),
        ("a.xyz", FRAME.replace("Cs 0 0 0", "Cs nan 0 0"), "NaN or infinity in the positions"),
        ("a.xyz", FRAME.replace("0 4 0", "4 0 0"), "singular lattice"),
        ("a.xyz", '0\nLattice="4 0 0 0 4 0 0 0 4"\n', "no atoms"),
        ("a.json", '{"a": [1,', "cannot be read"),
        ("a.json", '{"structure": {"a": 1}}', "wanted a structure, got int"),
        ("a.json", '[{"sites": []}]', "no lattice in it"),
        ("POSCAR", poscar(caesium_chloride()).replace("1 1", "1 2"), "wanted 3 positions, as line 7 says, got 2"),
        ("POSCAR", "a\n1\n4 0 0\n", "wanted a POSCAR of eight lines or more, got 3"),
        ("POSCAR", poscar(caesium_chloride()).replace("Direct", "Fractional"), "wanted Direct or Cartesian"),
        ("a.xyz", FRAME.replace("Cs ", "Cq "), "'Cq' is not an element of Z 1 to 94"),
        ("a.xyz", FRAME.replace("species:S", "mtt::target:R:1:species:S"), "Properties: wanted name:type:count"),
        ("a.xyz", '1\nLattice="4 0 0 0 4 0 0 0 4"\nCs 0 0 0\n'.replace("4 0 0", "x 0 0", 1), "wanted nine numbers"),
        ("a.json", "3", "wanted a structure, got int"),
        ("a.json", "[" * 200_000, "cannot be read"),
        ("a.csv", "id,formula\n1,NaCl\n", "wanted a column named cif or structure, got id, formula"),
        ("a.csv", "", "wanted a column named cif or structure, got no columns"),
        ("a.parquet", "PAR1", "not Parquet"),
        ("a.cif.gz", cif(), "not a gzip file, or damaged"),
        ("a.xyz", FRAME.replace("pos:R:3", "pos:R:2"), "Properties: wanted pos:R:3"),
        ("a.xyz", FRAME.replace("Cs ", "X "), "'X' is not an element of Z 1 to 94"),
        (
            "POSCAR",
            poscar(caesium_chloride()).replace("4.0 0.0 0.0", "4.0"),
            "lattice vectors: wanted three numbers each",
        ),
        (
            "POSCAR",
            poscar(caesium_chloride()).replace("0.5 0.5 0.5", "0.5 x 0.5"),
            "positions: wanted three numbers each",
        ),
        ("POSCAR", "a\n1\n4 0 0\n0 4 0\n0 0 4\nCs\n1\nSelective", "after selective dynamics, got the end of the file"),
        ("a.json", '{"@class": "Molecule", "sites": []}', "no lattice in it"),
        ("a.json", "{'a': 1}", "not JSON, or damaged: line 1, column 2"),
        ("a.json", "[" * 200_000, "objects within objects"),
        ("a.log", "", "not of a format that is read: wanted CIF"),
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


@pytest.mark.parametrize(
    "change",
    [
        ("Direct", "Selective dynamics\nDirect"),
        ("1.0\n", "1.0 ! scale\n"),
        ("Cs Cl", "Cs_sv Cl"),
        ("Cs Cl", "Cs/1a2b3c Cl/4d5e6f"),
        ("Direct", "direct lattice"),
    ],
)
def test_dialects_of_poscar(tmp_path, change):
    text = poscar(caesium_chloride()).replace(*change)
    if "Selective" in text:
        first, *rest = text.split("Direct\n")[1].splitlines()
        flagged = [f"{first} T T T", *(f"{line} .FALSE. .true. F" for line in rest)]
        text = text.split("Direct\n")[0] + "Direct\n" + "\n".join(flagged)
    [crystal] = cg.read(write(tmp_path / "CONTCAR", text))
    assert same(crystal, caesium_chloride())


def test_three_scales_of_a_poscar(tmp_path):
    text = poscar(caesium_chloride()).splitlines()
    text[1] = "1.0 0.5 2.0"
    [crystal] = cg.read(write(tmp_path / "POSCAR", "\n".join(text)))
    np.testing.assert_allclose(crystal.lattice, np.diag([4.0, 2.0, 8.0]))


def test_names_after_positions_must_agree_with_the_species(tmp_path):
    lines = poscar(caesium_chloride()).splitlines()
    named = [*lines[:-2], f"{lines[-2]} Cs T T T", f"{lines[-1]} Cl F F F"]
    assert same(cg.read(write(tmp_path / "POSCAR", "\n".join(named)))[0], caesium_chloride())
    named[-1] = f"{lines[-1]} Br"
    with pytest.raises(cg.InputError, match="line 6 has another element for it"):
        cg.read(write(tmp_path / "POSCAR", "\n".join(named)))


COMMENT = 'Lattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3'


@pytest.mark.parametrize(
    "comment",
    [
        COMMENT.replace('"4 0 0 0 4 0 0 0 4"', "[4.0, 0, 0, 0, 4.0, 0, 0, 0, 4.0]"),
        COMMENT.replace('"4 0 0 0 4 0 0 0 4"', "[[4.0, 0, 0], [0, 4.0, 0], [0, 0, 4.0]]"),
        COMMENT + ' note="he said \\"Lattice=1 2 3\\" here"',
        COMMENT + ' LATTICE="9 0 0 0 9 0 0 0 9"',
        'LATTICE="9 0 0 0 9 0 0 0 9" ' + COMMENT,
        COMMENT + " pbc=[T, T, T]",
        COMMENT + " pbc=[1,1,1]",
        COMMENT + ' pbc="TTT"',
        COMMENT + ' energy=-3.2 stress={"a b"} pbc="True True True"',
    ],
)
@pytest.mark.parametrize("symbols", [("Cs", "Cl"), ("CS", "CL"), ("cs", "cl")])
def test_dialects_of_extended_xyz(tmp_path, comment, symbols):
    text = f"2\n{comment}\n{symbols[0]} 0 0 0\n{symbols[1]} 2 2 2\n"
    [crystal] = cg.read(write(tmp_path / "a.extxyz", text))
    assert same(crystal, caesium_chloride())


@pytest.mark.parametrize("pbc", ["[T, T, F]", "[1,1,0]", '"TTF"', '"T T F"', '"True True False"', "[0, 0, 0]"])
def test_slabs_and_wires_are_no_crystals(tmp_path, pbc):
    with pytest.raises(cg.InputError, match="pbc: wanted T T T, a crystal, got"):
        cg.read(write(tmp_path / "a.xyz", f"1\n{COMMENT} pbc={pbc}\nCs 0 0 0\n"))


def jarvis(crystal, cartesian=False):
    """Return a crystal as JARVIS's files have it."""
    coordinates = crystal.positions if cartesian else crystal.frac_coords
    return {
        "lattice_mat": crystal.lattice.tolist(), "coords": coordinates.tolist(), "elements": ["Cs", "Cl"],
        "cartesian": cartesian,
    }  # fmt: skip


def optimade(crystal, **changes):
    """Return a crystal as an OPTIMADE server's answer has it."""
    attributes = {
        "lattice_vectors": crystal.lattice.tolist(), "cartesian_site_positions": crystal.positions.tolist(),
        "species_at_sites": ["Cs1", "Cl1"], "dimension_types": [1, 1, 1], "structure_features": [],
        "species": [
            {"name": "Cs1", "chemical_symbols": ["Cs"], "concentration": [1.0]},
            {"name": "Cl1", "chemical_symbols": ["Cl"], "concentration": [1.0]},
        ],
    }  # fmt: skip
    return {"id": "x-1", "type": "structures", "attributes": {**attributes, **changes}}


def test_dialects_of_json(tmp_path):
    crystal = caesium_chloride()
    entry = structure(crystal)
    contents = {
        "optimade": {"data": [optimade(crystal)], "meta": {}},
        "one": {"data": optimade(crystal)},
        "jarvis": [{"jid": "JVASP-1", "atoms": jarvis(crystal)}],
        "cartesian": [{"jid": "JVASP-1", "atoms": jarvis(crystal, cartesian=True)}],
        "by_id": {"a": entry},
        "entry": {"material_id": "mp-1", "structure": entry},
        "text": [{"material_id": "mp-1", "structure": json.dumps(entry)}],
        "cif": [{"material_id": "mp-1", "cif": cif()}],
        "columns": {"structure": {"0": entry}, "gap": {"0": 1.5}},
        "split": {"columns": ["structure", "gap"], "index": [0], "data": [[entry, 1.5]]},
        "table": {"cif": {"7": cif()}, "id": {"7": "mp-7"}},
    }
    for name, content in contents.items():
        [found] = cg.read(write(tmp_path / f"{name}.json", json.dumps(content)))
        assert same(found, crystal), name
    lines = "\n".join(json.dumps(content) for content in (entry, contents["entry"])) + "\n"
    assert len(cg.read(write(tmp_path / "lines.json", lines))) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dimension_types": [1, 1, 0]}, "pbc: wanted T T T"),
        ({"structure_features": ["disorder"]}, "disordered"),
        ({"species_at_sites": ["Cs1"]}, "2 positions for 1 atoms"),
        ({"lattice_vectors": None}, "lattice_vectors: wanted vectors of three numbers"),
        ({"lattice_vectors": [[4, 0, 0], [0, 4, 0]]}, "lattice: wanted three vectors, got 2"),
        ({"structure_features": ["implicit_atoms"]}, "atoms have no positions"),
        ({"chemical_formula_reduced": "ClCsH2"}, "hydrogen is missing: it says Cl Cs H2"),
        (
            {"species": [{"name": "Cs1", "chemical_symbols": ["vacancy"], "concentration": [1.0]}]},
            "'vacancy' is not an",
        ),
    ],
)
def test_what_optimade_says_is_no_plain_crystal(tmp_path, changes, words):
    path = write(tmp_path / "a.json", json.dumps({"data": [optimade(caesium_chloride(), **changes)]}))
    with pytest.raises(cg.InputError, match=words):
        cg.read(path)


@pytest.mark.parametrize("name", ["POSCAR_1.cif", "contcar.xyz", "poscars.json"])
def test_the_ending_says_what_a_file_is(tmp_path, name):
    texts = {".cif": cif(), ".xyz": FRAME, ".json": json.dumps(structure(caesium_chloride()))}
    [crystal] = cg.read(write(tmp_path / name, texts[Path(name).suffix]))
    assert same(crystal, caesium_chloride())


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


def columns(**changes):
    """Return the table of caesium chloride in OPTIMADE's columns, with changes."""
    crystal = caesium_chloride()
    return pa.table({
        "lattice_vectors": [crystal.lattice.tolist()], "cartesian_site_positions": [crystal.positions.tolist()],
        "species_at_sites": [["Cs", "Cl"]], **changes,
    })  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dimension_types": [[1, 1, 0]]}, "not periodic in all three directions"),
        ({"nperiodic_dimensions": [2]}, "not periodic in all three directions"),
        ({"structure_features": [["disorder"]]}, "disordered"),
        ({"species_at_sites": [["Cs", "X"]]}, "species that is not an element of Z 1 to 94: 'X'"),
    ],
)
def test_what_parquet_says_is_no_plain_crystal(tmp_path, changes, words):
    pq.write_table(columns(**changes), tmp_path / "a.parquet")
    with pytest.raises(cg.InputError, match=words):
        cg.read(tmp_path / "a.parquet")


def test_spellings_of_parquet(tmp_path):
    stated = {"dimension_types": [[1, 1, 1]], "nperiodic_dimensions": [3], "structure_features": [[]]}
    pq.write_table(columns(species_at_sites=[["CS", "Cl-"]], **stated), tmp_path / "a.parquet")
    assert same(cg.read(tmp_path / "a.parquet")[0], caesium_chloride())


def test_isotopes_are_told_in_every_format(tmp_path):
    heavy = FRAME.replace("Cs ", "D ")
    pq.write_table(columns(species_at_sites=[["D", "Cl"]]), tmp_path / "a.parquet")
    write(tmp_path / "a.xyz", heavy)
    write(tmp_path / "a.vasp", poscar(caesium_chloride()).replace("Cs", "D"))
    write(tmp_path / "a.cif", cif(atoms=("D 0 0 0", "Cl 0.5 0.5 0.5")))
    write(tmp_path / "a.json", json.dumps(structure(caesium_chloride())).replace('"Cs"', '"D"'))
    result = read_files(find_files(tmp_path), 10.0)
    assert len(result.crystals) == 5
    assert "in 5 of them deuterium or tritium is read as hydrogen" in result.summary()


def test_a_damaged_line_does_not_keep_others_from_being_read(tmp_path):
    entry = json.dumps({"material_id": "a", "structure": structure(caesium_chloride())})
    result = read_files([SourceFile(write(tmp_path / "a.jsonl", f"{entry}\n{entry[:60]}\n{entry}\n"), "a")], 10.0)
    assert result.crystals.ids.tolist() == ["a", "a"]
    assert [skipped.id for skipped in result.skipped] == ["a:1"]


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


def test_a_frame_of_another_number_of_atoms_than_it_announces_is_left_out(tmp_path):
    path = write(tmp_path / "a.xyz", FRAME + FRAME.replace("2\n", "1\n", 1) + FRAME)
    results = [parse(job) for job in open_jobs([SourceFile(path, "a")])]
    assert sum(len(result.crystals) for result in results) == 1
    assert "behind a frame of as many atoms as it announces" in results[-1].skipped[0].detail


def test_empty_lines_between_frames(tmp_path):
    assert len(cg.read(write(tmp_path / "a.xyz", "\n\n".join([FRAME, FRAME, FRAME])))) == 3


def test_dummy_atoms_of_a_cif(tmp_path):
    text = cif().replace("_atom_site_occupancy", "_atom_site_occupancy\n_atom_site_calc_flag")
    flagged = "\n".join(f"{line} dum" if line.startswith(("Cs", "Cl")) else line for line in text.splitlines())
    with pytest.raises(cg.InputError, match="is a dummy"):
        cg.read(write(tmp_path / "a.cif", flagged))
