"""POSCAR: its dialects give the same crystal, and names that contradict each other give none."""

import numpy as np
import pytest

import crystalgrid as cg
from crystal_files import caesium_chloride, poscar, same, write


def test_a_poscar_may_give_its_volume(tmp_path):
    expected = caesium_chloride()
    cartesian = ["Cartesian", *(" ".join(map(str, row)) for row in expected.positions / 2)]
    lines = poscar(expected).splitlines()
    rows = [" ".join(map(str, row)) for row in expected.lattice / 2]
    text = "\n".join(["half as large, times two", "-64.0", *rows, *lines[5:7], *cartesian])
    [crystal] = cg.read(write(tmp_path / "POSCAR", text))
    assert same(crystal, expected)


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


def test_positions_are_as_many_as_line_7_says(tmp_path):
    text = poscar(caesium_chloride()).rstrip()
    with_velocities = write(tmp_path / "CONTCAR", f"{text}\n\n0.1 0 0\n0 0 0\n")
    assert same(cg.read(with_velocities)[0], caesium_chloride())
    with pytest.raises(cg.InputError, match="wanted 2 positions, as line 7 says, got more"):
        cg.read(write(tmp_path / "POSCAR", f"{text}\n0.1 0 0\n"))
