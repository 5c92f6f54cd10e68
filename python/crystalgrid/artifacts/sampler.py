"""The C++ sampler, which `crystalgrid-sample` builds on first use and then becomes.

It is built from sources that come with the package against the torch that is installed, so that no wheel is tied to a
torch version.
"""

import hashlib
import os
import shutil
import subprocess
import sysconfig
import tempfile
from functools import partial
from pathlib import Path

import torch

from .. import __version__
from ..cache import cached
from ..errors import InputError
from ..files import shipped
from .checkpoint import checkpoint_of
from .export import export_model
from .find import find_model, is_exported
from .released import WEIGHTS

SUFFIXES = (".cpp", ".hpp", ".inl", ".in", ".json", ".txt")


def become_sampler(model: str, options: list[str]) -> None:
    """Check the model, build the sampler if necessary, and replace this process by it, so that signals reach it."""
    words = [str(artifact(model)), *options]
    program = sampler()
    os.execv(program, ["crystalgrid-sample", *words])


def artifact(model: str) -> Path:
    """Return the exported file of a model for the sampler; a run or a released model is exported first.

    Exports are kept in the cache, under a checksum of the weights.
    """
    path = find_model(model)
    if is_exported(path):
        return path
    weights = path / WEIGHTS if (path / WEIGHTS).is_file() else checkpoint_of(path)
    content = hashlib.sha256(weights.read_bytes() + f"{__version__} {torch.__version__}".encode()).hexdigest()
    return cached(f"{path.name}-{content[:12]}.pt", f"exporting {path.name}, once …", partial(export_model, str(path)))


def sampler() -> Path:
    """Return the sampler for this torch, built on its first use; raises InputError naming the log if that fails."""
    version = torch.__version__
    message = f"building the sampler for torch {version}, once, about a minute …"
    return cached(f"sampler-torch{version}-{_fingerprint()}", message, _build)


def _fingerprint() -> str:
    """Return a checksum of the sources and of the path of torch, to which the program is linked."""
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
                    raise InputError(f"the sampler could not be built (it needs a C++20 compiler); see {kept}")
        (build / "crystalgrid-sampler").replace(program)  # in one step: others may be building it too


def _tool(name: str) -> str:
    """Return the path of a build tool, from its PyPI package (whose scripts need not be in PATH) or the system."""
    path = shutil.which(name, path=os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")]))
    if path is None:
        raise InputError(f"{name} is not installed, which building the sampler needs: pip install {name}")
    return path
