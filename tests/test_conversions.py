"""Crystals as pymatgen and ASE hold them: taken wherever crystals are taken, and given back."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import crystalgrid as cg
from crystalgrid.crystal import Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.load import load_crystals
from zoo import PEROVSKITE, ZOO

ase = pytest.importorskip("ase")
GRID = cg.Grid(n=12)
ROCK_SALT = Crystal(
    5.64 * np.eye(3), np.array([[0, 0, 0], [1, 1, 0], [1, 0, 1], [0, 1, 1]] * 2) / 2, [11] * 4 + [17] * 4
)
ROCK_SALT.frac_coords[4:, 0] += 0.5
POSITIONS_AS_FRACTIONS = "frac_coords spread over .* cells"


@pytest.mark.parametrize("function", [cg.voxelize, cg.label_species])
def test_a_mixed_list_is_taken_as_crystals_are(function) -> None:
    crystals = list(ZOO.values())[:3]
    mixed = [crystals[0], crystals[1].to_pymatgen(), crystals[2].to_ase()]
    expected, got = function(crystals, GRID), function(mixed, GRID)
    assert torch.allclose(got.double(), expected.double(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["to_pymatgen", "to_ase"])
def test_a_single_one_is_a_batch_of_one(kind: str) -> None:
    structure = getattr(PEROVSKITE, kind)()
    assert cg.voxelize(structure, GRID).shape == cg.voxelize([structure], GRID).shape == (1, 12, 12, 12)
    assert len(CrystalSet.from_crystals([structure])) == 1


@pytest.mark.parametrize("name", ZOO)
def test_ase_there_and_back(name: str) -> None:
    back = Crystal.from_ase(ZOO[name].to_ase())
    assert back.numbers.tolist() == ZOO[name].numbers.tolist()
    assert back.lattice == pytest.approx(ZOO[name].lattice)
    assert back.positions == pytest.approx(ZOO[name].positions, abs=1e-9)


BAD_ATOMS = {
    "wanted pbc T T T, a crystal, got T T F": {"pbc": (True, True, False)},
    "wanted pbc T T T, a crystal, got F F F": {"pbc": False},
    "singular": {"pbc": True, "cell": (5, 5, 0)},
    "numbers must be from 1 to 94, got 0": {"pbc": True, "symbols": "X"},
    "disordered .a site has occupancies Fe 0.5, Ni 0.5.": {
        "pbc": True, "info": {"occupancy": {"0": {"Fe": 0.5, "Ni": 0.5}}},
    },
    "disordered .a site has occupancies Fe 0.9.": {"pbc": True, "info": {"occupancy": {"0": {"Fe": 0.9}}}},
}  # fmt: skip


@pytest.mark.parametrize("message", BAD_ATOMS)
def test_atoms_that_are_no_crystal_are_refused_in_one_line(message: str) -> None:
    atoms = ase.Atoms(**{"symbols": "Fe", "cell": 5 * np.eye(3), **BAD_ATOMS[message]})
    with pytest.raises(cg.InputError, match=message) as caught:
        cg.voxelize([PEROVSKITE, atoms])
    assert "\n" not in str(caught.value)


def test_slabs_and_molecules_of_pymatgen_are_refused() -> None:
    from pymatgen.core import Lattice, Molecule, Structure

    slab = Structure(Lattice(5 * np.eye(3), pbc=(True, True, False)), ["Fe"], [[0, 0, 0]])
    for structure, message in ((slab, "wanted pbc T T T"), (Molecule(["H"], [[0, 0, 0]]), "got Molecule")):
        with pytest.raises(cg.InputError, match=message):
            cg.voxelize([structure])


def test_atoms_of_a_cube_are_a_molecule() -> None:
    found = cg.find_atoms(cg.label_species([PEROVSKITE, ROCK_SALT]))
    for b in (0, 1):
        positions, numbers = found.cube(b)
        atoms, molecule = found.to_ase(b), found.to_pymatgen(b)
        assert not atoms.pbc.any()
        assert atoms.numbers.tolist() == list(molecule.atomic_numbers) == numbers.tolist()
        assert np.array_equal(atoms.positions, positions)
        assert np.array_equal(molecule.cart_coords, positions)


def test_recovered_crystals_are_given_as_others_hold_them() -> None:
    recovered = cg.Recovered(PEROVSKITE, 1.0, None)
    assert recovered.to_pymatgen().reduced_formula == "SrTiO3"
    assert recovered.to_ase().get_chemical_formula() == PEROVSKITE.to_ase().get_chemical_formula()


@pytest.mark.parametrize("name", ["salt.cif", "salt.XYZ", "salt.extxyz", "salt.vasp", "POSCAR"])
def test_ase_and_this_package_read_what_is_written(tmp_path: Path, name: str) -> None:
    import ase.io

    ROCK_SALT.write(tmp_path / name)
    by_ase, by_us = ase.io.read(tmp_path / name), cg.read(tmp_path / name)[0]
    assert by_ase.pbc.all()
    for read in (Crystal.from_ase(by_ase), by_us):
        assert read.lattice == pytest.approx(ROCK_SALT.lattice, abs=1e-6)
        assert sorted(read.numbers) == sorted(ROCK_SALT.numbers)
        assert cg.voxelize(read, GRID) == pytest.approx(cg.voxelize(ROCK_SALT, GRID), rel=1e-3, abs=1e-4)


def test_pymatgen_reads_the_json_that_is_written(tmp_path: Path) -> None:
    from pymatgen.core import Structure

    PEROVSKITE.write(tmp_path / "perovskite.json")
    for read in (Structure.from_file(tmp_path / "perovskite.json"), cg.read(tmp_path / "perovskite.json")[0]):
        assert cg.voxelize(read, GRID) == pytest.approx(cg.voxelize(PEROVSKITE, GRID), abs=1e-6)


@pytest.mark.parametrize("ending", ["cif", "xyz", "vasp"])
def test_what_ase_writes_is_read(tmp_path: Path, ending: str) -> None:
    import ase.io

    ase.io.write(tmp_path / f"salt.{ending}", ROCK_SALT.to_ase())
    (read,) = cg.read(tmp_path / f"salt.{ending}")
    assert cg.voxelize(read, GRID) == pytest.approx(cg.voxelize(ROCK_SALT, GRID), rel=1e-3, abs=1e-4)


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(cg.InputError, match=r"wanted a name that ends in one of \.cif, \.xyz"):
        PEROVSKITE.write(tmp_path / "perovskite.doc")


def test_positions_that_are_passed_as_fractions_are_warned_of() -> None:
    for crystal in (PEROVSKITE, ROCK_SALT):
        with pytest.warns(UserWarning, match=POSITIONS_AS_FRACTIONS) as caught:
            Crystal(crystal.lattice, crystal.positions, crystal.numbers)
        assert "\n" not in str(caught[0].message)
    with pytest.warns(UserWarning, match=POSITIONS_AS_FRACTIONS):  # wherever the origin of the positions is
        Crystal(ROCK_SALT.lattice, ROCK_SALT.positions - 2.82, ROCK_SALT.numbers)


def test_crystals_are_not_warned_of() -> None:
    rng = np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for crystal in (*ZOO.values(), *load_crystals("prototypes")):
            Crystal(crystal.lattice, crystal.frac_coords, crystal.numbers)
        for crystal in (PEROVSKITE, ROCK_SALT):  # as molecular dynamics leaves them
            unwrapped = crystal.frac_coords + rng.integers(-2, 3, (len(crystal), 3))
            Crystal(crystal.lattice, unwrapped, crystal.numbers)
