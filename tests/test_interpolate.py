"""Interpolation: the line between two encoded crystals, decoded by the sampler."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import ase.io
import numpy as np
import pytest
import torch

import crystalgrid as cg
from artifacts import write_tiny
from crystalgrid.commands.interpolate import interpolate
from crystalgrid.latents import line
from crystalgrid.report.latent_path import encode_file

POSCAR = """cubic
1.0
{a} 0 0
0 {a} 0
0 0 {a}
{symbol}
1
Direct
0.5 0.5 0.5
"""


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A model and the files of two crystals."""
    folder = tmp_path_factory.mktemp("ends")
    model = write_tiny(folder / "model.pt")
    for name, a, symbol in (("A.vasp", 3.0, "Fe"), ("B.vasp", 4.0, "Pb")):
        (folder / name).write_text(POSCAR.format(a=a, symbol=symbol))
    return model, folder / "A.vasp", folder / "B.vasp"


def test_the_line_is_even_and_keeps_its_ends() -> None:
    a, b = torch.randn(7), torch.randn(7)
    z = line(a, b, 5)
    assert torch.equal(z[0], a)
    assert torch.equal(z[4], b)
    for first, second in itertools.pairwise(z):
        torch.testing.assert_close(second - first, (b - a) / 4)


def test_a_file_is_encoded_as_its_density(ends: tuple[Path, Path, Path]) -> None:
    model = cg.load(ends[0])
    density = cg.voxelize(cg.read(ends[1]), model.grid)
    torch.testing.assert_close(encode_file(ends[1], model), model.encode(density)[0][0])


@pytest.mark.usefixtures("sampler")  # building it may take longer than the command has
def test_two_crystals_become_a_library(ends: tuple[Path, Path, Path], tmp_path: Path, sampler_cache: Path) -> None:
    command = [sys.executable, "-m", "crystalgrid", "interpolate", ends[1], ends[2]]
    cache = {**os.environ, "XDG_CACHE_HOME": str(sampler_cache)}
    options = ["--steps", "4", "--model", ends[0], "-o", tmp_path / "out"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, env=cache, timeout=300)
    assert done.returncode == 0, done.stderr
    z = np.load(tmp_path / "out/latents.npy")
    assert z.shape == (4, 300)
    assert len(ase.io.read(tmp_path / "out/structures/samples.xyz", ":")) == 4
    density = np.load(tmp_path / "out/structures/density.npy")
    np.testing.assert_allclose(density, cg.load(ends[0]).decode(torch.from_numpy(z)), atol=1e-4)

    before = (tmp_path / "out/structures/samples.xyz").read_bytes()
    again = subprocess.run([*command, *options, "--resume"], capture_output=True, text=True, env=cache, timeout=300)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "out/structures/samples.xyz").read_bytes() == before


def test_bad_input_is_one_line_and_leaves_nothing(ends: tuple[Path, Path, Path], tmp_path: Path) -> None:
    model, a, b = ends
    out = tmp_path / "out"
    for options, message in (
        ({"steps": 1}, "--steps: wanted 2 to 1,000,000"),
        ({"model": "absent"}, "absent: no such file"),
        (
            {"model": str(tmp_path)},
            "holds no checkpoint, wanted the folder of a training run",
        ),
        ({"a": tmp_path / "c.cif"}, "c.cif: no such file"),
    ):
        with pytest.raises(cg.InputError, match=message):
            interpolate(**{"a": a, "b": b, "model": str(model), "out": out, **options})
        assert not out.exists()
