"""Relaxation of crystals: figures, reasons, resuming and refusals; Lennard-Jones stands in for slow potentials."""

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from ase.io import write

import crystalgrid as cg
from crystalgrid.crystal import Crystal
from crystalgrid.data.parquet import metadata_of, read_parquet
from crystalgrid.errors import InputError
from crystalgrid.worth.checked_folder import check_folder
from crystalgrid.worth.doubts import doubts
from crystalgrid.worth.hull import AboveHull
from crystalgrid.worth.hull_build import build_hull
from crystalgrid.worth.relaxed_folder import Choice, relax_folder
from crystalgrid.worth.relaxing import RelaxOptions, rms_moved

FCC = np.ones((3, 3)) - np.eye(3)
ARGON = Crystal(2.7 * FCC, [[0, 0, 0]], [18])
LJ = RelaxOptions(calculator="lennard_jones:calculator", fmax=1e-3)
SALT = Crystal(2.8 * FCC, [[0, 0, 0], [0.5, 0.5, 0.5]], [11, 17])


@pytest.fixture
def hull(tmp_path: Path) -> Path:
    """Return a file of a hull: argon and xenon by themselves, each of -0.08 eV/atom."""
    entries = [{"composition": {"Ar": 4}, "energy": -0.32}, {"composition": {"Xe": 1}, "energy": -0.08}]
    (tmp_path / "entries.json").write_text(json.dumps(entries))
    build_hull(tmp_path / "entries.json", tmp_path / "hull.parquet", None, None, "", 1)
    return tmp_path / "hull.parquet"


def test_a_crystal_goes_to_the_minimum_and_keeps_its_symmetry(hull: Path) -> None:
    (row,) = cg.relax([ARGON.to_ase()], LJ.calculator, hull, fmax=1e-4)
    assert row.converged
    assert row.largest_force < 1e-4
    assert -0.09 < row.energy_per_atom < -0.07
    assert row.energy_above_hull == pytest.approx(row.energy_per_atom + 0.08)
    assert (row.decomposition, row.space_group_after, row.same_after) == ("Ar", "Fm-3m", True)
    assert row.volume_change == pytest.approx(row.crystal.volume / ARGON.volume - 1)
    assert row.doubtful == "a single element"
    assert row.rms_moved == pytest.approx(0, abs=1e-9)


def test_symmetry_is_kept_unless_it_is_let_go() -> None:
    """A simple cubic crystal is not stable: what it lacks in symmetry grows, unless it is taken for nothing."""
    nearly_cubic = Crystal(3.6 * np.eye(3) + 0.004 * np.eye(3)[[1, 2, 0]], [[0, 0, 0]], [18])
    kept, free = (
        cg.relax([nearly_cubic], LJ.calculator, fmax=1e-5, symmetry=symmetry)[0] for symmetry in (True, False)
    )
    assert kept.space_group_after == "Pm-3m"
    assert free.space_group_after != "Pm-3m"
    assert free.energy_per_atom < kept.energy_per_atom - 0.005


def test_what_cannot_be_relaxed_has_its_reason() -> None:
    neon, krypton = (Crystal(ARGON.lattice, ARGON.frac_coords, [z]) for z in (10, 36))
    squeezed = Crystal(1.2 * FCC, [[0, 0, 0]], [18])
    rows = cg.relax([neon, krypton, ARGON], "lennard_jones:failing", steps=3, fmax=1e-6)
    too_dense = Crystal(0.9 * FCC, [[0, 0, 0]], [18])
    rows += cg.relax([squeezed, too_dense], LJ.calculator)
    assert rows[0].relax_error == "the potential gives nan"
    assert rows[1].relax_error == "lennard_jones:failing failed: RuntimeError: no parameters"
    assert (rows[2].relax_error, rows[2].converged, rows[2].steps) == ("", False, 3)
    assert rows[3].relax_error.startswith("fell apart to 4")
    assert rows[4].relax_error == "too dense to relax: 1.5 Å³ per atom, wanted at least 2"
    assert (rows[3].energy_per_atom, rows[3].crystal.volume) == (None, squeezed.volume)


def test_a_crystal_that_kills_its_process_is_a_row() -> None:
    helium = Crystal(ARGON.lattice, ARGON.frac_coords, [2])
    rows = cg.relax([ARGON, helium, ARGON], "lennard_jones:failing", steps=1, workers=2)
    assert [row.relax_error[:29] for row in rows] == ["", "the process that relaxed it d", ""]


