"""`crystalgrid-sample`: find the model, build the C++ sampler where it is not built yet, and become it.

The program is built from sources that travel with the package against the torch that is installed, so that no wheel is
tied to a torch version.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from .. import __version__
from ..errors import InputError
from ..files import shipped
from .export import export_model
from .find import find_model
from .released import WEIGHTS

SUFFIXES = (".cpp", ".hpp", ".inl", ".in", ".json", ".txt")


def become_sampler(model: str, options: list[str]) -> None:
    """Check the model, build the sampler if need be, then turn into it, so that signals reach it directly."""
    words = [str(artifact(model)), *options]
    program = sampler()
    os.execv(program, ["crystalgrid-sample", *words])


def cache() -> Path:
    """Where what is built on first use is kept; made if need be."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "crystalgrid"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Of the processes that start together, the first builds; the others wait and find what it built."""
    with (cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def artifact(model: str) -> Path:
    """The file that the sampler reads: `model` itself, or what a released model is exported to on first use."""
    path = find_model(model)
    if path.is_file():
        return path
    if not (path / WEIGHTS).is_file():
        raise InputError(f"{model}: wanted the file that crystalgrid-export makes from a run, got a folder")
    content = hashlib.sha256((path / WEIGHTS).read_bytes() + f"{__version__} {torch.__version__}".encode()).hexdigest()
    exported = cache() / f"{path.name}-{content[:12]}.pt"
    if exported.exists():  # in a cache that may be read-only
        return exported
    with one_at_a_time():
        if not exported.exists():
            print(f"exporting {path.name}, once …", file=sys.stderr, flush=True)
            export_model(str(path), exported)
    return exported


def sampler() -> Path:
    """The sampler for this torch, built if this is its first use. Raises InputError naming the log where that fails."""
    program = cache() / f"sampler-torch{torch.__version__}-{_fingerprint()}"
    if program.exists():
        return program
    with one_at_a_time():
        if not program.exists():
            version = torch.__version__
            print(f"building the sampler for torch {version}, once, about a minute …", file=sys.stderr, flush=True)
            _build(program)
    return program


def _fingerprint() -> str:
    """Return a checksum of the sources and of the place of torch, which the program remembers."""
    total = hashlib.sha256(torch.__file__.encode())
    for folder in (shipped("export"), shipped("cpp")):
        for path in sorted(folder.rglob("*")):
            if path.suffix in SUFFIXES:
                total.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return total.hexdigest()[:12]


def _build(program: Path) -> None:
    cmake, torch_root = _tool("cmake"), Path(torch.__file__).parent
    with tempfile.TemporaryDirectory(dir=program.parent, prefix="build-") as name:
        build = Path(name)
        with (build / "log").open("w") as log:
            for command in (
                [cmake, "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={_tool('ninja')}", "-DCMAKE_BUILD_TYPE=Release",
                 f"-DCMAKE_PREFIX_PATH={torch_root}", f"-DCRYSTALGRID_VERSION={__version__}",
                 "-S", str(shipped("export")), "-B", name],
                [cmake, "--build", name, "--target", "crystalgrid-sampler"],
            ):  # fmt: skip
                if subprocess.run(command, stdout=log, stderr=subprocess.STDOUT).returncode != 0:
                    kept = (build / "log").replace(program.with_name(f"{program.name}.log"))
                    raise InputError(f"the sampler could not be built (it takes a C++20 compiler); see {kept}")
        (build / "crystalgrid-sampler").replace(program)  # in one step: others may be building it too


def _tool(name: str) -> str:
    """A build tool, from its PyPI package (whose scripts need not be in PATH) or the system's."""
    path = shutil.which(name, path=os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")]))
    if path is None:
        raise InputError(f"{name} is not installed, which building the sampler takes: pip install {name}")
    return path
