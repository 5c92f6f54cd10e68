"""The page of crystals: what it holds, in which order, what it says first, and what is refused."""

import json
import re
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from crystalgrid.artifacts.metadata import FORMAT
from crystalgrid.commands.report import report
from crystalgrid.crystal import Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.parquet import table_of, write_table
from crystalgrid.errors import InputError
from crystalgrid.report.page import content as content_module
from crystalgrid.report.page import source as source_module
from crystalgrid.report.page.as_shown import as_shown
from crystalgrid.report.page.drawing import drawing
from crystalgrid.report.page.phases import lower_hull, phase_diagrams
from crystalgrid.report.page.source import best_first
from crystalgrid.worth.checked_folder import check_folder
from crystalgrid.worth.steps import STEPS, read_steps, sampling, write_steps
from reported_crystals import CAESIUM_CHLORIDE, SALT, write_relaxed
from zoo import PEROVSKITE, ZOO

NA, CL = 11, 17


def data_of(page: Path) -> dict:
    """Return what the scripts of a page show."""
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page.read_text("utf-8"))
    return json.loads(text)


def written(source: Path, out: Path, against: Path | None = None) -> str:
    """Write a report in this process and return its text."""
    report(source, out, against, workers=1)
    return out.read_text("utf-8")


def test_the_best_crystal_comes_first_with_all_that_is_known_of_it(tmp_path: Path) -> None:
    write_relaxed(tmp_path / "relaxed")
    text = written(tmp_path / "relaxed", tmp_path / "report.html")
    data = data_of(tmp_path / "report.html")
    columns = {name: column["values"] for name, column in data["columns"].items()}
    assert columns["id"] == ["perovskite", "oxide", "caesium", "salt", "unbalanced"]
    assert columns["energy_above_hull"] == [0.0, 0.3, None, 0.05, -0.5]
    assert columns["new"] == ["new", "new", "new", "", "new"]
    assert data["table"][:4] == ["id", "formula", "energy_above_hull", "space_group"]
    assert all(column["meaning"].endswith(".") for column in data["columns"].values())
    assert [cif.count("_atom_site_Wyckoff_symbol") for cif in data["cifs"]] == 5 * [1]
    assert "5 crystals: 4 valid, 4 new, 2 at most 0.1 eV/atom above the hull without a doubt." in text
    for notice in ("1 of 5 crystals have no energy", "Only 5 crystals", "Energies that are doubtful: 1"):
        assert notice in text
    assert "No energies: nothing" not in text
    assert not re.search(r"""(?:src|href)=|url\(|@import|https?://(?!www\.w3\.org/2000/svg)""", text)


def test_crystals_without_verdicts_are_checked_and_compared(tmp_path: Path) -> None:
    (tmp_path / "cifs").mkdir()
    for name, crystal in {"a": PEROVSKITE, "b": SALT, "c": SALT, "e": PEROVSKITE}.items():
        crystal.write(tmp_path / "cifs" / f"{name}.cif")
    (tmp_path / "cifs" / "d.cif").write_text("data_nothing\n")
    SALT.write(tmp_path / "known.cif")
    text = written(tmp_path / "cifs", tmp_path / "alone.html")
    assert "No energies: nothing on this page says which crystals would last." in text
    assert "Nothing says which crystals are new." in text
    assert "Files or crystals that could not be read: 1." in text
    assert data_of(tmp_path / "alone.html")["known"] is None
    text = written(tmp_path / "cifs", tmp_path / "compared.html", tmp_path / "known.cif")
    data = data_of(tmp_path / "compared.html")
    assert data["columns"]["id"]["values"] == ["a", "b", "e", "c"]
    assert data["columns"]["new"]["values"] == ["new", "", "", ""]
    assert data["columns"]["same_as"]["values"] == ["", "", "a", "b"]
    assert data["known"]["elements"] == {"Na": 1, "Cl": 1}
    assert data["known"]["space_groups"] == {"Fm-3m": 1}
    assert "Nothing says which crystals are new." not in text


