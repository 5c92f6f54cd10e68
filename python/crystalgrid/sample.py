"""`crystalgrid-sample`: find the model, build the C++ sampler where it is not built yet, and become it.

The program is built from sources that travel with the package against the torch that is installed, so that no wheel is
tied to a torch version.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
import tyro

from .errors import InputError, run_command
from .files import shipped
from .model import find

SUFFIXES = (".cpp", ".hpp", ".txt")


@dataclass
class Sample:
    """Decode latents drawn from N(0, 1) to crystal structures and write OUT/samples.xyz (extended XYZ, by index)."""

    model: tyro.conf.Positional[str]
    """model.pt, as crystalgrid-export writes it, or the name of a released model"""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """folder to write to, new or empty"""
    number: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 64
    """how many structures"""
    seed: int = 0
    """structure i depends on (seed, i) alone"""
    batch: int = 16
    """structures per pass of the network"""
    threads: int = 0
    """CPU threads; 0: all cores"""
    device: Literal["cpu", "cuda"] = "cpu"
    """where the network runs"""
    density: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """write the decoded densities too: OUT/density.npy, float32 [N, n, n, n] in 1/Å³"""

    def arguments(self) -> list[str]:
        """The same for the C++ program."""
        options = {name: getattr(self, name) for name in ("out", "number", "seed", "batch", "threads", "device")}
        named = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        return [str(find(self.model)), *named, *(["--density"] if self.density else [])]


def sampler() -> Path:
    """The sampler for this torch, built if this is its first use. Raises InputError naming the log where that fails."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "crystalgrid"
    program = folder / f"sampler-torch{torch.__version__}-{_fingerprint()}"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        print(
            f"building the sampler for torch {torch.__version__}, once, about a minute …", file=sys.stderr, flush=True
        )
        _build(program)
    return program


def _fingerprint() -> str:
    """Of the sources and of where torch is, which the program remembers."""
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
                 f"-DCMAKE_PREFIX_PATH={torch_root}", "-S", str(shipped("export")), "-B", name],
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


def main() -> None:
    """Check the command line, then turn into the sampler, which signals then reach directly."""
    arguments = tyro.cli(Sample, prog="crystalgrid-sample").arguments()
    program = sampler()
    os.execv(program, ["crystalgrid-sample", *arguments])


def cli() -> None:
    """Entry point."""
    run_command(main)


if __name__ == "__main__":
    cli()
