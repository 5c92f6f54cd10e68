"""Crystals to read, pack and split in tests, and files of them, good and bad."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from crystalgrid.crystal import SYMBOLS, Crystal
from crystalgrid.data.crystalset import CrystalSet

CIF = """data_{name}
_cell_length_a {a}
_cell_length_b {a}
_cell_length_c {a}
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma {gamma}
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
{atoms}
"""


def cif(
    a: object = 4.0, atoms: tuple[str, ...] = ("Cs 0 0 0", "Cl 0.5 0.5 0.5"), gamma: float = 90, occupancy: float = 1
) -> str:
    """Return the CIF of a cubic crystal, caesium chloride by default."""
    lines = [f"{atom.split()[0]}{i} {atom} {occupancy}" for i, atom in enumerate(atoms)]
    return CIF.format(name="test", a=a, gamma=gamma, atoms="\n".join(lines))


BAD_CIFS = {
    "garbage": "\0 this is no CIF",
    "empty": "",
    "truncated": cif()[:200],
    "disordered": cif(occupancy=0.5),
    "heavy": cif(atoms=("Am 0 0 0",)),
    "no_atoms": cif(atoms=()),
    "nan_position": cif(atoms=("Cs nan 0 0",)),
    "nan_lattice": cif(a="nan"),
    "flat": cif(gamma=0),
    "zero": cif(a=0),
}


def caesium_chloride() -> Crystal:
    """Return the crystal that `cif()` describes."""
    return Crystal(4 * np.eye(3), [[0, 0, 0], [0.5, 0.5, 0.5]], [55, 17])


def structure(crystal: Crystal) -> dict:
    """Return a crystal as pymatgen's Structure.as_dict gives it."""
    return json.loads(json.dumps(crystal.to_pymatgen().as_dict()))


def poscar(crystal: Crystal, named: bool = True) -> str:
    """Return a POSCAR that names its species or does not."""
    names = [" ".join(SYMBOLS[z - 1] for z in crystal.numbers)] if named else []
    rows = [" ".join(map(str, row)) for row in [*crystal.lattice, "", *crystal.frac_coords]]
    counts = " ".join("1" for _ in crystal.numbers)
    return "\n".join(["comment", "1.0", *rows[:3], *names, counts, "Direct", *rows[4:]]) + "\n"


FRAME = """2
Lattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3:forces:R:3 name='a b' pbc="T T T"
Cs 0 0 0 1 1 1
Cl 2 2 2 1 1 1
"""
COMMENT = 'Lattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3'


def table(**changes) -> pa.Table:
    """Return the table of caesium chloride in OPTIMADE's columns, with changes."""
    crystal = caesium_chloride()
    return pa.table({
        "lattice_vectors": [crystal.lattice.tolist()], "cartesian_site_positions": [crystal.positions.tolist()],
        "species_at_sites": [["Cs", "Cl"]], **changes,
    })  # fmt: skip


def write(path: Path, text: str) -> Path:
    """Write text to a file and return its path."""
    path.write_text(text)
    return path


def same(actual: Crystal, expected: Crystal) -> bool:
    """Tell whether two crystals have the same lattice and atoms, in the same order."""
    return (
        np.allclose(actual.lattice, expected.lattice)
        and np.allclose(actual.frac_coords, expected.frac_coords)
        and np.array_equal(actual.numbers, expected.numbers)
    )


def mixed_folder(folder: Path, n_good: int) -> None:
    """Write a folder of `n_good` good CIFs, every bad one, and files of other formats."""
    (folder / "deeper").mkdir(parents=True)
    for i in range(n_good):
        (folder / f"good{i:03}.cif").write_text(cif(a=3 + i / 100))
    for name, text in BAD_CIFS.items():
        (folder / f"bad_{name}.cif").write_text(text)
    (folder / "deeper" / "POSCAR").write_text(poscar(caesium_chloride()))
    (folder / "large.cif").write_text(cif(a=10))
    (folder / "notes.txt").write_text("not a crystal")
    (folder / ".hidden.cif").write_text("not looked at")


def random_set(count: int, seed: int = 0, formulas: int | None = None) -> CrystalSet:
    """Return random crystals of one to five atoms in cells of any shape."""
    rng = np.random.default_rng(seed)
    crystals = []
    for i in range(count):
        formula = np.random.default_rng(rng.integers(formulas) if formulas else i)
        atoms = formula.integers(1, 6)
        numbers = formula.integers(1, 95, atoms)
        crystals.append(Crystal(np.diag([4.0, 5, 6]) + rng.uniform(-1, 1, (3, 3)), rng.random((atoms, 3)), numbers))
    return CrystalSet.from_crystals(crystals, [f"id-{i}" for i in range(count)])
