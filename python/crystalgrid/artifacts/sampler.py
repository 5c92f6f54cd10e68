"""The C++ sampler, which `crystalgrid-sample` builds on first use and then becomes.

It is built from sources that come with the package against the torch that is installed, so that no wheel is tied to a
torch version.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from contextlib import suppress
from functools import partial
from pathlib import Path

import torch

from .. import __version__
from ..errors import InputError
from ..files import shipped
from .archive import read_identity
from .cache import cache_folders, cached
from .checkpoint import checkpoint_of
from .export import export_model
from .find import find_model, is_exported
from .released import WEIGHTS

SUFFIXES = (".cpp", ".hpp", ".inl", ".in", ".json", ".py", ".txt")
PACKAGE = Path(__file__).parents[1]


def become_sampler(model: str, options: list[str]) -> None:
    """Check the model, build the sampler if necessary, and replace this process by it, so that signals reach it.

    Where it is not built yet and cannot be, because there is no compiler, the networks run in Python.
    """
    path = artifact(model)
    if missing := missing_tools():
        from .python_sampler import sample_in_python

        print(f"there is no {missing}, so that sampling runs in Python, slower", file=sys.stderr, flush=True)
        sample_in_python(path, options)
    else:
        os.execv(sampler(), ["crystalgrid-sample", str(path), *options])


def missing_tools() -> str:
    """Return what is missing to build the sampler; nothing where it is built already."""
    if any((folder / _program_name()).exists() for folder in cache_folders()):
        return ""
    compilers = [os.environ["CXX"].split()[0]] if os.environ.get("CXX") else ["c++", "g++", "clang++"]
    tools = {"C++ compiler": any(map(shutil.which, compilers)), "cmake": _tool("cmake"), "ninja": _tool("ninja")}
    return " and no ".join(name for name, found in tools.items() if not found)


def artifact(model: str) -> Path:
    """Return the exported file of a model for the sampler; a run or a released model is exported first.

    Exports are kept in the cache, under a checksum of the weights and of the code that they are exported with.
    """
    path = find_model(model)
    if is_exported(path):
        return path
    weights = path / WEIGHTS if (path / WEIGHTS).is_file() else checkpoint_of(path)
    made_of = weights.read_bytes() + f"{__version__} {torch.__version__}".encode()
    name = f"{path.name}-{checksum_of(made_of, PACKAGE)}.pt"
    return cached(name, f"exporting {path.name}, once …", partial(export_model, str(path)))


def name_of_model(identity: str) -> str:
    """Return the name of the model that the sampler has taken and that has this identity; empty if none is cached."""
    for folder in cache_folders():
        for path in sorted(folder.glob("*.pt")):
            with suppress(zipfile.BadZipFile, OSError, InputError):  # a file of another program
                if read_identity(path) == identity:
                    return path.stem.rpartition("-")[0]
    return ""


def sampler() -> Path:
    """Return the sampler for this torch, built on its first use; raises InputError naming the log if that fails."""
    version = torch.__version__
    message = f"building the sampler for torch {version}, once, one to five minutes …"
    return cached(_program_name(), message, _build)


def _program_name() -> str:
    # The program is linked to the torch of this path.
    return f"sampler-torch{torch.__version__}-{checksum_of(torch.__file__.encode(), shipped('export'), shipped('cpp'))}"


def checksum_of(content: bytes, *folders: Path) -> str:
    """Return a checksum of bytes and of the sources in folders."""
    total = hashlib.sha256(content)
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix in SUFFIXES:
                total.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return total.hexdigest()[:12]


def _build(program: Path) -> None:
    cmake, ninja, torch_root = _tool("cmake"), _tool("ninja"), Path(torch.__file__).parent
    if cmake is None or ninja is None:
        raise InputError("cmake and ninja are not installed, which building the sampler takes: pip install cmake ninja")
    with tempfile.TemporaryDirectory(dir=program.parent, prefix="build-") as name:
        build = Path(name)
        with (build / "log").open("w") as log:
            for command in (
                [cmake, "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}", "-DCMAKE_BUILD_TYPE=Release",
                 f"-DCMAKE_PREFIX_PATH={torch_root}", f"-DCRYSTALGRID_VERSION={__version__}",
                 "-S", str(shipped("export")), "-B", name],
                [cmake, "--build", name, "--target", "crystalgrid-sampler"],
            ):  # fmt: skip
                if subprocess.run(command, stdout=log, stderr=subprocess.STDOUT).returncode != 0:
                    kept = (build / "log").replace(program.with_name(f"{program.name}.log"))
                    raise InputError(f"the sampler could not be built (it needs a C++20 compiler); see {kept}")
        (build / "crystalgrid-sampler").replace(program)  # in one step: others may be building it too


def _tool(name: str) -> str | None:
    """Return a build tool, of its PyPI package (whose scripts need not be in PATH) or the system's, if there is one."""
    return shutil.which(name, path=os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")]))
