"""Extras: what a plain installation does without them, and that whatever needs one says which."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import crystalgrid
from crystal_files import cif

try:
    import tomllib
except ImportError:
    import tomli as tomllib

PACKAGE = Path(crystalgrid.__file__).parent
PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
EXTRAS = {"data", "train", "plot", "mp", "dask", "worth", "coverage", "relax", "batched"}
OPTIONAL = {
    "pymatgen": "data",
    "ase": "data",
    "matplotlib": "plot",
    "mp_api": "mp",
    "distributed": "dask",
    "smact": "worth",
    "matminer": "coverage",
    "chgnet": "relax",
    "sevenn": "relax",
    "torch_sim": "batched",
}
"""Packages that a plain installation lacks, and the extra that brings each."""
IMPORTED_AS = {"torch-sim-atomistic": "torch_sim"}
COMMANDS = {
    "recover samples -o out": ["pymatgen [data]", "matplotlib [plot]"],
    "check draws -o out": ["smact [worth]"],
    "check draws -o out --coverage 0.4 10": ["matminer [coverage]"],
    "relax draws -o out": ["chgnet [relax]", "smact [relax]"],
    "relax draws -o out --calculator 7net-0": ["sevenn [relax]"],
    "relax draws -o out --batched": ["torch_sim [batched]"],
    "figures model --out out": ["pymatgen [data]", "matplotlib [plot]"],
    "train --mode single --out run": ["matplotlib [train]"],
    "prior model --out run": ["matplotlib [train]"],
    "evaluate model --picture cubes.png": ["matplotlib [plot]"],
    "draw samples -o samples.png": ["matplotlib [plot]"],
    "release run folder --data a.parquet --source x --machine y": ["matplotlib [plot]"],
    "data fetch ase-db a.db -o out.parquet": ["ase [data]"],
    "data fetch mp Li-O --api-key x -o out.parquet": ["mp_api [mp]"],
}
PLAIN = """
import crystalgrid as cg
from crystalgrid.data.load import load_crystals

salt, = cg.read("salt.cif")
prototypes = load_crystals("prototypes", mode="repeated", grid=cg.Grid())
density, species = cg.voxelize([salt]), cg.label_species([salt])
atoms = cg.fit_atoms(cg.find_atoms(species, density), density)
found, = cg.recover(atoms, density)
model = cg.load("perov5-repeated")
model.segment(model.decode(model.encode(density)[0]))
try:
    salt.to_pymatgen()
except cg.InputError as error:
    print(found.crystal, error, sep="; ")
"""
SALT = cif(a=5.64, atoms=("Na 0 0 0", "Cl 0.5 0.5 0.5")).replace("P 1", "F m -3 m")


def without(packages: set[str], program: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess:
    """Run a program in a fresh interpreter that lacks some packages."""
    hidden = f"import sys; sys.modules.update(dict.fromkeys({sorted(packages)}))\n"
    command = [sys.executable, "-c", hidden + program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=cwd)


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_says_which_extra_it_needs(words: str, tmp_path: Path) -> None:
    program = "from crystalgrid.commands.entry import main; main()"
    for package, extra in (needed.split() for needed in COMMANDS[words]):
        done = without({package}, program, *words.split(), cwd=tmp_path)
        message = f"error: {package} is needed for this and not installed: pip install 'crystalgrid{extra}'\n"
        assert (done.returncode, done.stdout, done.stderr) == (1, "", message)
    assert list(tmp_path.iterdir()) == []


def test_the_ring_needs_no_extra(tmp_path: Path) -> None:
    (tmp_path / "salt.cif").write_text(SALT)
    done = without(set(OPTIONAL), PLAIN, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"Crystal\(.*\); pymatgen is needed .* 'crystalgrid\[data\]'\n", done.stdout)


def listed(requirements: list[str]) -> set[str]:
    """Return the names of required packages as they are imported."""
    names = {re.match(r"[\w.-]+", requirement)[0] for requirement in requirements}
    return {IMPORTED_AS.get(name, name.replace("-", "_")) for name in names}


def imported() -> set[str]:
    """Return the packages of others that any module of the package imports."""
    nodes = [node for path in PACKAGE.rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"tomllib"}


def test_what_is_installed_is_what_is_imported() -> None:
    optional = {name: listed(packages) for name, packages in PROJECT["optional-dependencies"].items() if name in EXTRAS}
    assert {package: extra for package, extra in OPTIONAL.items() if package not in optional[extra]} == {}
    programs, of_matplotlib = {"cmake", "ninja"}, {"PIL"}
    expected = listed(PROJECT["dependencies"]) - programs | set(OPTIONAL)
    assert imported() - of_matplotlib == expected
    assert set.union(*optional.values()) == {*OPTIONAL, "crystalgrid"}
