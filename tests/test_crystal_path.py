"""The way between two crystals: cells that do not jump without need, and the files of `crystalgrid interpolate`."""

from pathlib import Path

import ase.io
import numpy as np
import pytest
from PIL import Image

import crystalgrid as cg
from crystalgrid.commands.interpolate import interpolate
from crystalgrid.geometry.aligned_cells import aligned, unlikeness
from crystalgrid.geometry.cell import Cell
from crystalgrid.report.crystal_table import read_rows

AXES = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]])


def perovskite(a: float, c: float) -> Cell:
    coords = np.array([[0, 0, 0], [0.5, 0.5, 0.53], [0.5, 0.5, 0.02], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    return Cell(np.diag([a, a, c]), coords, np.array([56, 22, 8, 8, 8]))


def test_a_cell_with_other_axes_and_origin_is_brought_back() -> None:
    cell = perovskite(3.9, 4.1)
    order = np.array([3, 1, 4, 0, 2])
    other = Cell(AXES @ cell.lattice, (cell.frac_coords @ AXES.T + [0.3, 0.1, 0.7])[order], cell.numbers[order])
    back = aligned(other, cell)
    assert unlikeness(other, cell) > 0.3
    assert unlikeness(back, cell) == pytest.approx(0, abs=1e-12)
    assert back.lattice @ back.lattice.T == pytest.approx(cell.lattice @ cell.lattice.T)


def test_an_aligned_cell_is_the_same_crystal() -> None:
    cell, before = perovskite(3.9, 4.1), perovskite(4.0, 4.0)
    moved = aligned(cell, before._replace(numbers=np.array([38, 22, 8, 8, 8])))
    first, second = (cg.Crystal(*part).to_pymatgen() for part in (cell, moved))
    assert first.matches(second, ltol=1e-6, stol=1e-6, angle_tol=1e-6, scale=False)


def test_a_cell_that_is_alike_already_stays() -> None:
    cell = perovskite(3.9, 4.1)
    kept = aligned(cell, perovskite(3.91, 4.12))
    assert np.array_equal(kept.lattice, cell.lattice)
    assert np.array_equal(kept.frac_coords, cell.frac_coords)


def test_crystals_on_the_line_are_written_drawn_and_filmed(latent_run: Path, tmp_path: Path) -> None:
    for name, a, numbers in (("a", 5.6, [11, 17]), ("b", 4.2, [12, 8])):
        cg.Crystal(a * (1 - np.eye(3)) / 2, [[0, 0, 0], [0.5, 0.5, 0.5]], numbers).write(tmp_path / f"{name}.cif")
    out = tmp_path / "out"
    interpolate(tmp_path / "a.cif", tmp_path / "b.cif", str(latent_run), out, steps=3)
    assert np.load(out / "latents.npy").shape == (3, 60)
    header, *rows = read_rows(out / "crystals.csv")
    fractions = {row[header.index("id")]: row[header.index("fraction")] for row in rows}
    assert fractions.keys() == {"0", "1", "2"}
    n_crystals = sum(map(bool, fractions.values()))
    assert n_crystals > 0
    assert len(ase.io.read(out / "crystals.xyz", ":")) == n_crystals == len(list((out / "cif").iterdir()))
    with Image.open(out / "path.gif") as film:
        assert n_crystals <= film.n_frames <= 9
    assert (out / "path.png").is_file()


def test_bad_input_is_one_line_and_leaves_nothing(latent_run: Path, tmp_path: Path) -> None:
    salt = cg.Crystal(2.8 * (1 - np.eye(3)), [[0, 0, 0], [0.5, 0.5, 0.5]], [11, 17])
    salt.write(tmp_path / "salt.cif")
    cg.Crystal(2.7 * np.eye(3), [[0, 0, 0]], [77]).write(tmp_path / "iridium.cif")
    for changes, message in (
        ({"b": tmp_path / "iridium.cif"}, "iridium.cif: has Ir, which the model has never seen"),
        ({"steps": 1}, "--steps: wanted 2 to 101"),
        ({"resume": True}, "--resume: wanted a model of densities"),
        ({"model": "mp10a"}, "mp10a: a generator that encodes no crystals"),
    ):
        files = {"a": tmp_path / "salt.cif", "b": tmp_path / "salt.cif", "model": str(latent_run)}
        with pytest.raises(cg.InputError, match=message):
            interpolate(**{**files, "out": tmp_path / "out", **changes})
        assert not (tmp_path / "out").exists()
