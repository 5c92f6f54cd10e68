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
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal

import torch
import tyro

from . import __version__
from .arguments import parsed
from .errors import InputError, run_command
from .export import export
from .files import shipped
from .model import find
from .released import WEIGHTS

SUFFIXES = (".cpp", ".hpp", ".txt")


Flag = Annotated[bool, tyro.conf.FlagCreatePairsOff]


@dataclass
class Sample:
    """Decode latent vectors to crystal structures and write OUT/samples.xyz (extended XYZ, by index)."""

    model: tyro.conf.Positional[str]
    """model.pt or model.pt2, as crystalgrid-export writes them, or the name of a released model"""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """folder to write to, new or empty unless --resume"""
    number: Annotated[int | None, tyro.conf.arg(aliases=["-n"])] = None
    """how many structures; by default 64, or every row of --latents"""
    resume: Flag = False
    """go on where an interrupted run of the same command stopped"""
    shard: str | None = None
    """K/N: only the K-th of N equal parts, K from 0 to N-1, in the folder OUT/shard-K-of-N; by default what torchrun or
    SLURM say this process is, else all"""
    seed: int = 0
    """structure i depends on (seed, i) alone"""
    temperature: float = 1.0
    """draw noise from N(0, temperature²), which a learned prior, if the model has one, turns into latent vectors; not
    with --latents"""
    no_prior: Flag = False
    """decode the noise itself, whatever the model has learned"""
    latents: Path | None = None
    """decode the rows of this .npy file, float32 or float64 [N, latent size]"""
    largest_density: float | None = None
    """scale each density so that its largest value is this, in 1/Å³"""
    min_distance: float | None = None
    """keep only structures with no two atoms closer, Å; the manifest counts what each filter removes"""
    min_atoms: int | None = None
    """keep only structures with so many atoms in the cube, or more"""
    max_atoms: int | None = None
    """keep only structures with so many atoms in the cube, or fewer"""
    min_density: float | None = None
    """keep only structures of so much mass by the cube's volume, or more, g/cm³"""
    max_density: float | None = None
    """keep only structures of so much mass by the cube's volume, or less, g/cm³"""
    cif: Flag = False
    """write OUT/samples.cif too: a data block for each structure that has atoms"""
    save_density: Flag = False
    """write OUT/density.npz too: the decoded densities, float32 [N, n, n, n] in 1/Å³, and each one's index"""
    batch: int = 16
    """structures per pass of the network"""
    threads: int = 0
    """CPU threads; 0: all cores"""
    device: Literal["cpu", "cuda"] = "cpu"
    """where the network runs"""
    precision: Literal["fp32", "bf16"] = "fp32"
    """of the network's convolutions"""
    profile: Flag = False
    """print the time that each stage takes"""

    def arguments(self) -> list[str]:
        """The same for the C++ program."""
        words = [str(artifact(self.model))]
        for field in fields(self)[1:]:
            value, name = getattr(self, field.name), "--" + field.name.replace("_", "-")
            if value is not None and value is not False:
                words += [name] if value is True else [name, str(value)]
        return words

    def run(self) -> None:
        """Check the options, then turn into the sampler, which signals then reach directly."""
        arguments = self.arguments()
        program = sampler()
        os.execv(program, ["crystalgrid-sample", *arguments])


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
    path = find(model)
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
            export(str(path), exported)
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


def cli() -> None:
    """Entry point."""
    run_command(lambda: parsed(Sample, "crystalgrid-sample")().run())


if __name__ == "__main__":
    cli()
