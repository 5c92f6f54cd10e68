"""Reference energies: files of them, those that ship, and energies above their hull."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
from pymatgen.core import Composition

import crystalgrid as cg
import lennard_jones
from crystalgrid.commands.hull import above, build
from crystalgrid.crystal import Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.parquet import table_of, write_table
from crystalgrid.errors import InputError
from crystalgrid.worth.distances import pair_distances
from crystalgrid.worth.element_references import packings
from crystalgrid.worth.hull import decomposition_text
from crystalgrid.worth.hull_build import crystals_hull
from crystalgrid.worth.hull_energies import in_systems
from crystalgrid.worth.references import load_hull

ENTRIES = [
    {"composition": {"Li": 2}, "energy": -3.8, "entry_id": "li"},
    {"composition": {"O": 2.0}, "energy": -9.0, "correction": -1.0},
    {"composition": {"Li": 4, "O": 2}, "energy": -29.0},
    {"composition": {"Li": 1, "O": 1}, "energy": -9.96},
    {"composition": {"Li": 1, "O": 8}, "energy": -30.0},
]


def test_a_hull_of_computed_entries(tmp_path: Path, capsys) -> None:
    """Their corrections are added, and what is far above the hull is not kept."""
    (tmp_path / "entries.json").write_text(json.dumps({"entries": ENTRIES}))
    out = tmp_path / "hull.parquet"
    build(tmp_path / "entries.json", out, description="PBE", workers=1)
    table = pq.read_table(out)
    assert sorted(table["formula"].to_pylist()) == ["Li", "Li2O", "Li2O2", "O2"]
    assert table["immutable_id"].to_pylist()[0] == "li"
    assert table.schema.metadata[b"description"] == b"PBE"
    assert "4 of 5 compositions" in capsys.readouterr().out
    assert cg.energy_above_hull("Li2O", -29 / 6, out) == pytest.approx(0, abs=1e-6)
    entries = [PDEntry(Composition(e["composition"]), e["energy"] + e.get("correction", 0)) for e in ENTRIES]
    expected = PhaseDiagram(entries).get_e_above_hull(entries[4])
    for composition in ("LiO8", {"Li": 2, "O": 16}, Composition("LiO8")):
        assert cg.energy_above_hull(composition, -30 / 9, out) == pytest.approx(expected, abs=1e-6)
    above("Li3O2", -4.5, str(out))
    assert capsys.readouterr().out.endswith("eV/atom above the hull, where Li2O + 0.5 Li2O2 would be stable\n")


def test_elements_that_are_lacking_get_a_packing(tmp_path: Path, capsys) -> None:
    crystal = Crystal(4 * np.eye(3), [[0, 0, 0], [0.5, 0.5, 0.5]], [18, 54])
    energies = {"energy_per_atom": pa.array([-0.07])}
    write_table(tmp_path / "crystals.parquet", table_of(CrystalSet.from_crystals([crystal], ["a"]), energies))
    out = tmp_path / "hull.parquet"
    build(tmp_path / "crystals.parquet", out, workers=1)
    assert "no energy of Ar, Xe by itself" in capsys.readouterr().out
    with pytest.raises(InputError, match="has no energy of Ar, Xe by itself"):
        cg.energy_above_hull("ArXe", -0.07, out)
    build(tmp_path / "crystals.parquet", out, calculator="lennard_jones:calculator", workers=1)
    assert cg.energy_above_hull("Xe", -0.08, out) == pytest.approx(0, abs=0.01)
    ids = pq.read_table(out)["immutable_id"].to_pylist()
    assert [id.split()[0] for id in ids] == ["a", "Ar", "Xe"]


def test_no_packing_stands_for_an_element_of_molecules(tmp_path: Path, capsys) -> None:
    crystal = Crystal(4 * np.eye(3), [[0, 0, 0], [0.5, 0.5, 0.5]], [12, 8])
    energies = {"energy_per_atom": pa.array([-6.0])}
    write_table(tmp_path / "crystals.parquet", table_of(CrystalSet.from_crystals([crystal], ["a"]), energies))
    build(tmp_path / "crystals.parquet", tmp_path / "hull.parquet", calculator="lennard_jones:calculator", workers=1)
    told = capsys.readouterr()
    assert "Mg: no crystal of it in the source" in told.err
    assert "no energy of O by itself" in told.out


def of_argon(tmp_path: Path) -> Path:
    """Write argon in three cells and a mixture, without energies, and return the file."""
    cells = [a * (np.ones((3, 3)) - np.eye(3)) for a in (2.5, 2.7, 2.9)]
    crystals = [Crystal(cell, [[0, 0, 0]], [18]) for cell in cells]
    crystals += [Crystal(4 * np.eye(3), [[0, 0, 0], [0.5, 0.5, 0.5]], [18, z]) for z in (36, 54)]
    source = tmp_path / "crystals.parquet"
    write_table(source, table_of(CrystalSet.from_crystals(crystals, ["small", "right", "large", "ArKr", "ArXe"])))
    return source


def test_a_potential_gives_the_energies_of_crystals_as_they_stand(tmp_path: Path, capsys) -> None:
    """What its journal has is not computed again; a crystal without an energy is told of and left out."""
    source, out = of_argon(tmp_path), tmp_path / "hull.parquet"
    build(source, out, calculator="lennard_jones:failing", kept_by=None, workers=1)
    assert "1 of 5 crystals have no energy: lennard_jones:failing failed" in capsys.readouterr().err
    table = pq.read_table(out).to_pydict()
    assert table["immutable_id"][0] == "right"
    expected = Crystal(2.7 * (np.ones((3, 3)) - np.eye(3)), [[0, 0, 0]], [18]).to_ase()
    expected.calc = lennard_jones.calculator()
    assert table["energy_per_atom"][0] == pytest.approx(expected.get_potential_energy(), abs=1e-6)
    journal = tmp_path / "hull.jsonl"
    lines = journal.read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines[1:]] == ["small", "right", "large", "ArKr", "ArXe"]
    changed = {"id": "right", "energy_per_atom": -9.0}
    journal.write_text("\n".join([lines[0], json.dumps(changed), lines[-1][:20]]))
    build(source, out, calculator="lennard_jones:failing", workers=1)
    assert cg.energy_above_hull("Ar", -9.0, out) == pytest.approx(0)
    with pytest.raises(InputError, match="holds results of other settings"):
        build(source, out, calculator="lennard_jones:calculator", workers=1)


@pytest.mark.parametrize("options", [{}, {"calculator": "lennard_jones:calculator"}])
def test_energies_are_found_by_ids_that_differ(options: dict, tmp_path: Path) -> None:
    crystals = [Crystal(a * np.eye(3), [[0, 0, 0]], [z]) for a, z in ((3, 18), (3.1, 18), (3.2, 36))]
    energies = {"energy_per_atom": pa.array([-1.0, -2.0, -3.0])} if not options else {}
    source = tmp_path / "crystals.parquet"
    write_table(source, table_of(CrystalSet.from_crystals(crystals, ["a", "a", "b"]), energies))
    with pytest.raises(InputError, match="2 crystals have the id 'a', and energies are found by ids"):
        build(source, tmp_path / "hull.parquet", workers=1, **options)


def test_a_table_has_one_energy_of_each_crystal(tmp_path: Path) -> None:
    source = of_argon(tmp_path)
    (tmp_path / "table.csv").write_text("immutable_id,energy_per_atom\nright,-1\nright,-2\n")
    with pytest.raises(InputError, match="2 rows have the id 'right'"):
        build(source, tmp_path / "hull.parquet", energies=tmp_path / "table.csv", workers=1)


def test_a_hull_may_be_of_some_crystals_alone(tmp_path: Path) -> None:
    """Of those that another hull keeps, and in the chemical systems of some crystals."""
    source, first, second = of_argon(tmp_path), tmp_path / "first.parquet", tmp_path / "second.parquet"
    xenon = Crystal(4 * np.eye(3), [[0, 0, 0]], [54])
    write_table(tmp_path / "systems.parquet", table_of(CrystalSet.from_crystals([xenon], ["Xe"])))
    with pytest.raises(InputError, match="none of 5 crystals"):
        build(source, first, calculator="lennard_jones:calculator", systems_of=tmp_path / "systems.parquet", workers=1)
    mixture = Crystal(4 * np.eye(3), [[0, 0, 0], [0.5, 0.5, 0.5]], [18, 54])
    write_table(tmp_path / "systems.parquet", table_of(CrystalSet.from_crystals([mixture], ["ArXe"])))
    build(source, first, calculator="lennard_jones:calculator", systems_of=tmp_path / "systems.parquet", workers=1)
    assert "Kr" not in " ".join(pq.read_table(first)["formula"].to_pylist())
    kept = set(pq.read_table(first)["immutable_id"].to_pylist())
    build(source, second, calculator="lennard_jones:calculator", kept_by=str(first), workers=1)
    ids = [json.loads(line).get("id") for line in second.with_suffix(".jsonl").read_text().splitlines()[1:]]
    assert set(ids) == kept & {"small", "right", "large", "ArXe"} != set()


def test_chosen_crystals_are_subsets_of_a_system() -> None:
    sets = np.array([[True, False, False], [True, True, False], [False, True, True], [True, True, True]])
    systems = np.array([[True, True, False], [True, True, False], [False, False, True]])
    mask = in_systems(np.packbits(sets, axis=1), np.packbits(systems, axis=1))
    assert mask.tolist() == [any(not (row & ~system).any() for system in systems) for row in sets]


def test_atoms_of_packings_have_neighbours_at_the_distance() -> None:
    for name, crystal in packings(67, 3.5).items():
        assert pair_distances(crystal).min() == pytest.approx(3.5), name
    groups = {name: crystal.space_group.symbol for name, crystal in packings(67, 3.5).items()}
    assert groups == {"hcp": "P6_3/mmc", "dhcp": "P6_3/mmc", "fcc": "Fm-3m", "bcc": "Im-3m"}


def test_decompositions_have_amounts_per_formula_unit() -> None:
    assert decomposition_text("Li2Mn2O5", {"Li2O": 1 / 3, "MnO2": 2 / 3}) == "Li2O + 2 MnO2"
    assert decomposition_text("LiO", {"Li": 1 / 2, "O2": 1 / 2}) == "Li + 0.5 O2"
    assert decomposition_text("NaCl", {"NaCl": 1.0}) == "NaCl"


def test_the_shipped_hull_is_that_of_all_crystals(data_file) -> None:
    table = crystals_hull(data_file("mp_10A.parquet"), data_file("chgnet_mp_10A.parquet"))
    shipped = load_hull("chgnet")
    for i in np.random.default_rng(5).permutation(len(table.energies))[:30]:
        numbers = np.repeat(np.arange(95), table.counts[i])
        of_all, of_shipped = (hull.above(numbers, table.energies[i]) for hull in (table, shipped))
        if of_all is not None:
            assert of_shipped.energy == pytest.approx(of_all.energy, abs=1e-4)
            assert of_shipped.decomposition == pytest.approx(of_all.decomposition)


@pytest.mark.parametrize("symbol", ["Ho", "Pr", "Tb"])
def test_the_shipped_hull_has_every_element_of_the_data(symbol: str) -> None:
    assert cg.energy_above_hull(symbol, -4.5) == pytest.approx(0.1, abs=0.2)


def test_what_is_no_hull_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_text("no")
    pq.write_table(pa.table({"formula": ["Li"]}), tmp_path / "y.parquet")
    (tmp_path / "x.json").write_text("[{}]")
    for hull, message in (
        ("mace", "no such file, and hulls that come with the package: chgnet"),
        (tmp_path / "x.parquet", "not Parquet"),
        (tmp_path / "y.parquet", "no column immutable_id"),
    ):
        with pytest.raises(InputError, match=message):
            cg.energy_above_hull("Li", -2, hull)
    with pytest.raises(InputError, match="wanted a JSON list of pymatgen's ComputedEntry"):
        build(tmp_path / "x.json", tmp_path / "out.parquet")
    with pytest.raises(InputError, match=r"x.json: wanted crystals, among which"):
        build(tmp_path / "x.json", tmp_path / "out.parquet", kept_by="chgnet")
    with pytest.raises(InputError, match=r"y.parquet: .*missing"):
        build(tmp_path / "y.parquet", tmp_path / "out.parquet")
    for composition in ("lithium", {"Li": 0.5}, {}):
        with pytest.raises(InputError, match="composition"):
            cg.energy_above_hull(composition, -2)
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize("energy", [float("nan"), float("inf"), "x", None])
def test_what_is_no_energy_is_refused(energy: object) -> None:
    with pytest.raises(InputError, match="energy_per_atom: wanted a number in eV/atom"):
        cg.energy_above_hull("NaCl", energy)


def test_isotopes_are_counted_together() -> None:
    heavy = cg.energy_above_hull({"H": 2, "D": 2, "O": 2}, -5.0)
    assert heavy == pytest.approx(cg.energy_above_hull("H2O", -5.0))


@pytest.mark.parametrize("amount", [0.5, -1, float("nan")])
def test_amounts_are_whole_numbers(amount: float) -> None:
    with pytest.raises(InputError, match="composition: wanted whole numbers of atoms"):
        cg.energy_above_hull({"Na": 1, "Cl": amount}, -3)
