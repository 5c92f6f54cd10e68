"""Recover: crystals come back from one cube of theirs, from disturbed atoms and wrong species too; and its command."""

import csv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from crystalgrid import Atoms, Crystal, Grid, InputError, find_atoms, label_species, recover, voxelize
from crystalgrid.commands.recover import recover as recover_library
from crystalgrid.crystal import SYMBOLS
from crystalgrid.data.cubes import evaluation_cubes
from crystalgrid.data.load import load_crystals
from crystalgrid.geometry.atom_pairs import shortest_basis, translations
from crystalgrid.geometry.structure_solution import Points, _left, _slopes, factors_of
from crystalgrid.report.metrics import true_atoms
from zoo import PEROVSKITE, ZOO, lattice_of, random_crystal, random_origins

REPEATED = [
    "cubic", "perovskite", "hexagonal", "face-centred", "left-handed", "2.5 Å cell", "rotated", "outside the cell",
]  # fmt: skip
"""Of the zoo, cells that the cube holds more than once along all three of their vectors."""


def found_in(crystals: list[Crystal], seed: int = 0) -> tuple[Atoms, torch.Tensor]:
    """Atoms of true labels and density, each crystal's in a cube at a random origin."""
    origin = random_origins(np.random.default_rng(seed), crystals)
    density = voxelize(crystals, origin=origin)
    return find_atoms(label_species(crystals, origin=origin), density), density


def distance(crystal: Crystal, wanted: Crystal) -> float:
    """Root mean square Å between two crystals' atoms; infinite where they are not the same crystal."""
    one, other = crystal.to_pymatgen(), wanted.to_pymatgen()
    match = StructureMatcher(ltol=0.1, stol=0.2, angle_tol=3).get_rms_dist(other, one)
    return match[0] * (other.volume / len(other)) ** (1 / 3) if match else np.inf


@pytest.mark.parametrize("name", REPEATED)
def test_crystals_come_back_from_a_cube(name: str) -> None:
    atoms, density = found_in([ZOO[name]])
    (from_atoms,), (fitted,) = recover(atoms), recover(atoms, density)
    assert from_atoms is not None
    assert fitted is not None
    assert from_atoms.explained > 0.95
    assert from_atoms.error is None
    assert distance(from_atoms.crystal, ZOO[name]) < 0.05
    assert distance(fitted.crystal, ZOO[name]) < 0.002
    assert fitted.error < 1e-3
    seen = voxelize([fitted.crystal])  # its origin is the cube's corner
    assert float((seen - density).norm() / density.norm()) == pytest.approx(fitted.error, abs=1e-3)


@pytest.mark.parametrize("sides", [(3.3, 4.1, 9.3), (5.2, 6.1, 9.1), (8.7, 9.1, 9.2)])
def test_an_exact_density_shows_a_lattice_that_its_atoms_do_not(sides: tuple[float, float, float]) -> None:
    sites = [[0, 0, 0], [0.4, 0.45, 0.2], [0.1, 0.6, 0.5], [0.55, 0.1, 0.75]]
    crystal = Crystal(lattice_of(*sides, 85, 95, 100), sites, [38, 17, 8, 30])
    atoms, density = found_in([crystal])
    assert recover(atoms) == [None]
    (fitted,) = recover(atoms, density)
    assert distance(fitted.crystal, crystal) < 0.01
    assert fitted.error < 1e-3
    noise = torch.randn(density.shape, generator=torch.Generator().manual_seed(0))
    assert recover(atoms, density + 0.02 * density.mean() * noise) == [None]  # no longer exact


@pytest.mark.parametrize("name", [*REPEATED, "heavy and light"])
def test_an_exact_density_needs_no_atoms(name: str) -> None:
    """Nor are atoms missed that no network would find: hydrogen beside uranium."""
    none = torch.zeros(0, dtype=torch.int64)
    nothing = Atoms(torch.zeros(0, 3, dtype=torch.float64), none, torch.tensor([0, 0]), none)
    (found,) = recover(nothing, found_in([ZOO[name]])[1])
    assert distance(found.crystal, ZOO[name]) < 0.01
    assert found.explained == 0
    assert found.error < 1e-3


