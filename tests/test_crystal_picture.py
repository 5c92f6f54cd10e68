"""The picture of crystals: what is in it, how it is labelled, and in what order it is drawn."""

from pathlib import Path

import numpy as np
import pytest

import crystalgrid as cg
from crystalgrid import Crystal
from crystalgrid.commands.draw import draw
from crystalgrid.report import ball_and_stick
from crystalgrid.report.ball_and_stick import View, ball_radius, scene, shapes
from crystalgrid.report.crystal_picture import cell_label, draw_crystals, formula_label, symbol_label
from crystalgrid.report.element_colours import ELEMENT_COLOURS
from zoo import PEROVSKITE, ZOO, lattice_of

CAESIUM_CHLORIDE = Crystal(4.12 * np.eye(3), [[0, 0, 0], [0.5, 0.5, 0.5]], [55, 17])
PHOSPHATE = Crystal(
    6 * np.eye(3), [[0, 0, 0], *(0.148 * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]))], [15, *4 * [8]]
)
GRAPHITE = Crystal(lattice_of(2.46, 2.46, 6.7, 90, 90, 120), [[0, 0, 0.25], [1 / 3, 2 / 3, 0.25]], [6, 6])
COLOURS = {1: "ffffff", 6: "909090", 7: "3050f8", 8: "ff0d0d", 16: "ffff30", 17: "1ff01f", 26: "e06633", 94: "006bff"}


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_all_of_the_zoo_is_drawn(tmp_path: Path, ending: str) -> None:
    crystals = [*ZOO.values()] if ending == "png" else [PEROVSKITE]
    draw_crystals(crystals, tmp_path / f"zoo.{ending}")
    beginning = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[ending]
    assert (tmp_path / f"zoo.{ending}").read_bytes().startswith(beginning)


def test_crystals_of_others_are_drawn_with_their_labels(tmp_path: Path, saved_figures) -> None:
    crystals = [PEROVSKITE, ZOO["hexagonal"].to_ase(), CAESIUM_CHLORIDE.to_pymatgen()]
    draw_crystals(crystals, tmp_path / "three.png", titles=["", "zincite", ""])
    axes = saved_figures["three"].axes
    titles = [axis.get_title() for axis in axes]
    assert titles == ["SrTiO$_{3}$, $Pm\\bar{3}m$ (221)", "zincite\nZnO, $P6_{3}mc$ (186)", "CsCl, $Pm\\bar{3}m$ (221)"]
    assert [axis.get_xlabel() for axis in axes] == ["$a$ 3.90 Å", "$a$ 3.25  $c$ 5.20 Å", "$a$ 4.12 Å"]
    legends = [[text.get_text() for text in axis.get_legend().get_texts()] for axis in axes]
    assert legends == [["Sr", "Ti", "O"], ["Zn", "O"], ["Cs", "Cl"]]
    assert [[text.get_text() for text in axis.texts] for axis in axes] == 3 * [["$a$", "$b$", "$c$"]]


def test_atoms_on_faces_are_drawn_on_all_of_them() -> None:
    drawn = scene(CAESIUM_CHLORIDE)
    assert sorted(drawn.numbers) == [17, *8 * [55]]  # the centre and eight corners
    assert len(drawn.bonds) == 8
    shifted = Crystal(
        CAESIUM_CHLORIDE.lattice, CAESIUM_CHLORIDE.frac_coords + np.array([7, -1e-9, 1]), CAESIUM_CHLORIDE.numbers
    )
    assert sorted(scene(shifted).numbers) == sorted(drawn.numbers)
    assert sorted(scene(PEROVSKITE).numbers) == [*12 * [8], *8 * [22], 38]


def test_ligands_outside_of_the_cell_make_ions_whole() -> None:
    drawn = scene(PHOSPHATE)
    phosphorus = np.flatnonzero(drawn.numbers == 15)
    assert len(phosphorus) == 8
    assert np.bincount(drawn.bonds.reshape(-1))[phosphorus].tolist() == 8 * [4]


def test_narrow_cells_are_drawn_twice_along_their_short_sides() -> None:
    assert len(scene(GRAPHITE).numbers) == 9 + 4  # corners of 2 × 2 cells, and an atom in each
    assert len(scene(GRAPHITE).bonds) == 4 * 3


