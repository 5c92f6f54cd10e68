"""Extended XYZ: its dialects give the same crystal, frames keep their order, and slabs are no crystals."""

import numpy as np
import pytest

import crystalgrid as cg
from crystal_files import COMMENT, FRAME, caesium_chloride, same, write
from crystalgrid.data.reader import open_jobs, parse
from crystalgrid.data.sources import SourceFile


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


def test_a_frame_of_another_number_of_atoms_than_it_announces_is_left_out(tmp_path):
    path = write(tmp_path / "a.xyz", FRAME + FRAME.replace("2\n", "1\n", 1) + FRAME)
    results = [parse(job) for job in open_jobs([SourceFile(path, "a")])]
    assert sum(len(result.crystals) for result in results) == 1
    assert "behind a frame of as many atoms as it announces" in results[-1].skipped[0].detail


def test_empty_lines_between_frames(tmp_path):
    assert len(cg.read(write(tmp_path / "a.xyz", "\n\n".join([FRAME, FRAME, FRAME])))) == 3
