"""The stub of the compiled core names the arguments that its functions take."""

import ast
import re
from pathlib import Path
from types import BuiltinFunctionType, ModuleType

import pytest

from crystalgrid import _core

STUB = ast.parse(Path(_core.__file__).with_name("_core.pyi").read_text())
CUDA = next(node for node in STUB.body if isinstance(node, ast.ClassDef) and node.name == "Cuda")


def stubbed(functions: list[ast.stmt]) -> dict[str, list[str]]:
    """Functions of the stub and the names of their arguments, `*` before those that are given by name."""
    signatures = {}
    for node in functions:
        if isinstance(node, ast.FunctionDef):
            by_name = [argument.arg for argument in node.args.kwonlyargs]
            signatures[node.name] = [argument.arg for argument in node.args.args] + ["*", *by_name] * bool(by_name)
    return signatures


def compiled(module: ModuleType) -> dict[str, list[str]]:
    """The same, from the signatures that pybind11 writes into docstrings."""
    documented = {name: value.__doc__ for name, value in vars(module).items() if isinstance(value, BuiltinFunctionType)}
    return {name: re.findall(r"[(,] ?(\*|\w+)(?=:|,)", text.split(" ->")[0]) for name, text in documented.items()}


def test_functions_of_the_cpu() -> None:
    assert stubbed(STUB.body) == compiled(_core)


@pytest.mark.skipif(_core.cuda is None, reason="crystalgrid was built without CUDA")
def test_functions_of_a_gpu() -> None:
    assert stubbed(CUDA.body) == compiled(_core.cuda)


def test_constants_and_classes() -> None:
    classes = {node.name: node for node in STUB.body if isinstance(node, ast.ClassDef)}
    for name in ("Grid", "Crystals", "Cubes"):
        stub = stubbed(classes[name].body)["__init__"]
        assert re.findall(r"[(,] ?(\w+):", getattr(_core, name).__init__.__doc__) == stub
    assert {"MAX_Z", "LEAST_VOLUME", "FARTHEST", "cuda"} <= vars(_core).keys()
    members = [node.target.id for node in classes["Isa"].body if isinstance(node, ast.AnnAssign)]
    assert members == list(_core.Isa.__members__)