@pytest.mark.parametrize("name", ZOO)
def test_images_that_are_farther_than_any_bond_change_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = scene(ZOO[name])
    monkeypatch.setattr(ball_and_stick, "longest_bond", lambda numbers: 50.0)
    complete = scene(ZOO[name])
    assert all(np.array_equal(a, b) for a, b in zip(drawn[:2], complete[:2], strict=True))
    assert {tuple(sorted(pair)) for pair in drawn.bonds} == {tuple(sorted(pair)) for pair in complete.bonds}


def test_colours_are_those_that_chemists_expect() -> None:
    assert ELEMENT_COLOURS.shape == (95, 3)
    for z, colour in COLOURS.items():
        assert (255 * ELEMENT_COLOURS[z]).round().astype(np.uint8).tobytes().hex() == colour


def test_the_view_has_c_up_b_to_the_right_and_a_to_the_viewer() -> None:
    view = View(np.diag([4.0, 5.0, 6.0]))
    assert np.allclose(view.axes @ view.axes.T, np.eye(3))
    points, depths, scales = view(np.array([[0, 2.5, 3], [4, 2.5, 3], [2, 5, 3], [2, 0, 3], [2, 2.5, 6], [2, 2.5, 0]]))
    assert depths[0] < 0 < depths[1]
    assert scales[0] < 1 < scales[1]  # what is near is large
    assert points[2, 0] > points[3, 0]
    assert points[4, 1] > points[5, 1]
    assert abs(points[4:, 0]).max() < 1e-9


def test_shapes_are_from_back_to_front_and_paler_behind() -> None:
    drawn = scene(PEROVSKITE)
    view = View(PEROVSKITE.lattice)
    parts = shapes(drawn, PEROVSKITE.lattice, view)
    depths = [shape.depth for shape in parts if shape.radius]
    assert depths == sorted(depths)
    rims = [shape for shape in parts if shape.radius and abs(shape.radius / ball_radius(np.array([22]))[0] - 1) < 0.3]
    nearest, farthest = max(rims, key=lambda shape: shape.depth), min(rims, key=lambda shape: shape.depth)
    assert nearest.depth > farthest.depth
    assert min(shape.colour.min() for shape in parts) >= 0
    assert max(shape.colour.max() for shape in parts) <= 1
    _, atom_depths, scales = view(drawn.positions)
    discs = {round(shape.depth, 6) for shape in parts if shape.radius}
    assert discs == set(atom_depths.round(6))
    assert scales.max() / scales.min() > 1.05


def test_labels_are_typeset() -> None:
    assert formula_label("Ca3(PO4)2") == "Ca$_{3}$(PO$_{4}$)$_{2}$"
    assert [symbol_label(symbol) for symbol in ("Fd-3m", "P6_3/mmc", "P-1", "I4_1/acd")] == [
        r"$Fd\bar{3}m$", "$P6_{3}/mmc$", r"$P\bar{1}$", "$I4_{1}/acd$",
    ]  # fmt: skip
    assert cell_label(lattice_of(5, 6, 5, 90, 97.5, 90)) == "$a$ 5.00  $b$ 6.00 Å\n$\\beta$ 97.5°"


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    with pytest.raises(cg.InputError, match=r"picture\.gif: wanted a name that ends in one of \.png, \.svg, \.pdf"):
        draw_crystals([PEROVSKITE], tmp_path / "picture.gif")
    with pytest.raises(cg.InputError, match="crystals: wanted at least one to draw"):
        draw_crystals([], tmp_path / "picture.png")
    assert list(tmp_path.iterdir()) == []


def test_the_command_draws_files_and_folders_of_crystals(tmp_path: Path, saved_figures, capsys) -> None:
    (tmp_path / "out").mkdir()
    PEROVSKITE.write(tmp_path / "out" / "crystals.xyz")
    CAESIUM_CHLORIDE.write(tmp_path / "salt.cif")
    draw(tmp_path / "out", tmp_path / "folder.svg")
    (tmp_path / "file.png").touch()
    draw(tmp_path / "salt.cif", tmp_path / "file.png")
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path}/folder.svg: the first crystal of {tmp_path}/out",
        f"{tmp_path}/file.png: the first crystal of {tmp_path}/salt.cif, in place of an earlier file",
    ]
    assert saved_figures["folder"].axes[0].get_title().startswith("SrTiO")
    with pytest.raises(cg.InputError, match="wanted a name that ends"):
        draw(tmp_path / "salt.cif", tmp_path / "file.doc")
