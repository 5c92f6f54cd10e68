"""Running the C++ sampler in tests."""

import json
import re
import subprocess
from pathlib import Path

import ase.io
import numpy as np


def run(program: Path, *arguments: object, **options: object) -> subprocess.CompletedProcess:
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=120, **options)


def sampled(program: Path, model: Path, out: Path, *options: object) -> tuple[list[ase.Atoms], np.ndarray]:
    done = run(program, model, "--out", out, "--save-density", *options)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in out.iterdir()) == ["density.npy", "index.npy", "manifest.json", "samples.xyz"]
    frames = ase.io.read(out / "samples.xyz", ":")
    assert np.load(out / "index.npy").tolist() == [frame.info["index"] for frame in frames]
    return frames, np.load(out / "density.npy")


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def assert_refused(done: subprocess.CompletedProcess, message: str) -> None:
    assert done.returncode == 1
    assert re.fullmatch(rf"error: .*{re.escape(message)}.*\n", done.stderr), done.stderr
    assert done.stdout == ""
