"""crystalgrid-recover: sampled folders become crystals, a table, CIF files and a picture; a stopped run goes on."""

import csv
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from crystalgrid import Atoms, Crystal, InputError, Recovered, find_atoms, recover
from crystalgrid.commands.recover import recover as recover_command
from crystalgrid.crystal import SYMBOLS
from crystalgrid.data.load import load_crystals
from crystalgrid.report import library_parts
from crystalgrid.report.crystal_table import row_of
from crystalgrid.report.library_parts import LibraryParts, RecoveredStructure
from crystalgrid.report.recovered_library import recover_library
from recovering import distance, found_in
from zoo import PEROVSKITE, ZOO

KILLED = """
import os, signal, sys
from pathlib import Path
from crystalgrid.report import library_parts
from crystalgrid.report.recovered_library import recover_library

def write_rows(path, rows):
    if path.name == "0000002.csv":  # the crystals of this part are written, its table is not
        os.kill(os.getpid(), signal.SIGKILL)
    write(path, rows)

library_parts.STRUCTURES = 2
write, library_parts.write_rows = library_parts.write_rows, write_rows
recover_library([Path(sys.argv[1])], Path(sys.argv[2]), cif=True, workers=1)
"""
NO_LATTICE = Crystal(10 * np.eye(3), [[0.5, 0.5, 0.5]], [26])
FIRST_INDEX = 3


def write_library(folder: Path, atoms: Atoms, density: torch.Tensor | None, mode: str = "repeated") -> Path:
    """Write structures as crystalgrid-sample does, from index 3 on."""
    folder.mkdir()
    lines = []
    for b in range(len(atoms.offsets) - 1):
        positions, numbers = atoms.cube(b)
        values = f"index={b + FIRST_INDEX} mode={mode}"
        comment = f'Lattice="10 0 0 0 10 0 0 0 10" Properties=species:S:1:pos:R:3 pbc="F F F" {values}'
        rows = [f"{SYMBOLS[z - 1]} {x:.6f} {y:.6f} {w:.6f}" for z, (x, y, w) in zip(numbers, positions, strict=True)]
        lines += [str(len(numbers)), comment, *rows]
    (folder / "samples.xyz").write_text("\n".join(lines) + "\n")
    if density is not None:
        write_density(folder, density, np.arange(FIRST_INDEX, FIRST_INDEX + len(density)))
    return folder


def write_density(folder: Path, density: torch.Tensor, indices: np.ndarray) -> None:
    """Write densities as crystalgrid-sample --save-density does."""
    np.save(folder / "density.npy", density.numpy())
    np.save(folder / "index.npy", indices)


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "crystals.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="session")
def library(made_once) -> Path:
    """Return a sampled folder of two crystals and a cube without a lattice, three times."""
    atoms_and_density = found_in([PEROVSKITE, NO_LATTICE, ZOO["hexagonal"]] * 3)
    return made_once("library", lambda folder: write_library(folder / "out", *atoms_and_density)) / "out"


@pytest.fixture(scope="session")
def bare_library(made_once) -> Path:
    """Return a sampled folder of the same two crystals without densities."""
    atoms, _ = found_in([PEROVSKITE, ZOO["hexagonal"]])
    return made_once("bare-library", lambda folder: write_library(folder / "out", atoms, None)) / "out"


@pytest.fixture(scope="session")
def recovered(library: Path, made_once) -> Path:
    """Return what a run in one process, never stopped, makes of the library."""
    make = lambda folder: recover_library([library], folder / "out", cif=True, workers=1)  # noqa: E731
    return made_once("recovered", make) / "out"


def test_a_library_becomes_crystals_and_a_table(recovered: Path) -> None:
    crystals = load_crystals(str(recovered / "crystals.parquet"))
    assert crystals.ids.tolist() == ["3", "5", "6", "8", "9", "11"]
    for crystal, name in zip(crystals, 3 * ["perovskite", "hexagonal"], strict=True):
        assert distance(crystal, ZOO[name]) < 0.002
    rows = rows_of(recovered)
    assert [row["structure"] for row in rows] == crystals.ids.tolist()
    assert [(row["space_group"], row["atoms"]) for row in rows] == 3 * [("Pm-3m", "5"), ("P6_3mc", "4")]
    assert [row["formula"] for row in rows[:2]] == ["SrTiO3", "ZnO"]
    assert [row["same_as"] for row in rows] == ["", "", "3", "5", "3", "5"]
    assert float(rows[0]["volume_per_atom"]) == pytest.approx(3.9**3 / 5, rel=1e-3)
    assert [(row["z"], row["space_group_number"], row["valid"]) for row in rows[:2]] == [
        ("1", "221", "true"), ("2", "186", "true"),
    ]  # fmt: skip
    assert [float(rows[1][key]) for key in ("a", "c", "gamma")] == pytest.approx([3.25, 5.2, 120], abs=0.01)
    assert float(rows[1]["density"]) == pytest.approx(ZOO["hexagonal"].density, rel=1e-2)
    assert float(rows[0]["smallest_distance"]) == pytest.approx(1.95, abs=0.01)
    assert float(rows[0]["radii_share"]) == pytest.approx(1.95 / (1.6 + 0.66), abs=0.01)
    assert float(rows[0]["explained"]) > 0.95
    assert float(rows[0]["error"]) < 0.001
    assert sorted(path.name for path in recovered.iterdir()) == [
        "cif",
        "crystals.csv",
        "crystals.parquet",
        "crystals.png",
    ]