@pytest.mark.parametrize("density", [torch.zeros(30, 30, 30), torch.ones(30, 30, 30), -torch.ones(30, 30, 30)])
def test_a_density_without_structure_is_of_no_crystal(density: torch.Tensor) -> None:
    atoms, _ = found_in([PEROVSKITE])
    few = atoms._replace(
        positions=atoms.positions[:2], numbers=atoms.numbers[:2], offsets=torch.tensor([0, 2]), votes=atoms.votes[:2]
    )
    assert recover(few, density[None]) == [None]


def test_an_exact_density_corrects_atoms_that_are_wrong_or_missing() -> None:
    atoms, density = found_in([ZOO["hexagonal"]])
    kept = atoms.numbers != 8
    wrong = atoms._replace(
        positions=atoms.positions[kept] + 0.1,
        numbers=atoms.numbers[kept] + 2,
        offsets=torch.tensor([0, int(kept.sum())]),
        votes=atoms.votes[kept],
    )
    (found,) = recover(wrong, density)
    assert sorted(found.crystal.numbers.tolist()) == [8, 8, 30, 30]
    assert distance(found.crystal, ZOO["hexagonal"]) < 0.002


def test_factors_and_their_slopes_are_those_of_the_definition() -> None:
    crystal = ZOO["hexagonal"]
    factors = factors_of(voxelize([crystal])[0], Grid())
    atoms = Points(crystal.positions - 5, crystal.numbers.astype(float))
    assert factors.total == pytest.approx(76, rel=1e-4)
    assert np.abs(_left(factors, atoms)).max() < 3e-4
    moved = Points(atoms.positions + 0.1, 1.1 * atoms.weights)
    before, slopes = _left(factors, moved), _slopes(factors, moved)
    for i in range(slopes.shape[1]):
        step = 1e-6 * np.eye(slopes.shape[1])[i]
        position, weight = step[: moved.positions.size].reshape(-1, 3), step[moved.positions.size :]
        after = _left(factors, Points(moved.positions + position, moved.weights + weight))
        np.testing.assert_allclose((after - before) / 1e-6, slopes[:, i], atol=1e-5)


@pytest.mark.parametrize("seed", range(12))
def test_translations_are_those_of_the_lattice(seed: int) -> None:
    """Against the crystal's own: each found is a whole number of its vectors, and three of them are a basis."""
    rng = np.random.default_rng(seed)
    crystal = random_crystal(rng, 6, side=(3.0, 5.0))
    (cubes,) = evaluation_cubes(load_one(crystal), "repeated", Grid(), seed, per_crystal=1)
    (true,) = true_atoms(cubes, Grid())
    inside = true.depth(10.0) >= 0
    vectors, share = translations(true.positions[inside], true.numbers[inside], 10.0, like=0)
    steps = vectors[share > 0.99] @ np.linalg.inv(crystal.lattice)
    assert np.abs(steps - np.rint(steps)).max() < 1e-6
    basis = shortest_basis(vectors[share > 0.99])
    assert basis is not None
    assert np.linalg.det(basis) == pytest.approx(abs(np.linalg.det(crystal.lattice)), rel=1e-6)


def load_one(crystal: Crystal):
    """A set of one crystal."""
    from crystalgrid.data.crystalset import CrystalSet

    return CrystalSet.from_crystals([crystal])