def test_columns_of_others_are_shown_by_their_names(tmp_path: Path) -> None:
    crystals = CrystalSet.from_crystals([PEROVSKITE, SALT])
    columns = {
        "e_above_hull": pa.array([0.2, 0.1]),
        "band_gap": pa.array([1.5, np.nan]),
        "nothing": pa.array([None, None]),
    }
    write_table(tmp_path / "mp.parquet", table_of(crystals, columns))
    written(tmp_path / "mp.parquet", tmp_path / "report.html")
    data = data_of(tmp_path / "report.html")
    assert data["columns"]["energy_above_hull"]["values"] == [0.1, 0.2]
    assert data["columns"]["band_gap"]["values"] == [None, 1.5]
    assert "nothing" not in data["columns"]


def test_columns_of_another_kind_do_no_harm(tmp_path: Path) -> None:
    values = {
        "space_group": [221, 225], "formula": [None, "x"], "energy_above_hull": ["low", "high"],
        "cif": [999 * "x", ""], "lemat_valid": ["yes", "no"], "is_ordered": [True, None],
    }  # fmt: skip
    columns = {name: pa.array(column) for name, column in values.items()}
    write_table(tmp_path / "other.parquet", table_of(CrystalSet.from_crystals([PEROVSKITE, SALT]), columns))
    written(tmp_path / "other.parquet", tmp_path / "report.html")
    shown = {name: column["values"] for name, column in data_of(tmp_path / "report.html")["columns"].items()}
    assert shown["formula"] == ["SrTiO3", "NaCl"]
    assert shown["space_group"] == ["Pm-3m", "Fm-3m"]
    assert shown["lemat_valid"] == [True, True]
    assert shown["is_ordered"] == [True, None]
    assert not {"energy_above_hull", "cif"} & shown.keys()


def test_a_page_holds_the_best_of_many(tmp_path: Path, monkeypatch) -> None:
    write_relaxed(tmp_path / "relaxed")
    monkeypatch.setattr(source_module, "MOST_CRYSTALS", 2)
    text = written(tmp_path / "relaxed", tmp_path / "two.html")
    assert data_of(tmp_path / "two.html")["columns"]["id"]["values"] == ["perovskite", "oxide"]
    assert "relaxed has 5 crystals: this page shows the best 2, and counts these alone." in text
    monkeypatch.setattr(content_module, "MOST_BYTES", 10)
    written(tmp_path / "relaxed", tmp_path / "one.html")
    assert data_of(tmp_path / "one.html")["columns"]["id"]["values"] == ["perovskite"]


def test_a_page_that_is_replaced_is_told_of(tmp_path: Path, capsys) -> None:
    write_relaxed(tmp_path / "relaxed")
    for ending in ("MB\n", "MB, in place of an earlier file\n"):
        written(tmp_path / "relaxed", tmp_path / "report.html")
        assert capsys.readouterr().out.endswith(ending)