def test_cif_files_have_the_crystals_symmetry(recovered: Path) -> None:
    crystals = load_crystals(str(recovered / "crystals.parquet"))
    for crystal, name, group in zip(crystals, crystals.ids, 3 * ["Pm-3m", "P6_3mc"], strict=True):
        path = recovered / "cif" / f"{name}.cif"
        written = Structure.from_file(path)
        assert SpacegroupAnalyzer(written, 1e-3).get_space_group_symbol() == group
        assert Crystal.from_pymatgen(written).space_group.symbol == group
        assert StructureMatcher().fit(written, crystal.to_pymatgen())
    operations = (recovered / "cif" / "3.cif").read_text().partition("_space_group_symop_operation_xyz")[2]
    assert sum("x" in line for line in operations.partition("loop_")[0].splitlines()) == 48


def test_processes_write_the_same_files(library: Path, recovered: Path, tmp_path: Path, capsys) -> None:
    recover_command((library,), tmp_path / "out", cif=True, workers=2)
    assert "6 crystals of 9 structures (3 without a lattice); 2 different ones\n" in capsys.readouterr().out
    assert_same_files(tmp_path / "out", recovered)


def test_a_stopped_run_goes_on_and_ends_as_one_that_never_was(
    library: Path, recovered: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr("crystalgrid.report.recovered_library.recover", stops_after(7))
        with pytest.raises(KeyboardInterrupt):
            recover_library([library], out, cif=True, workers=1)
    for folders in ([library], [library, library]):
        with pytest.raises(InputError, match="was started with other folders or another --cif"):
            recover_library(folders, out, resume=True)
    capsys.readouterr()
    recover_library([library], out, cif=True, workers=1, resume=True)
    assert "recovering: 2 done" in capsys.readouterr().err  # of 9, without the first 7
    assert_same_files(out, recovered)


def test_a_finished_run_says_so_when_it_is_resumed(
    library: Path, bare_library: Path, recovered: Path, tmp_path: Path, capsys
) -> None:
    out = tmp_path / "out"
    shutil.copytree(recovered, out)
    recover_library([library], out, cif=True, resume=True)
    assert "out: finished before, nothing to resume" in capsys.readouterr().out
    assert_same_files(out, recovered)
    with pytest.raises(InputError, match="out: has the crystals of other folders or another --cif"):
        recover_library([bare_library], out, cif=True, resume=True)
    with pytest.raises(InputError, match="no run of crystalgrid-recover that was stopped, nothing to resume"):
        recover_library([library], tmp_path / "nothing", resume=True)


def test_a_killed_run_goes_on_and_writes_the_same_bytes(library: Path, recovered: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = subprocess.run([sys.executable, "-c", KILLED, str(library), str(out)], capture_output=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert sorted(path.name for path in (out / "parts").iterdir()) == [
        "0000000.csv", "0000000.parquet", "0000001.csv", "0000001.parquet", "0000002.parquet", "library.sha256",
    ]  # fmt: skip
    recover_library([library], out, cif=True, workers=1, resume=True)
    assert_same_files(out, recovered)


def assert_same_files(folder: Path, expected: Path) -> None:
    """Check that two folders have the same crystals, table and CIF files, and as many others."""
    names = sorted(path.relative_to(expected) for path in expected.rglob("*"))
    assert sorted(path.relative_to(folder) for path in folder.rglob("*")) == names
    for name in names:
        if (folder / name).is_file():
            assert (folder / name).read_bytes() == (expected / name).read_bytes(), name


def stops_after(count: int):
    """Return `recover`, interrupted after so many calls."""
    calls = []

    def stopping(*arguments):
        if len(calls) == count:
            raise KeyboardInterrupt
        calls.append(arguments)
        return recover(*arguments)

    return stopping


def test_recovering_in_the_callers_process_leaves_its_threads_alone(bare_library: Path, tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        recover_library([bare_library], tmp_path / "out", workers=1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def result(index: int) -> RecoveredStructure:
    """Return a result without a lattice for even numbers, a crystal for odd ones."""
    if index % 2 == 0:
        return RecoveredStructure(None, None)
    return RecoveredStructure(PEROVSKITE, row_of(index, Recovered(PEROVSKITE, 1.0, None)))


@pytest.mark.parametrize(("structures", "seconds", "n_parts"), [(4, 1e9, 3), (4096, 0.0, 10), (4096, 1e9, 1)])
def test_parts_are_of_a_size_or_a_time_and_together_the_library(
    tmp_path: Path, monkeypatch, structures: int, seconds: float, n_parts: int
) -> None:
    monkeypatch.setattr(library_parts, "STRUCTURES", structures)
    monkeypatch.setattr(library_parts, "SECONDS", seconds)
    parts = LibraryParts(tmp_path)
    parts.write(result(index) for index in range(10))
    assert len(parts.tables()) == n_parts
    assert [row[0] if row else None for row in parts.rows()] == [str(i) if i % 2 else None for i in range(10)]
    assert parts.crystals().ids.tolist() == ["1", "3", "5", "7", "9"]


def test_crystals_with_atoms_in_one_place_are_kept_in_parts(tmp_path: Path) -> None:
    crystal = Crystal(5 * np.eye(3), [[0, 0, 0], [0, 0, 0.05]], [3, 54])
    LibraryParts(tmp_path).write([RecoveredStructure(crystal, result(1).row)])
    assert len(LibraryParts(tmp_path).crystals()) == 1


def test_several_folders_are_one_library(library: Path, bare_library: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "samples.xyz").touch()  # a shard whose structures were all filtered out
    recover_library([bare_library, tmp_path / "empty", library], tmp_path / "out", workers=1)
    rows = rows_of(tmp_path / "out")
    assert [row["structure"] for row in rows] == ["3", "4", "3", "5", "6", "8", "9", "11"]
    assert [row["error"] == "" for row in rows] == 2 * [True] + 6 * [False]
    assert not (tmp_path / "out" / "cif").exists()
    with pytest.raises(InputError, match="empty: no structure in it"):
        recover_library([tmp_path / "empty"], tmp_path / "none")


def test_a_table_says_which_crystals_are_known(bare_library: Path, tmp_path: Path, capsys) -> None:
    turned = PEROVSKITE.frac_coords[:, [2, 0, 1]]
    in_a_row = np.concatenate([turned + np.array([i, 0, 0]) for i in range(3)]) / [3, 1, 1]  # in a cell of 11.7 Å
    known_crystal = Crystal(PEROVSKITE.lattice * [[3], [1], [1]], in_a_row, np.tile(PEROVSKITE.numbers, 3))
    known_crystal.to_pymatgen().to(filename=str(tmp_path / "known.cif"))
    recover_library([bare_library], tmp_path / "out", known=str(tmp_path / "known.cif"), workers=1)
    assert [row["known_as"] for row in rows_of(tmp_path / "out")] == ["known", ""]
    output = capsys.readouterr()
    assert "; 2 different ones, 1 of them known\n" in output.out
    line = "warning: 1 of 2 different ones share a reduced formula with known crystals: 1 of these are known, and none"
    assert f"{line} of the other 1\n" in output.err
    assert "warning: 1 of 2 crystals has elements that no known crystal has (Zn); leave it out, or train" in output.err
    with pytest.raises(InputError, match="absent: no such file or folder"):
        recover_library([bare_library], tmp_path / "none", known="absent")
    assert not (tmp_path / "none").exists()


def test_bad_libraries_end_in_one_clear_line(library: Path, bare_library: Path, tmp_path: Path) -> None:
    atoms, density = found_in([PEROVSKITE])
    single = write_library(tmp_path / "single", atoms, None, mode="single")
    torn = write_library(tmp_path / "torn", atoms, density)
    (torn / "samples.xyz").write_text((torn / "samples.xyz").read_text()[:-40])
    other = write_library(tmp_path / "other", atoms, None)
    write_density(other, density, np.arange(1))
    empty_cube = find_atoms(torch.zeros(1, 30, 30, 30, dtype=torch.uint8))
    empty = write_library(tmp_path / "empty", empty_cube, None)
    for folders, message in (
        ((), "folders: wanted folders that crystalgrid-sample wrote, got none"),
        ((tmp_path / "absent",), "absent/samples.xyz: no such file; wanted a folder"),
        ((single,), "single: single mode, wanted repeated"),
        ((torn,), "torn/samples.xyz: not what crystalgrid-sample writes, or damaged"),
        ((other,), "its densities are not those of the structures"),
        ((empty,), "no lattice in any of 1 structures, of which 1 have no atoms; train longer, or start from a"),
    ):
        with pytest.raises(InputError, match=message):
            recover_library(folders, tmp_path / f"out{len(message)}", workers=1)
    with pytest.raises(InputError, match="--cif: folders hold structures of the same index"):
        recover_library([bare_library, bare_library], tmp_path / "twice", cif=True)
    with pytest.raises(InputError, match="not empty"):
        recover_library([bare_library], library)
    with pytest.raises(InputError, match="--workers: wanted at least 1"):
        recover_library([bare_library], tmp_path / "none", workers=0)
