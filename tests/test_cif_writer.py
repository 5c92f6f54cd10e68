"""CIF files that are written: ASE, pymatgen and gemmi read the same formula and space group from them."""

import io
from collections.abc import Callable

import ase.io
import gemmi
import numpy as np
import pytest
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure

from crystalgrid import Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.filters import close_atoms
from crystalgrid.geometry.asymmetric_unit import asymmetric_unit, conventional_operations
from crystalgrid.geometry.cell import cell_parameters
from zoo import ZOO, random_rotation

GROUPS_WITH_A_CHOICE_OF_SETTING = [1, 2, 5, 9, 14, 15, 39, 48, 62, 68, 76, 78, 88, 142, 146, 148, 155, 160, 166, 167]
TRIGONAL_AND_ABOVE = [144, 154, 178, 180, 186, 194, 199, 203, 206, 214, 216, 222, 225, 227, 228, 229, 230]


def by_gemmi(text: str) -> tuple[Crystal, int]:
    structure = gemmi.make_small_structure_from_block(gemmi.cif.read_string(text).sole_block())
    sites = structure.get_all_unit_cell_sites()
    lattice = np.array(structure.cell.orth.mat.tolist()).T
    numbers = [site.element.atomic_number for site in sites]
    return Crystal(lattice, [site.fract.tolist() for site in sites], numbers), structure.spacegroup.number


def by_ase(text: str) -> tuple[Crystal, int]:
    atoms = ase.io.read(io.StringIO(text), format="cif")
    return Crystal.from_ase(atoms), atoms.info["spacegroup"].no


def by_pymatgen(text: str) -> tuple[Crystal, int]:
    structure = Structure.from_str(text, fmt="cif")
    return Crystal.from_pymatgen(structure), structure.get_space_group_info(symprec=1e-3)[1]


READERS = [by_gemmi, by_ase, by_pymatgen]


def filled(number: int, lattice: np.ndarray, sites: dict[int, np.ndarray]) -> Crystal:
    """Return a crystal of a space group with an element at all images of each site."""
    rotations, translations = conventional_operations(number)
    orbits = {z: np.unique((rotations @ site + translations).round(9) % 1.0, axis=0) for z, site in sites.items()}
    numbers = np.repeat(list(orbits), [len(orbit) for orbit in orbits.values()])
    return Crystal(lattice, np.concatenate(list(orbits.values())), numbers)


def crystal_of_group(number: int) -> Crystal:
    """Return a crystal of a space group with two elements in general positions and another at the origin."""
    rng = np.random.default_rng(number)
    rotations, _ = conventional_operations(number)
    metric = np.diag(rng.uniform(7, 9, 3) ** 2) + rng.uniform(-6, 6, (3, 3))
    metric = (rotations.transpose(0, 2, 1) @ (metric + metric.T) @ rotations).mean(axis=0) / 2
    lattice = np.linalg.cholesky(metric) @ random_rotation(rng) * (len(rotations) / 4) ** (1 / 3)
    while True:  # atoms at less than 0.4 Å are one to gemmi
        crystal = filled(number, lattice, {92: rng.random(3), 3: rng.random(3), 8: np.zeros(3)})
        if not close_atoms(CrystalSet.from_crystals([crystal]), 0.5).any():
            return crystal


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("number", [*GROUPS_WITH_A_CHOICE_OF_SETTING, *TRIGONAL_AND_ABOVE])
def test_others_read_the_same_formula_and_group(number: int, read: Callable[[str], tuple[Crystal, int]]) -> None:
    crystal = crystal_of_group(number)
    found, group = read(crystal.to_cif())
    assert crystal.space_group.number == group == found.space_group.number == number
    assert found.formula == crystal.formula
    assert found.density == pytest.approx(crystal.density, rel=1e-4)


def test_all_groups_are_written_as_the_tables_have_them() -> None:
    for number in range(1, 231):
        crystal = crystal_of_group(number)
        found, group = by_gemmi(crystal.to_cif())
        assert crystal.space_group == found.space_group, number
        assert group == crystal.space_group.number == number
        assert len(found) == len(crystal)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("name", ZOO)
def test_awkward_crystals_stay_what_they_are(name: str, read: Callable[[str], tuple[Crystal, int]]) -> None:
    crystal = ZOO[name]
    found, group = read(crystal.to_cif())
    assert (found.formula, group) == (crystal.formula, crystal.space_group.number)
    assert StructureMatcher().fit(found.to_pymatgen(), crystal.to_pymatgen())


def test_supercells_are_written_as_their_standard_cell() -> None:
    supercell = Crystal.from_ase(ZOO["hexagonal"].to_ase() * (2, 1, 3))
    for read in READERS:
        found, group = read(supercell.to_cif())
        assert (len(found), group) == (4, 186)
        assert StructureMatcher().fit(found.to_pymatgen(), ZOO["hexagonal"].to_pymatgen())


def test_hydrogen_is_written() -> None:
    ice = Crystal(np.diag([4.5, 4.5, 7.0]), [[0, 0, 0], [0.15, 0.16, 0], [-0.15, 0.17, 0.01]], [8, 1, 1])
    for read in READERS:
        found, _ = read(ice.to_cif())
        assert found.formula == "H2O"
        assert len(found) == 3


def test_a_spinel_has_the_letters_and_multiplicities_of_the_tables() -> None:
    spinel = filled(227, 8.08 * np.eye(3), {12: np.full(3, 0.125), 13: np.full(3, 0.5), 8: np.full(3, 0.2624)})
    unit = asymmetric_unit(spinel, 0.01)
    orbits = [(orbit.number, orbit.multiplicity, orbit.letter) for orbit in unit.orbits]
    assert unit.space_group == 227
    assert orbits == [(12, 8, "a"), (13, 16, "d"), (8, 32, "e")]
    np.testing.assert_allclose(np.concatenate(cell_parameters(unit.lattice)), [8.08] * 3 + [90] * 3)
    lines = spinel.to_cif().rstrip().splitlines()
    assert "_space_group_name_H-M_alt 'F d -3 m:2'" in lines
    assert "_chemical_formula_sum 'Al2 Mg O4'" in lines
    assert "_cell_formula_units_Z 8" in lines
    assert [line.split()[:4] for line in lines[-3:]] == [
        ["Mg1", "Mg", "8", "a"], ["Al2", "Al", "16", "d"], ["O3", "O", "32", "e"],
    ]  # fmt: skip


def test_atoms_within_the_tolerance_are_moved_to_their_symmetry() -> None:
    salt = ZOO["cubic"]
    moved = salt.frac_coords + 0.02 / 4.2 * np.random.default_rng(0).uniform(-1, 1, (8, 3))
    moved = Crystal(salt.lattice, moved, salt.numbers)
    assert by_gemmi(moved.to_cif())[1] == 1
    found, group = by_gemmi(moved.to_cif(symprec=0.1))
    assert group == found.symmetry(1e-5).number == 225


def test_a_crystal_whose_symmetry_cannot_be_found_has_all_its_atoms() -> None:
    coincide = Crystal(4 * np.eye(3), np.full((2, 3), -0.25), [8, 8])
    assert coincide.to_cif().rstrip().splitlines()[-2:] == ["O1 O 1 a 0.75 0.75 0.75 1", "O2 O 1 a 0.75 0.75 0.75 1"]