def test_a_name_cannot_end_the_data_of_a_page(tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script>"
    write_table(tmp_path / "evil.parquet", table_of(CrystalSet.from_crystals([SALT], [evil])))
    text = written(tmp_path / "evil.parquet", tmp_path / "report.html")
    assert data_of(tmp_path / "report.html")["columns"]["id"]["values"] == [evil]
    assert "alert(1)</script>" not in text


def test_the_order_is_the_rank_or_else_what_a_chemist_would_choose() -> None:
    columns = {"lemat_valid": [False, True, True, True, True], "known_as": ["", "mp-1", "", "", ""],
               "energy_above_hull": [-1.0, 0.0, 0.2, None, 0.1], "doubtful": ["", "", "", "", "collapsed"]}  # fmt: skip
    assert best_first(columns, 5) == [2, 3, 4, 1, 0]
    assert best_first({**columns, "rank": [2, 1, None, float("nan"), 3]}, 5)[:3] == [1, 0, 4]
    assert best_first({}, 3) == [0, 1, 2]


@pytest.mark.parametrize("name", ZOO)
def test_drawings_are_numbers_of_the_same_scene(name: str) -> None:
    drawn = drawing(ZOO[name])
    assert len(drawn["atoms"]) == 3 * len(drawn["numbers"])
    assert max(drawn["bonds"], default=0) < len(drawn["numbers"])
    lattice = np.array(drawn["lattice"]).reshape(3, 3) / 100
    assert np.linalg.norm(lattice, axis=1) == pytest.approx(drawn["cell"][:3], abs=0.02)
    corners = np.array(drawn["origin"]) / 100 + lattice.sum(axis=0) * np.array([[0.0], [1.0]])
    atoms = np.array(drawn["atoms"]).reshape(-1, 3) / 100
    assert np.linalg.norm(atoms, axis=1).max() < 3 * max(np.linalg.norm(corners, axis=1).max(), 3.0)


def random_phases(n_elements: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return counts of atoms [F, n_elements] and formation energies [F], those of the elements first."""
    rng = np.random.default_rng(seed)
    counts = np.unique(rng.integers(0, 5, (40, n_elements)), axis=0)
    counts = counts[np.gcd.reduce(counts, axis=1) == 1]
    counts = np.concatenate([np.eye(n_elements, dtype=int), counts[(counts > 0).sum(axis=1) > 1]])
    energies = rng.normal(-0.3, 0.4, len(counts))
    energies[:n_elements] = 0
    return counts, energies


@pytest.mark.parametrize("n_elements", [2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_the_hull_is_that_of_pymatgen(n_elements: int, seed: int) -> None:
    from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
    from pymatgen.core import Composition

    counts, energies = random_phases(n_elements, seed)
    entries = [
        PDEntry(Composition(dict(zip("Li Mn O".split(), row, strict=False))), energy * sum(row), name=str(i))
        for i, (row, energy) in enumerate(zip(counts.tolist(), energies, strict=True))
    ]
    diagram = PhaseDiagram(entries)
    ties = lower_hull(counts / counts.sum(axis=1, keepdims=True), energies)
    assert {i for tie in ties for i in tie} == {int(entry.name) for entry in diagram.stable_entries}
    facets = [[diagram.qhull_entries[i] for i in facet] for facet in diagram.facets]
    assert {tuple(tie) for tie in ties} == {
        tuple(sorted((int(a.name), int(b.name)))) for facet in facets for a in facet for b in facet if a.name != b.name
    }


def test_phase_diagrams_have_formation_energies_and_shares() -> None:
    counts = np.zeros((3, 95), dtype=int)
    counts[0, NA] = counts[1, CL] = counts[2, NA] = counts[2, CL] = 1
    hull = SimpleNamespace(counts=counts, energies=np.array([-1.0, -2.0, -3.5]))
    crystals = CrystalSet.from_crystals([SALT, PEROVSKITE, CAESIUM_CHLORIDE, Crystal(4 * np.eye(3), [[0, 0, 0]], [NA])])
    diagrams = phase_diagrams(crystals, np.array([True, False, True, True]), hull)
    assert list(diagrams) == ["Na-Cl", "Cs-Cl"]
    salt = diagrams["Na-Cl"]
    assert (salt["elements"], salt["crystals"], salt["references"]) == (["Na", "Cl"], [[0, 0.5, 0.5]], [-1.0, -2.0])
    assert [(phase["formula"], phase["energy"]) for phase in salt["phases"]] == [
        ("Na", 0.0),
        ("Cl2", 0.0),
        ("NaCl", -2.0),
    ]
    assert salt["ties"] == [[0, 2], [1, 2]]
    assert diagrams["Cs-Cl"]["phases"] == diagrams["Cs-Cl"]["references"] == []


def test_the_steps_of_a_folder_are_passed_on_and_shown(tmp_path: Path) -> None:
    draws = tmp_path / "draws"
    draws.mkdir()
    for name in "ab":
        SALT.write(draws / f"{name}.cif")
    settings = {"seed": 7, "number": 2, "conditions": {"elements": "Na,Cl"}, "model": "c0ffee", "min_atoms": None,
                "versions": {"torch": "2.13.0"}}  # fmt: skip
    (draws / "manifest.json").write_text(json.dumps({"settings": settings}))
    check_folder([draws], tmp_path / "checked", draws / "a.cif", None, 1)
    first, second = read_steps(tmp_path / "checked")
    assert first["command"] == "crystalgrid sample MODEL --number=2 --seed=7 --elements=Na,Cl"
    assert second["command"] == f"crystalgrid check {draws} -o {tmp_path}/checked --against {draws}/a.cif"
    assert second["versions"].keys() >= {"crystalgrid", "moyopy"}
    text = written(tmp_path / "checked", tmp_path / "report.html")
    assert first["command"] in text
    assert "<dd>c0ffee</dd>" in text
    assert "Nothing says which crystals are new" not in text
    (tmp_path / "checked" / STEPS).write_text("{")
    assert read_steps(tmp_path / "checked") == []
    assert "Nothing tells" in written(tmp_path / "checked", tmp_path / "again.html")


def test_a_model_bears_the_name_of_its_cached_export(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache = tmp_path / "crystalgrid"
    cache.mkdir()
    (cache / "a-file-of-another-program.pt").write_text("no archive")
    for name, identity in (("other", "beef"), ("my-run", "c0ffee")):
        with zipfile.ZipFile(cache / f"{name}-0123456789ab.pt", "w") as archive:
            archive.writestr("archive/extra/crystalgrid.json", json.dumps({"format": FORMAT, "identity": identity}))
    assert sampling({"seed": 0, "number": 3, "model": "c0ffee"}) == "crystalgrid sample my-run --number=3 --seed=0"
    assert sampling({"seed": 0, "number": 3, "model": "cafe"}) == "crystalgrid sample MODEL --number=3 --seed=0"


def test_what_relaxing_changes_is_of_the_relaxed_crystal() -> None:
    crystals = CrystalSet.from_crystals([PEROVSKITE, SALT])
    before = {"space_group": ["P1", "Fm-3m"], "space_group_number": [1, 225], "volume_per_atom": [1.0, 2.0]}
    assert as_shown(before, crystals)["space_group"] == ["P1", "Fm-3m"]
    shown = as_shown({**before, "space_group_after": ["Pm-3m", ""]}, crystals)
    assert (shown["space_group"], shown["space_group_number"]) == (["Pm-3m", "Fm-3m"], [221, 225])
    assert shown["space_group_before"] == ["P1", "Fm-3m"]
    assert shown["volume_per_atom"] == pytest.approx([3.9**3 / 5, 2.8**3])
    assert "space_group_after" not in shown


def test_the_hull_is_the_one_that_relaxing_took(tmp_path: Path) -> None:
    write_relaxed(tmp_path / "relaxed")
    written(tmp_path / "relaxed", tmp_path / "without.html")
    assert [d["phases"] for d in data_of(tmp_path / "without.html")["phases"].values()] == [[], [], []]
    write_steps(tmp_path / "relaxed", [], ["relax"], {"hull": "chgnet"})
    written(tmp_path / "relaxed", tmp_path / "with.html")
    phases = data_of(tmp_path / "with.html")["phases"]["Zn-O"]["phases"]
    assert {"Zn", "O2", "ZnO"} <= {phase["formula"] for phase in phases}
    report(tmp_path / "relaxed", tmp_path / "named.html", hull="chgnet", workers=1)
    assert data_of(tmp_path / "named.html")["phases"]["Zn-O"]["phases"] == phases
    no_energy = table_of(CrystalSet.from_crystals([ZOO["hexagonal"]]), {"energy_above_hull": pa.array([0.1])})
    write_table(tmp_path / "other.parquet", no_energy)
    report(tmp_path / "other.parquet", tmp_path / "other.html", hull="chgnet", workers=1)
    assert data_of(tmp_path / "other.html")["phases"]["Zn-O"]["phases"] == []
    write_steps(tmp_path / "relaxed", [], ["relax"], {"hull": "gone.parquet"})
    written(tmp_path / "relaxed", tmp_path / "gone.html")
    assert data_of(tmp_path / "gone.html")["phases"]["Zn-O"]["phases"] == []


def test_what_cannot_be_reported_is_refused_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.cif").write_text("data_nothing\n")
    SALT.write(tmp_path / "salt.cif")
    for source, out, message in (
        ("empty", "report.html", "wanted a folder with files"),
        ("absent", "report.html", "no such file or folder"),
        ("broken.cif", "report.html", "cannot be read: no atoms"),
        ("salt.cif", "report.pdf", r"report\.pdf: wanted a name that ends in one of \.html, \.htm"),
        ("salt.cif", "x/report.html", "its folder .* does not exist"),
    ):
        with pytest.raises(InputError, match=message):
            report(tmp_path / source, tmp_path / out)
    with pytest.raises(InputError, match="hull gone: no such file"):
        report(tmp_path / "salt.cif", tmp_path / "report.html", hull="gone")
    (tmp_path / "empty" / "relaxed.jsonl").write_text("{}\n")
    with pytest.raises(InputError, match="not all relaxed; the same `crystalgrid relax` again goes on"):
        report(tmp_path / "empty", tmp_path / "report.html")
    with pytest.raises(InputError, match="no crystals that can be read"):
        report(tmp_path / "salt.cif", tmp_path / "report.html", against=tmp_path / "broken.cif")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.cif", "empty", "salt.cif"]
