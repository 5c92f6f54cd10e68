"""The report of `crystalgrid --version`: versions and properties of the machine, for bug reports."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from contextlib import suppress

from .signals import importing


def version_report() -> str:
    """Return a line for each version or property of the machine that may matter to a bug report."""
    with importing():
        import torch

        from .. import __version__
        from ..artifacts.cache import cache_folders
        from ..pool import cpu_count
    lines = {
        "crystalgrid": __version__,
        "python": f"{platform.python_version()} ({sys.executable})",
        "platform": f"{platform.platform()}, {cpu_count()} CPUs",
        "torch": torch.__version__,
        "compiler": _compiler(),
        "cuda": _cuda(),
        "instructions": _instruction_set(),
        "cache": str(cache_folders()[0]),
    }
    return "\n".join(f"{name:13}{value}" for name, value in lines.items())


def _compiler() -> str:
    """Return the first line of the version of the C++ compiler, which builds the sampler on first use."""
    path = shutil.which(os.environ.get("CXX") or "c++")
    if path is None:
        return "no C++ compiler is found"
    done = subprocess.run([path, "--version"], capture_output=True, text=True)
    return f"{(done.stdout or done.stderr).partition(chr(10))[0]} ({path})"


def _cuda() -> str:
    import torch

    from .. import _core

    built = "without CUDA" if _core.cuda is None else "with CUDA"
    devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return f"core built {built}; torch built with {torch.version.cuda or 'none'}; {', '.join(devices) or 'no device'}"


def _instruction_set() -> str:
    """Return the best instruction set that the core has kernels for and this machine has."""
    from .. import _core

    nothing = _core.Crystals(0, 0, 0, 0), 0, _core.Cubes(0, 0, True), _core.Grid(30, 10.0, 0.5)
    for name in ("avx512", "avx2"):
        with suppress(ValueError):  # the core raises it for a set that is missing
            _core.voxelize(
                *nothing, accuracy=1e-5, cutoff=0.0, threads=1, isa=getattr(_core.Isa, name), float64=False, density=0,
                cutoffs=0,
            )  # fmt: skip
            return name
    return "baseline"
