"""Files that hold no crystal: each gives one line that names it and says why."""

import pytest

import crystalgrid as cg
from crystal_files import BAD_CIFS, FRAME, caesium_chloride, cif, mixed_folder, poscar, write


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
        ("a.xyz", FRAME.replace("0 4 0", "4 0 0"), "singular lattice: vectors of 4, 4 and 4 Å span 0 Å³"),
        (
            "a.xyz",
            FRAME.replace("Cs 0 0 0", "Cs 0 1/2 0"),
            "crystal 0: .*three decimal numbers for each atom, got '0 1/2 0'",
        ),
        ("a.csv", "id,cif\nmp-1,\n", "mp-1: cannot be read: nothing is in its field"),
        ("a.csv", f'id,split,cif\nmp-1,trian,"{cif()}"\n', "split: wanted train, val, test or nothing, got 'trian'"),
        ("notes.cif", "Dear all,\n", "line 1: wanted a block, which begins with data_; is it a CIF"),
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
