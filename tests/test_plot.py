"""Pictures are written whole, for the awkward cases too."""

import csv
import struct

import numpy as np
import pytest
import torch

from crystalgrid.atoms import Atoms, find_atoms
from crystalgrid.commands.draw import draw
from crystalgrid.crystal import SYMBOLS
from crystalgrid.data.cubes import evaluation_cubes
from crystalgrid.errors import InputError
from crystalgrid.grid import Grid
from crystalgrid.report import pictures
from crystalgrid.report.metrics import true_atoms
from pictured import atoms, slices


@pytest.fixture(scope="module")
def cubes(prototypes):
    return evaluation_cubes(prototypes[:2], "repeated", Grid(), seed=0, per_crystal=1)[0]


def size(path) -> tuple[int, int]:
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG")
    return struct.unpack(">II", content[16:24])


def test_reconstructions_and_samples(cubes, tmp_path, saved_figures):
    grid = Grid()
    density = cubes.density(grid)
    found = find_atoms(cubes.species(grid), density, grid)
    true = true_atoms(cubes, grid)
    pictures.reconstructions(tmp_path / "one.png", density, density, true, found, grid, [1])
    pictures.reconstructions(tmp_path / "two.png", density, density, true, found, grid, [0, 1])
    shown = {text.get_text() for legend in saved_figures["two"].legends for text in legend.get_texts()}
    assert shown == {SYMBOLS[z - 1] for z in np.concatenate([cubes.numbers for cubes in true])}
    pictures.samples(tmp_path / "samples.png", density, found, grid)
    assert size(tmp_path / "two.png")[1] == 2 * size(tmp_path / "one.png")[1]
    assert size(tmp_path / "samples.png")[0] > 500


def test_nothing_to_see(tmp_path):
    nothing = Atoms(
        torch.zeros(0, 3, dtype=torch.float64),
        torch.zeros(0, dtype=torch.int64),
        torch.zeros(2, dtype=torch.int64),
        torch.zeros(0),
    )
    pictures.samples(tmp_path / "samples.png", torch.zeros(1, 30, 30, 30), nothing, Grid())
    pictures.densities(tmp_path / "densities.png", torch.zeros(1, 30, 30, 30), torch.zeros(1, 30, 30, 30))
    assert len(list(tmp_path.iterdir())) == 2


def test_losses(tmp_path, saved_figures):
    with (tmp_path / "metrics.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["step", "reconstruction", "val_reconstruction", "segmentation", "kl"])
        writer.writeheader()
        writer.writerows({"step": step, "reconstruction": 1 / step, "kl": 10} for step in (1, 2, 3))
    pictures.losses(tmp_path / "losses.png", tmp_path / "metrics.csv")
    curves = {axis.get_ylabel(): axis.lines for axis in saved_figures["losses"].axes}
    assert curves.keys() == {"mean squared error", "KL divergence, nats"}  # no column without values
    (curve,) = curves["mean squared error"]
    np.testing.assert_allclose(curve.get_xydata(), [(1, 1), (2, 1 / 2), (3, 1 / 3)])


def test_samples_of_a_folder_are_drawn_with_their_atoms(tmp_path, saved_figures):
    cube = 'Lattice="10 0 0 0 10 0 0 0 10" Properties=species:S:1:pos:R:3 pbc="F F F" index={}'
    frames = ["2", cube.format(0), "O 1 2 3", "U 4 5 6", "0", cube.format(1)]
    (tmp_path / "samples.xyz").write_text("\n".join(frames) + "\n")
    density = np.random.default_rng(0).random((2, 30, 30, 30), dtype=np.float32)
    np.save(tmp_path / "density.npy", density)
    np.save(tmp_path / "index.npy", np.arange(2))
    draw(tmp_path, tmp_path / "samples.png")
    assert atoms(saved_figures["samples"]) == [[2], [0]]
    for image, cube in zip(slices(saved_figures["samples"]), density, strict=False):
        np.testing.assert_array_equal(image, cube[..., cube.max(axis=(0, 1)).argmax()])
    (tmp_path / "density.npy").unlink()
    with pytest.raises(InputError, match=r"density\.npy: no such file; wanted a folder"):
        draw(tmp_path, tmp_path / "again.png")