def disturbed(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    """0.1 Å off along each axis, a tenth of them missing, a tenth of another species."""
    kept = torch.from_numpy(rng.random(len(atoms.numbers)) > 0.1)
    wrong = torch.from_numpy((rng.random(len(atoms.numbers)) < 0.1) * rng.integers(1, 4, len(atoms.numbers)))
    positions = atoms.positions + 0.1 * torch.from_numpy(rng.standard_normal(atoms.positions.shape))
    count = int(kept.sum())
    return Atoms(positions[kept], (atoms.numbers + wrong)[kept], torch.tensor([0, count]), atoms.votes[kept])


@pytest.mark.parametrize("seed", range(4))
def test_from_disturbed_atoms_and_a_noisy_density(seed: int) -> None:
    rng = np.random.default_rng(seed)
    atoms, density = found_in([PEROVSKITE], seed)
    atoms = disturbed(atoms, rng)
    noisy = density + 0.01 * density.square().mean().sqrt() * torch.from_numpy(rng.standard_normal(density.shape))
    (found,) = recover(atoms, noisy.float())
    assert found is not None
    assert distance(found.crystal, PEROVSKITE) < 0.02
    assert len(found.crystal) == 5
    assert found.error == pytest.approx(0.01, rel=0.1)


def test_without_gradients_around_it_a_density_is_fitted_all_the_same() -> None:
    atoms, density = found_in([ZOO["cubic"]])
    with torch.inference_mode():
        (first,) = recover(*found_in([ZOO["cubic"]]))
    (again,) = recover(atoms, density)
    assert first is not None
    assert again is not None
    np.testing.assert_array_equal(first.crystal.lattice, again.crystal.lattice)


def test_factors_are_the_same_whatever_other_threads_solve() -> None:
    _, densities = found_in(8 * [ZOO["cubic"], ZOO["hexagonal"], ZOO["rotated"]])
    alone = [factors_of(density, Grid()) for density in densities]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda density: factors_of(density, Grid()), densities))
    assert sum(factors is not None for factors in alone) >= 16
    for one, other in zip(alone, together, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_array_equal(one.values, other.values)


def test_the_density_corrects_species() -> None:
    """All of one site called the next element: labels alone are believed, the density knows better."""
    atoms, density = found_in([PEROVSKITE])
    wrong = atoms._replace(numbers=torch.where(atoms.numbers == 22, 23, atoms.numbers))
    (from_atoms,), (fitted,) = recover(wrong), recover(wrong, density)
    assert sorted(from_atoms.crystal.numbers.tolist()) == [8, 8, 8, 23, 38]
    assert sorted(fitted.crystal.numbers.tolist()) == [8, 8, 8, 22, 38]


def test_the_cell_is_as_small_as_the_density_says() -> None:
    """Species that alternate by one: in a true double cell they stay, where labels are wrong they do not."""
    cubic, double = 3.8 * np.eye(3), 3.8 * np.diag([1.0, 1.0, 2.0])
    single = Crystal(cubic, [[0, 0, 0], [0.5, 0.5, 0.5]], [55, 17])
    ordered = Crystal(double, [[0, 0, 0], [0.5, 0.5, 0.25], [0, 0, 0.5], [0.5, 0.5, 0.75]], [55, 17, 56, 17])
    labels, truth = found_in([ordered])
    of_single = voxelize([single], origin=random_origins(np.random.default_rng(0), [ordered]))
    assert len(recover(labels)[0].crystal) == 4
    assert len(recover(labels, truth)[0].crystal) == 4
    assert distance(recover(labels, truth)[0].crystal, ordered) < 0.01
    assert len(recover(labels, of_single)[0].crystal) == 2


def test_without_a_lattice_there_is_no_crystal() -> None:
    rng = np.random.default_rng(0)
    gas = Crystal(10 * np.eye(3), rng.random((40, 3)), rng.integers(1, 95, 40))
    cubes = [gas, Crystal(10 * np.eye(3), [[0.5, 0.5, 0.5]], [26])]
    density = voxelize(cubes, periodic=False)
    atoms = find_atoms(label_species(cubes, periodic=False), density)
    assert recover(atoms, density) == [None, None]
    nothing = find_atoms(torch.zeros(1, 30, 30, 30, dtype=torch.uint8))
    assert recover(nothing) == [None]
    assert recover(nothing._replace(offsets=torch.tensor([0]))) == []


def test_real_crystals_come_back(real_crystals) -> None:
    """Nine in ten; of the others the cube holds too little beside its own translation."""
    chosen = real_crystals.split("val")[::300][:40]
    found, same = [], 0
    for cubes in evaluation_cubes(chosen, "repeated", Grid(), seed=0, per_crystal=1):
        density = cubes.density(Grid())
        found += recover(find_atoms(cubes.species(Grid()), density), density)
    for one, wanted in zip(found, chosen, strict=True):
        same += one is not None and distance(one.crystal, wanted) < 0.05
    assert same >= 0.9 * len(chosen)


BAD = {
    "grid: wanted a Grid, got int": {"grid": 30},
    "atoms: wanted Atoms, got list": {"atoms": []},
    "density: wanted a tensor, got": {"density": 1.0},
    "density: wanted shape (1, 30, 30, 30), got (2, 30, 30, 30)": {"density": torch.zeros(2, 30, 30, 30)},
    "density: wanted finite values": {"density": torch.full((1, 30, 30, 30), torch.nan)},
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input_ends_in_one_clear_line(message: str) -> None:
    atoms, density = found_in([PEROVSKITE])
    with pytest.raises(InputError) as error:
        recover(**({"atoms": atoms, "density": density} | BAD[message]))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def write_library(folder: Path, atoms: Atoms, density: torch.Tensor | None, mode: str = "repeated") -> Path:
    """As crystalgrid-sample writes it; indices are 3, 4, …"""
    folder.mkdir()
    lines = []
    for b in range(len(atoms.offsets) - 1):
        positions, numbers = atoms.cube(b)
        about = f'Lattice="10 0 0 0 10 0 0 0 10" Properties=species:S:1:pos:R:3 pbc="F F F" index={b + 3} mode={mode}'
        rows = [f"{SYMBOLS[z - 1]} {x:.6f} {y:.6f} {w:.6f}" for z, (x, y, w) in zip(numbers, positions, strict=True)]
        lines += [str(len(numbers)), about, *rows]
    (folder / "samples.xyz").write_text("\n".join(lines) + "\n")
    if density is not None:
        np.savez(folder / "density.npz", density=density.numpy(), index=np.arange(3, 3 + len(density)))
    return folder


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path:
    """Two crystals and a cube without a lattice, times six."""
    crystals = [PEROVSKITE, Crystal(10 * np.eye(3), [[0.5, 0.5, 0.5]], [26]), ZOO["hexagonal"]] * 6
    return write_library(tmp_path_factory.mktemp("library") / "out", *found_in(crystals))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_library_becomes_crystals(library: Path, tmp_path, workers: int, capsys) -> None:
    out = tmp_path / "crystals"
    recover_library((library,), out, cif=True, workers=workers)
    assert "12 crystals of 18 structures (6 without a lattice); 2 different ones\n" in capsys.readouterr().out
    crystals = load_crystals(str(out / "crystals.parquet"))
    assert crystals.ids.tolist() == [str(i) for i in range(3, 21) if i % 3 != 1]
    assert distance(crystals[0], PEROVSKITE) < 0.002
    with (out / "crystals.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["structure"] for row in rows] == crystals.ids.tolist()
    assert [(row["space_group"], row["atoms"]) for row in rows[:2]] == [("Pm-3m", "5"), ("P6_3mc", "4")]
    assert [row["same_as"] for row in rows] == ["", "", *5 * ["3", "5"]]
    assert float(rows[0]["volume"]) == pytest.approx(3.9**3, rel=1e-3)
    assert float(rows[0]["error"]) < 0.001
    assert (out / "crystals.png").read_bytes().startswith(b"\x89PNG")
    written = Structure.from_file(out / "cif" / "3.cif")
    assert SpacegroupAnalyzer(written).get_space_group_symbol() == "Pm-3m"
    assert "Pm-3m" in (out / "cif" / "3.cif").read_text()
    for crystal, name in zip(crystals, crystals.ids, strict=True):
        assert StructureMatcher().fit(Structure.from_file(out / "cif" / f"{name}.cif"), crystal.to_pymatgen())


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stopped_run_goes_on_and_ends_as_one_that_never_was(
    library: Path, tmp_path, workers: int, monkeypatch, capsys
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    recover_library((library,), whole, cif=True, workers=1)
    with monkeypatch.context() as patch:
        patch.setattr("crystalgrid.report.recovered_library.recover", stops_after_one())
        with pytest.raises(KeyboardInterrupt):
            recover_library((library,), out, cif=True, workers=1)
    assert len(list((out / "parts").glob("*.csv"))) == 1
    for folders in ((library,), (library, library)):
        with pytest.raises(InputError, match="was begun with other folders or another --cif"):
            recover_library(folders, out, resume=True)
    recover_library((library,), out, cif=True, workers=workers, resume=True)
    assert "10 done" in capsys.readouterr().err  # of 18, without the first eight
    assert (out / "crystals.csv").read_text() == (whole / "crystals.csv").read_text()
    for one, other in zip(
        load_crystals(str(out / "crystals.parquet")), load_crystals(str(whole / "crystals.parquet")), strict=True
    ):
        np.testing.assert_array_equal(one.frac_coords, other.frac_coords)
    assert sorted(path.name for path in out.rglob("*")) == sorted(path.name for path in whole.rglob("*"))
    with pytest.raises(InputError, match="nothing to resume"):
        recover_library((library,), out, cif=True, resume=True)


def stops_after_one():
    """`recover`, interrupted the second time."""
    calls = []

    def stopping(*arguments):
        calls.append(1)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return recover(*arguments)

    return stopping


def test_a_library_without_densities(library: Path, tmp_path) -> None:
    atoms, _ = found_in([PEROVSKITE])
    bare = write_library(tmp_path / "bare", atoms, None)
    recover_library((bare, library), tmp_path / "crystals", workers=1)
    with (tmp_path / "crystals" / "crystals.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 13
    assert rows[0]["error"] == ""
    assert not (tmp_path / "crystals" / "cif").exists()


def test_a_table_says_which_crystals_are_known(library: Path, tmp_path, capsys) -> None:
    turned = PEROVSKITE.frac_coords[:, [2, 0, 1]]
    in_a_row = np.concatenate([turned + np.array([i, 0, 0]) for i in range(3)]) / [3, 1, 1]  # in a cell of 11.7 Å
    known = Crystal(PEROVSKITE.lattice * [[3], [1], [1]], in_a_row, np.tile(PEROVSKITE.numbers, 3))
    known.to_pymatgen().to(filename=str(tmp_path / "known.cif"))
    recover_library((library,), tmp_path / "out", known=str(tmp_path / "known.cif"), workers=1)
    with (tmp_path / "out" / "crystals.csv").open() as file:
        assert [row["known_as"] for row in csv.DictReader(file)] == 6 * ["known", ""]
    assert "; 2 different ones, 1 of them known\n" in capsys.readouterr().out
    with pytest.raises(InputError, match="absent: no such file or folder"):
        recover_library((library,), tmp_path / "none", known="absent")
    assert not (tmp_path / "none").exists()


def test_shards_without_structures_are_passed_over(library: Path, tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "samples.xyz").touch()
    recover_library((tmp_path / "empty", library), tmp_path / "out", workers=1)
    assert len((tmp_path / "out" / "crystals.csv").read_text().splitlines()) == 13
    with pytest.raises(InputError, match="empty: no structure in it"):
        recover_library((tmp_path / "empty",), tmp_path / "none")


def test_bad_libraries_end_in_one_clear_line(library: Path, tmp_path) -> None:
    atoms, density = found_in([PEROVSKITE])
    single = write_library(tmp_path / "single", atoms, None, mode="single")
    torn = write_library(tmp_path / "torn", atoms, density)
    (torn / "samples.xyz").write_text((torn / "samples.xyz").read_text()[:-40])
    other = write_library(tmp_path / "other", atoms, density)
    np.savez(other / "density.npz", density=density.numpy(), index=np.arange(1))
    lone = find_atoms(torch.zeros(1, 30, 30, 30, dtype=torch.uint8))
    empty = write_library(tmp_path / "empty", lone, None)
    for folders, message in (
        ((), "folders: wanted folders that crystalgrid-sample wrote, got none"),
        ((tmp_path / "absent",), "absent/samples.xyz: no such file; wanted a folder"),
        ((single,), "single: single mode, wanted repeated"),
        ((torn,), "torn/samples.xyz: not what crystalgrid-sample writes, or damaged"),
        ((other,), "other/density.npz: its densities are not those of the structures"),
        ((empty,), "no lattice in any of 1 structures"),
    ):
        with pytest.raises(InputError, match=message):
            recover_library(folders, tmp_path / f"out{len(message)}", workers=1)
    with pytest.raises(InputError, match="--cif: folders hold structures of the same index"):
        recover_library((library, library), tmp_path / "twice", cif=True)
    with pytest.raises(InputError, match="not empty"):
        recover_library((library,), library)
    with pytest.raises(InputError, match="--workers: wanted at least 1"):
        recover_library((library,), tmp_path / "none", workers=0)
