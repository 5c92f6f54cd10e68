"""The package: its public names, said once at run time and once for type checkers, and what importing it costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import crystalgrid

SOURCE = Path(crystalgrid.__file__)


def imports_for_type_checkers() -> dict[str, str]:
    """Public names and their modules, from the imports under TYPE_CHECKING."""
    (block,) = (node for node in ast.parse(SOURCE.read_text()).body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {str(alias.asname): str(node.module) for node in imports for alias in node.names}


def test_names_are_the_same_for_type_checkers_and_at_run_time() -> None:
    assert imports_for_type_checkers() == crystalgrid._MODULES


def test_names_are_what_their_modules_define() -> None:
    for name, module in crystalgrid._MODULES.items():
        assert getattr(crystalgrid, name).__module__ == f"crystalgrid.{module}"


def test_dir_lists_the_public_names() -> None:
    assert dir(crystalgrid) == sorted([*crystalgrid.__all__, "__version__"])
    assert isinstance(crystalgrid.__version__, str)
    with pytest.raises(AttributeError, match="has no attribute 'voxelise'"):
        crystalgrid.voxelise  # noqa: B018


def test_the_package_is_typed() -> None:
    assert SOURCE.with_name("py.typed").is_file()
    assert SOURCE.with_name("_core.pyi").is_file()


def modules_after(statement: str) -> set[str]:
    """Modules that a fresh interpreter has loaded after a statement."""
    program = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not {"torch", "numpy", "importlib.metadata"} & modules_after("import crystalgrid; dir(crystalgrid)")


@pytest.mark.parametrize("name", ["voxelize", "label_species", "find_atoms", "fit_atoms", "recover"])
def test_what_learns_nothing_loads_no_network(name: str) -> None:
    loaded = modules_after(f"import crystalgrid; crystalgrid.{name}")
    forbidden = ("crystalgrid.nets", "crystalgrid.training", "crystalgrid.artifacts", "pymatgen", "scipy")
    assert [module for module in loaded if module.startswith(forbidden)] == []