@pytest.fixture
def checked(tmp_path: Path) -> Path:
    """Return a checked folder: two crystals of argon that are new, one that is known, one invalid, one unreadable."""
    (tmp_path / "draws").mkdir()
    mixed = np.diag([5.4, 5.4, 5.4]), [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    crystals = {
        "a": Crystal(*mixed, [18, 18, 18, 54]),
        "b": Crystal(*mixed, [18, 54, 54, 54]),
        "c": SALT,
        "d": Crystal(np.diag([20.0, 4.0, 4.0]), [[0, 0, 0], [0.03, 0, 0]], [18, 54]),
    }
    for name, crystal in crystals.items():
        crystal.write(tmp_path / "draws" / f"{name}.cif")
    (tmp_path / "draws" / "e.cif").write_text("data_nothing\n")
    SALT.write(tmp_path / "known.cif")
    check_folder([tmp_path / "draws"], tmp_path / "checked", tmp_path / "known.cif", None, 1)
    return tmp_path / "checked"


def test_a_folder_gets_all_crystals_the_best_first(checked: Path, hull: Path, capsys) -> None:
    out = checked.with_name("relaxed")
    relax_folder(checked, out, LJ, Choice(trajectories=True), hull, None, 1)
    rows = {row["id"]: row for row in csv.DictReader((out / "crystals.csv").open())}
    assert set(rows) == {"a", "b", "c", "d", "e"}
    assert {rows["a"]["rank"], rows["b"]["rank"]} == {"1", "2"}
    assert rows["c"]["relax_error"] == "left out: known as known"
    assert rows["d"]["relax_error"] == "left out: not valid"
    assert rows["e"]["reason"] != ""
    assert rows["a"]["decomposition"] == "3 Ar + Xe"
    table = pq.read_table(out / "crystals.parquet")
    assert table["rank"].to_pylist() == [1, 2, 3, 4]
    assert table["energy_per_atom"].null_count == 2
    relaxed = read_parquet(out / "crystals.parquet").crystals
    assert relaxed[0].volume == pytest.approx(float(rows[relaxed.ids[0]]["volume_per_atom"]) * 4, rel=0.3)
    assert len(list((out / "cif").iterdir())) == 4
    assert {path.name for path in (out / "trajectories").iterdir()} == {"a.xyz", "b.xyz"}
    summary = json.loads(metadata_of(out / "crystals.parquet")["crystalgrid"])["summary"]
    assert (summary["n"], summary["valid"], summary["relaxed"], summary["msun"]["n"]) == (5, 3, 2, 5)
    assert summary["msun"]["number"] == summary["relaxed"] - summary["doubtful"]
    printed = capsys.readouterr().out
    assert "M.S.U.N. (≤ 0.1 eV/atom): " in printed
    assert "by StructureMatcher unique and new against known.cif" in printed


def test_a_run_that_was_stopped_goes_on_without_losing_or_doubling(checked: Path, hull: Path) -> None:
    out, again = checked.with_name("relaxed"), checked.with_name("again")
    relax_folder(checked, out, LJ, Choice(), hull, None, 1)
    settings, first, second = (out / "relaxed.jsonl").read_text().splitlines()
    again.mkdir()
    changed = json.dumps({**json.loads(first), "energy_drop": 7.0})  # so that it shows whether the row is made again
    (again / "relaxed.jsonl").write_text(f"{settings}\n{changed}\n{second[:50]}")
    relax_folder(checked, again, LJ, Choice(), hull, None, 1)
    lines = [json.loads(line) for line in (again / "relaxed.jsonl").read_text().splitlines()]
    expected = [json.loads(line) for line in (settings, changed, second)]
    assert [{**line, "seconds": 0} for line in lines] == [{**line, "seconds": 0} for line in expected]
    tables = [pq.read_table(folder / "crystals.parquet") for folder in (out, again)]
    assert tables[1].drop(["energy_drop"]).equals(tables[0].drop(["energy_drop"]))
    assert 7.0 in tables[1]["energy_drop"].to_pylist()
    with pytest.raises(InputError, match=r"other settings \(fmax 0.001, now 0.5\)"):
        relax_folder(checked, again, LJ._replace(fmax=0.5), Choice(), hull, None, 1)


def test_the_first_and_all(checked: Path, hull: Path, capsys) -> None:
    relax_folder(checked, checked.with_name("first"), LJ, Choice(first=1), hull, None, 1)
    assert read_parquet(checked.with_name("first") / "crystals.parquet").crystals.ids.tolist() == ["a"]
    relax_folder(checked, checked.with_name("first"), LJ, Choice(first=2), hull, None, 1)  # goes on with the second
    ids = read_parquet(checked.with_name("first") / "crystals.parquet").crystals.ids.tolist()
    assert sorted(ids) == ["a", "b", "c", "d"]
    relax_folder(checked, checked.with_name("all"), LJ._replace(steps=1), Choice(all=True), hull, None, 1)
    errors = pq.read_table(checked.with_name("all") / "crystals.parquet")["relax_error"].to_pylist()
    assert not any(error.startswith("left out") for error in errors)
    assert "1 of 4 crystals have elements (Na, Cl) that the hull has no reference of" in capsys.readouterr().err


def test_the_best_as_they_stand_can_be_relaxed_alone(checked: Path, hull: Path) -> None:
    """The recipe of docs/relax.md: a cheap energy of all draws, then the best of them relaxed."""
    stand, best = checked.with_name("stand"), checked.with_name("best")
    relax_folder(checked, stand, LJ._replace(steps=0), Choice(), hull, None, 1)
    table = pq.read_table(stand / "crystals.parquet").to_pydict()
    above = table["energy_above_hull"][:2]
    assert above == sorted(above)
    assert table["steps"][:2] == [0, 0]
    relax_folder(stand, best, LJ, Choice(first=1), hull, None, 1)
    relaxed = pq.read_table(best / "crystals.parquet").to_pydict()
    assert relaxed["immutable_id"] == table["immutable_id"][:1]
    assert relaxed["energy_above_hull"][0] < above[0]


def test_a_second_potential_has_a_hull_of_its_own(checked: Path, hull: Path) -> None:
    out = checked.with_name("relaxed")
    options = LJ._replace(second="lennard_jones:failing")
    with pytest.raises(InputError, match="no reference energies of lennard_jones:failing come with the package"):
        relax_folder(checked, out, options, Choice(), hull, None, 1)
    relax_folder(checked, out, options, Choice(), hull, hull, 1)
    table = pq.read_table(out / "crystals.parquet").to_pydict()
    assert table["disagreement"][:2] == pytest.approx([0, 0], abs=1e-9)


def test_without_a_second_energy_a_crystal_is_doubtful(hull: Path, tmp_path: Path) -> None:
    """The worse of two energies counts: one alone must not make a crystal stable."""
    neon = Crystal(ARGON.lattice, ARGON.frac_coords, [10])
    (tmp_path / "neon.json").write_text(json.dumps([{"composition": {"Ne": 1}, "energy": -0.08}]))
    build_hull(tmp_path / "neon.json", tmp_path / "neon.parquet", None, None, "", 1)
    second = {"second": "lennard_jones:failing", "second_hull": tmp_path / "neon.parquet"}
    for crystal, reason in (
        (ARGON, "the second hull has no reference of its elements"),
        (neon, "lennard_jones:failing: the potential gives nan"),
    ):
        (row,) = cg.relax([crystal], LJ.calculator, hull if crystal is ARGON else tmp_path / "neon.parquet", **second)
        assert (row.relax_error, row.energy_above_hull_second) == ("", None)
        assert row.energy_above_hull is not None
        assert row.doubtful.endswith(reason)


def test_without_a_hull_nothing_is_counted_as_stable_or_not(checked: Path, capsys) -> None:
    relax_folder(checked, checked.with_name("relaxed"), LJ, Choice(), None, None, 1)
    relax_folder(checked, checked.with_name("relaxed"), LJ, Choice(), None, None, 1)
    printed = capsys.readouterr()
    assert "S.U.N. and M.S.U.N. are not counted: no energy above the hull" in printed.out
    assert "%" not in printed.out
    assert "relaxing: 2 done earlier, 0 to do" in printed.err
    summary = json.loads(metadata_of(checked.with_name("relaxed") / "crystals.parquet")["crystalgrid"])["summary"]
    assert not {"sun", "msun"} & set(summary)


def test_the_summary_says_why_crystals_could_not_be_relaxed(tmp_path: Path, hull: Path, capsys) -> None:
    mixed = np.diag([5.4, 5.4, 5.4]), [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    (tmp_path / "draws").mkdir()
    for name, z in {"argon": 18, "neon": 10, "krypton": 36}.items():
        Crystal(*mixed, [z, z, z, 54]).write(tmp_path / "draws" / f"{name}.cif")
    options = LJ._replace(calculator="lennard_jones:failing", steps=1)
    relax_folder(tmp_path / "draws", tmp_path / "out", options, Choice(), hull, None, 1)
    printed = capsys.readouterr().out
    failed = "lennard_jones:failing failed: RuntimeError: no parameters (1)"
    assert f"2 could not be relaxed: {failed}; the potential gives nan (1)\n" in printed


def test_bad_options_are_one_line_and_leave_nothing(tmp_path: Path) -> None:
    SALT.write(tmp_path / "salt.cif")
    out = tmp_path / "out"
    for options, message in (
        (LJ._replace(calculator="mace"), "wanted chgnet, 7net-0, 7net-l3i5 or MODULE:FUNCTION"),
        (LJ._replace(calculator="nothing:f"), "cannot be made: ModuleNotFoundError"),
        (LJ._replace(calculator="builtins:dict"), "wanted an ASE calculator, got dict"),
        (LJ._replace(fmax=0), "fmax: wanted a positive number"),
        (LJ._replace(calculator=""), "wanted chgnet, 7net-0, 7net-l3i5 or MODULE:FUNCTION"),
        (LJ._replace(fmax="a"), "fmax: wanted a positive number"),
        (LJ._replace(steps=-1), "steps: wanted a whole number, 0 or more"),
        (LJ._replace(steps=1.5), "steps: wanted a whole number, 0 or more"),
        (LJ._replace(calculator=object()), "wanted chgnet, 7net-0, 7net-l3i5 or MODULE:FUNCTION"),
        (LJ._replace(optimizer="adam"), "optimizer: wanted one of bfgs, lbfgs, fire"),
    ):
        with pytest.raises(InputError, match=message):
            relax_folder(tmp_path / "salt.cif", out, options, Choice(), None, None, 1)
    with pytest.raises(InputError, match=r"no.parquet: no such file"):
        relax_folder(tmp_path / "salt.cif", out, LJ, Choice(), tmp_path / "no.parquet", None, 1)
    (tmp_path / "broken.cif").write_text("data_nothing\n")
    with pytest.raises(InputError, match="no atoms"):
        relax_folder(tmp_path / "broken.cif", out, LJ, Choice(), None, None, 1)
    assert not out.exists()
    out.mkdir()
    (out / "relaxed.jsonl").write_text("{}\nno\n")
    with pytest.raises(InputError, match="damaged, or not a journal"):
        relax_folder(tmp_path / "salt.cif", out, LJ, Choice(), None, None, 1)
    (out / "relaxed.jsonl").rename(out / "other")
    with pytest.raises(InputError, match="exists and is not empty"):
        relax_folder(tmp_path / "salt.cif", out, LJ, Choice(), None, None, 1)


def test_drift_and_strain_are_no_displacement() -> None:
    strained = Crystal(1.1 * SALT.lattice, SALT.frac_coords + 0.3, SALT.numbers)
    assert rms_moved(SALT, strained) == pytest.approx(0, abs=1e-12)
    moved = Crystal(4 * np.eye(3), [[0, 0, 0], [0.5, 0.5, 0.6]], [1, 2])
    assert rms_moved(Crystal(4 * np.eye(3), SALT.frac_coords, [1, 2]), moved) == pytest.approx(0.2)


def test_likeliest_structures_of_a_formula_are_ranked_by_energy(tmp_path: Path) -> None:
    """The recipe of docs/relax.md for structure prediction; an id is the place by likelihood."""
    pytest.importorskip("chgnet")
    likeliest = cg.generate(200, model="mp10a", formula="SrTiO3", z=1, best=6, seed=0)
    (tmp_path / "likeliest").mkdir()
    write(tmp_path / "likeliest" / "crystals.xyz", [crystal.to_ase() for crystal in likeliest], format="extxyz")
    relax_folder(tmp_path / "likeliest", tmp_path / "ranked", RelaxOptions(steps=1), Choice(), None, None, 1)
    table = pq.read_table(tmp_path / "ranked" / "crystals.parquet").to_pydict()
    relaxed = [e for e, doubt in zip(table["energy_per_atom"], table["doubtful"], strict=True) if e and not doubt]
    assert len(relaxed) > 1
    assert relaxed == sorted(relaxed)
    assert {id.partition(":")[2] for id in table["immutable_id"]} == {str(i) for i in range(len(likeliest))}


@pytest.mark.parametrize(
    ("compounds", "expected"),
    [(0, ["no known compound of its 2 elements"]), (1, ["only 1 known compound of its 2 elements"]), (2, [])],
)
def test_few_known_compounds_are_a_doubt(compounds: int, expected: list[str]) -> None:
    assert list(doubts(SALT, 0.0, AboveHull(0.0, {}, compounds))) == expected
