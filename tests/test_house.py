"""The order of the rooms: every import inside the package points down, and the listing stays short."""

import ast
from pathlib import Path

import pytest

import crystalgrid

PACKAGE = Path(crystalgrid.__file__).parent
FLOORS = (
    {"commands", "__main__"},
    {"experiments"},
    {"training"},
    {"report", "worth"},
    {"artifacts", "model", "generation"},
    {"data"},
    {"nets"},
    {"recovery", "fit", "density", "species", "atoms"},
    {"boundary"},
    {
        *"crystal geometry grid latents pool progress files errors".split(),
        *"_conversions _core _sampling __version__".split(),
    },
)
"""The rooms and the single modules, from the top of the house to the bottom. This is the one place that lists them."""

FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent.name != "__pycache__")


def imports(path: Path) -> set[tuple[str, ...]]:
    """Return what a file imports from the package, as names below it; a name may be a module's or one in a module."""
    package = path.relative_to(PACKAGE).parent.parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            module = tuple(node.module.split(".")) if node.module else ()
            if node.level:
                module = package[: len(package) + 1 - node.level] + module
            elif module[0] == "crystalgrid":
                module = module[1:]
            else:
                continue
            found |= {(*module, alias.name) for alias in node.names}
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            found |= {tuple(name[1:]) for name in names if name[0] == "crystalgrid" and len(name) > 1}
    return found


def module_of(path: Path) -> tuple[str, ...]:
    """Return a file's name as a module below the package."""
    return path.relative_to(PACKAGE).with_suffix("").parts


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    room = module_of(path)[0]
    if room == "__init__":  # gives the public names, from whatever floor
        return
    for module in imports(path):
        assert FLOOR[module[0]] >= FLOOR[room], f"{room} may not import {'.'.join(module)}"


def test_modules_import_each_other_in_no_circle() -> None:
    modules = {module_of(path): imports(path) for path in FILES if path.name != "__init__.py"}
    graph = {name: {m for m in modules if any(i[: len(m)] == m for i in found)} for name, found in modules.items()}
    while graph:  # take away what imports nothing that is left
        leaves = {name for name, found in graph.items() if not found & graph.keys()}
        assert leaves, f"these modules import each other in a circle: {sorted('.'.join(name) for name in graph)}"
        graph = {name: found for name, found in graph.items() if name not in leaves}


def test_networks_know_tensors_only() -> None:
    for path in (PACKAGE / "nets").rglob("*.py"):
        assert {module[0] for module in imports(path) - {("crystal", "MAX_Z")}} <= {
            "nets",
            "geometry",
            "errors",
            "grid",
        }, path.name


def test_no_command_or_experiment_imports_a_command() -> None:
    for path in FILES:
        module = module_of(path)
        if module in {("commands", "entry"), ("__main__",)}:  # these start the commands
            continue
        commands = {name[1] for name in imports(path) if name[0] == "commands"}
        assert commands <= {"arguments", "mistakes", "signals", "table"}, (
            f"{'.'.join(module)} imports {sorted(commands)}"
        )


def test_the_listing_is_short() -> None:
    entries = [path.name for path in PACKAGE.iterdir() if not path.name.startswith("_") and path.name != "share"]
    assert len(entries) <= 25, sorted(entries)
    assert len(FLOORS) <= 10
    assert {path.removesuffix(".py") for path in entries} - {"py.typed"} <= FLOOR.keys()
