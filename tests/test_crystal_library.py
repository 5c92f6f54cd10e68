"""Libraries of crystals: what the sampler writes of a generator is read alike by others, however it was made."""

import csv
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path

import ase.io
import gemmi
import numpy as np
import pytest
from pymatgen.core import Composition, Structure

import crystalgrid as cg
import reference
from crystalgrid.artifacts.python_sampler import sample_in_python
from crystalgrid.geometry.space_group import space_group
from fake_generator import TRAINING_IDS, write_fake_generator
from programs import assert_refused, manifest, run

pytestmark = pytest.mark.filterwarnings("ignore")  # of pymatgen, about CIF files in general
LIBRARY = ("-n", 70, "--batch", 8, "--seed", 3, "--max-atoms", 14)
"""Several batches, the last one short; one structure in twelve does not pass the filter."""


@pytest.fixture(scope="module")
def generator(made_once: Callable[..., Path]) -> Path:
    """The artifact of a generator that draws from a few known crystals."""
    return made_once("generator", lambda folder: write_fake_generator(folder / "model.pt")) / "model.pt"


@pytest.fixture(scope="module")
def whole(sampler: Path, generator: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library made in one go."""
    out = tmp_path_factory.mktemp("whole") / "out"
    done = run(sampler, generator, "-o", out, *LIBRARY)
    assert done.returncode == 0, done.stderr
    assert "more were filtered out; manifest.json counts by what" in done.stdout
    assert f"{len({kind(row) for row in rows(out)})} of them different, " in done.stdout
    assert "\nmost repeat an earlier one; --best K writes the K likeliest different ones\n" in done.stdout
    return out


def kind(row: dict[str, str]) -> str:
    """Return what differs between crystals that are different, of this generator."""
    return row["formula"] + row["space_group"] + row["structure"]


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "crystals.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def files(*folders: Path) -> dict[str, bytes]:
    """Return the content of all files but manifests, of parts put together; tables without their first lines."""
    found: dict[str, bytes] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*.*")):
            name, content = str(path.relative_to(folder)), path.read_bytes()
            if name != "manifest.json":
                found[name] = found.get(name, b"") + content[content.index(b"\n") + 1 if name.endswith("csv") else 0 :]
    return found


def killed_often(command: list[object]) -> None:
    """Run a command that is killed several times, and then once more to its end."""
    rng = np.random.default_rng(0)
    for _ in range(8):
        with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            try:
                process.wait(rng.uniform(0.1, 0.5))
            except subprocess.TimeoutExpired:
                process.kill()
    assert run(*command).returncode == 0


def crystals_of(path: Path) -> dict[str, cg.Crystal]:
    """Return the crystal in a CIF file as each library reads it."""
    small = gemmi.read_small_structure(str(path))
    sites = small.get_all_unit_cell_sites()
    lattice = np.array(small.cell.orth.mat.tolist()).T
    return {
        "ase": cg.Crystal.from_ase(ase.io.read(path)),
        "pymatgen": cg.Crystal.from_pymatgen(Structure.from_file(path)),
        "gemmi": cg.Crystal(lattice, [s.fract.tolist() for s in sites], [s.element.atomic_number for s in sites]),
    }


def test_every_cif_is_the_same_crystal_to_all_readers(whole: Path) -> None:
    frames = ase.io.read(whole / "crystals.xyz", ":")
    assert len(frames) == len(rows(whole)) == len(list((whole / "cif").iterdir())) > 50
    for frame, row in zip(frames, rows(whole), strict=True):
        if row["valid"] != "true":
            continue  # readers merge atoms that nearly coincide
        crystals = {"frame": cg.Crystal.from_ase(frame), **crystals_of(whole / "cif" / f"{row['index']}.cif")}
        for reader, crystal in crystals.items():
            assert crystal.formula == row["formula"], reader
            assert tuple(space_group(crystal, 0.01)) == (int(row["space_group_number"]), row["space_group"]), reader
            volume = crystal.volume / len(crystal)
            assert volume == pytest.approx(float(row["volume_per_atom"]), abs=1e-4), reader
        assert (frame.info["index"], frame.info["seed"]) == (int(row["index"]), 3)
        assert frame.pbc.all()


def test_the_table_says_what_pymatgen_says(whole: Path) -> None:
    seen = set()
    for frame, row in zip(ase.io.read(whole / "crystals.xyz", ":"), rows(whole), strict=True):
        structure = cg.Crystal.from_ase(frame).to_pymatgen()
        cif = crystals_of(whole / "cif" / f"{row['index']}.cif")["pymatgen"].to_pymatgen()
        assert row["formula"] == structure.composition.reduced_formula
        assert int(row["atoms"]) == len(structure)
        assert float(row["density"]) == pytest.approx(structure.density, rel=2e-3)
        distance, share = reference.closest_pair(cg.Crystal.from_ase(frame))
        assert float(row["smallest_distance"]) == pytest.approx(distance, abs=1e-4)
        assert float(row["smallest_distance_share"]) == pytest.approx(share, abs=1e-4)
        if row["valid"] == "true":
            cell = [float(row[name]) for name in ("a", "b", "c", "alpha", "beta", "gamma")]
            np.testing.assert_allclose(cell, cif.lattice.parameters, atol=1e-4)
            units = len(cif) / Composition(row["formula"]).num_atoms
            assert float(row["z"]) == units
        else:
            assert row["valid"].startswith("O and O 0.3")
        known = {"NaCl": TRAINING_IDS[0], "SrTiO3": "formula only", "ZnO": "formula only"}
        assert row["known_as"] == known.get(row["formula"], "")
        assert (row["structure"] == "known") == (float(row["log_likelihood"]) > -50)
        assert row["charge_balanced"] == "true"
        seen.add(int(row["space_group_number"]))
    assert seen >= {1, 14, 123, 136, 167, 186, 194, 221, 225}
    assert len({row["valid"] for row in rows(whole)}) > 1


def test_a_cif_names_orbits_and_operations(whole: Path) -> None:
    corundum = next(row["index"] for row in rows(whole) if row["formula"] == "Al2O3")
    block = gemmi.cif.read(str(whole / "cif" / f"{corundum}.cif")).sole_block()
    assert block.find_value("_space_group_name_H-M_alt") == "'R -3 c:H'"
    assert block.find_value("_chemical_formula_sum") == "'Al2 O3'"
    assert block.find_value("_cell_formula_units_Z") == "6"
    operations = {gemmi.Op(gemmi.cif.as_string(text)) for text in block.find_loop("_space_group_symop_operation_xyz")}
    assert operations == set(gemmi.find_spacegroup_by_number(167).operations())
    assert list(block.find_loop("_atom_site_Wyckoff_symbol")) == ["c", "e"]
    assert list(block.find_loop("_atom_site_symmetry_multiplicity")) == ["12", "18"]
    assert set(block.find_loop("_atom_site_occupancy")) == {"1"}


@pytest.mark.parametrize("count", [2, 5])
def test_shards_put_together_are_the_whole(
    sampler: Path, generator: Path, whole: Path, tmp_path: Path, count: int
) -> None:
    for k in range(count):
        assert run(sampler, generator, "-o", tmp_path, *LIBRARY, "--shard", f"{k}/{count}").returncode == 0
    parts = sorted(tmp_path.iterdir())
    assert files(*parts) == files(whole)
    assert sum(manifest(part)["valid"] for part in parts) == manifest(whole)["valid"]


def test_a_library_that_was_killed_often_is_the_same(
    sampler: Path, generator: Path, whole: Path, tmp_path: Path
) -> None:
    killed_often([sampler, generator, "-o", tmp_path / "out", *LIBRARY, "--resume"])
    assert files(tmp_path / "out") == files(whole)


def test_python_writes_the_same_bytes(generator: Path, whole: Path, tmp_path: Path) -> None:
    threads = manifest(whole)["settings"]["threads"]
    sample_in_python(generator, ["-o", str(tmp_path / "out"), *map(str, LIBRARY), "--threads", str(threads)])
    assert files(tmp_path / "out") == files(whole)
    assert manifest(tmp_path / "out") == manifest(whole)


def test_a_missing_cif_is_noticed(sampler: Path, generator: Path, tmp_path: Path) -> None:
    command = (generator, "-o", tmp_path, "-n", 5)
    assert run(sampler, *command).returncode == 0
    (tmp_path / "cif/3.cif").unlink()
    assert_refused(run(sampler, *command, "--resume"), "wanted the 5 files that the manifest counts, got 4")


def test_conditions_hold_and_stand_in_the_manifest(sampler: Path, generator: Path, tmp_path: Path) -> None:
    command = (generator, "-o", tmp_path / "out", "-n", 40, "--space-group", "Pnma,225", "--atoms", "2:10")
    done = run(sampler, *command)
    assert done.returncode == 0, done.stderr
    content = manifest(tmp_path / "out")
    assert content["settings"]["conditions"] == {"space-group": "Pnma,225", "atoms": "2:10"}
    assert 0 < content["removed"]["conditions"] == 40 - content["kept"]
    assert f"{40 - content['kept']} more led to no possible crystal that meets the conditions" in done.stdout
    assert {row["formula"] for row in rows(tmp_path / "out")} == {"NaCl"}
    assert_refused(run(sampler, *command, "--resume", "--n-elements", 2), "the library was made with conditions {")
    assert run(sampler, generator, "-o", tmp_path / "a", "-n", 9, "--formula", "FePLi(O2)2").returncode == 0
    assert {row["formula"] for row in rows(tmp_path / "a")} == {"LiFePO4"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--formula", "NaBr"], "error: no crystal meets the conditions; NaCl comes nearest\n"),
        (["--largest-density", "3"], "draws crystals, not densities"),
        (["--no-prior"], "draws crystals, not densities"),
        (["--precision", "bf16"], "draws crystals, not densities"),
    ],
)
def test_what_it_cannot_draw_is_refused_before_anything_is_written(
    sampler: Path, generator: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    done = run(sampler, generator, "-o", tmp_path / "out", *words)
    assert_refused(done, "")
    assert message in done.stderr
    assert not (tmp_path / "out").exists()
    with pytest.raises(cg.InputError):
        sample_in_python(generator, ["-o", str(tmp_path / "out"), *words])
    assert not (tmp_path / "out").exists()


def test_the_likeliest_different_crystals_are_kept(sampler: Path, generator: Path, whole: Path, tmp_path: Path) -> None:
    command = [generator, "-o", tmp_path / "out", *LIBRARY, "--best", 5]
    done = run(sampler, *command)
    assert done.returncode == 0, done.stderr
    best: dict[str, dict[str, str]] = {}
    for row in sorted(rows(whole), key=lambda row: -float(row["log_likelihood"])):
        best.setdefault(kind(row), row)
    assert rows(tmp_path / "out") == list(best.values())[:5]
    names = {f"{row['index']}.cif" for row in rows(tmp_path / "out")}
    assert {path.name for path in (tmp_path / "out/cif").iterdir()} == names
    frames = ase.io.read(tmp_path / "out/crystals.xyz", ":")
    assert [str(frame.info["index"]) for frame in frames] == [row["index"] for row in rows(tmp_path / "out")]
    counts = manifest(tmp_path / "out")
    assert (counts["kept"], counts["kept"] + sum(counts["removed"].values())) == (5, 70)
    command[2] = tmp_path / "killed"
    killed_often([sampler, *command, "--resume"])
    assert files(tmp_path / "killed") == files(tmp_path / "out")
    assert_refused(run(sampler, *command[:-1], 6, "--resume"), "the library was made with best 5, not 6")
    command[2] = tmp_path / "shards"
    assert_refused(run(sampler, *command[:-1], 71), "--best: wanted at most 70, the number of draws, got 71")
    assert_refused(run(sampler, *command, "--shard", "0/2"), "--best: wanted one process, got one of 2 shards")


def test_the_likeliest_candidates_of_a_formula_are_all_written_whatever_the_seed(
    sampler: Path, generator: Path, tmp_path: Path
) -> None:
    words = ("--formula", "Mg", "--best", 3)
    done = run(sampler, generator, "-o", tmp_path / "out", "-n", 1, *words)
    assert done.returncode == 0, done.stderr
    assert [row["space_group"] for row in rows(tmp_path / "out")] == ["Im-3m", "P6_3/mmc"]
    assert [float(row["log_likelihood"]) for row in rows(tmp_path / "out")] == [0, -1]
    assert "1 more were asked for than candidates that meet the conditions" in done.stdout
    assert run(sampler, generator, "-o", tmp_path / "one", *words[:-1], 1).returncode == 0
    assert rows(tmp_path / "one") == rows(tmp_path / "out")[:1]
    assert run(sampler, generator, "-o", tmp_path / "seed", "-n", 40, "--seed", 5, *words).returncode == 0
    tables = [(tmp_path / name / "crystals.csv").read_bytes() for name in ("out", "seed")]
    assert tables[0] == tables[1]
    sample_in_python(generator, ["-o", str(tmp_path / "python"), "-n", "1", *map(str, words)])
    assert files(tmp_path / "python") == files(tmp_path / "out")


def test_densities_are_those_of_the_crystals(sampler: Path, generator: Path, tmp_path: Path) -> None:
    assert run(sampler, generator, "-o", tmp_path, "-n", 6, "--save-density").returncode == 0
    frames = ase.io.read(tmp_path / "crystals.xyz", ":")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = cg.voxelize(frames).numpy()
    density = np.load(tmp_path / "density.npy")
    np.testing.assert_allclose(density, expected, atol=2e-5 * expected.max())
    assert np.load(tmp_path / "index.npy").tolist() == list(range(6))
