"""JSON: the objects of pymatgen, OPTIMADE, JARVIS and pandas give the same crystal."""

import json

import pytest

import crystalgrid as cg
from crystal_files import caesium_chloride, cif, same, structure, write
from crystalgrid.crystal import Crystal
from crystalgrid.data.reader import open_jobs, parse, read_files
from crystalgrid.data.sources import SourceFile, find_files


def test_entries_of_a_json_are_kept_or_left_out_one_by_one(tmp_path):
    entry = structure(caesium_chloride())
    path = write(tmp_path / "a.json", json.dumps([entry, 3, None, entry]))
    results = [parse(job) for job in open_jobs([SourceFile(path, "a")])]
    assert [len(result.crystals) for result in results] == [1, 0, 0, 1]
    assert all("wanted a structure, got" in result.skipped[0].detail for result in results[1:3])


def jarvis(crystal, cartesian=False):
    """Return a crystal as JARVIS's files have it."""
    coordinates = crystal.positions if cartesian else crystal.frac_coords
    return {
        "lattice_mat": crystal.lattice.tolist(), "coords": coordinates.tolist(), "elements": ["Cs", "Cl"],
        "cartesian": cartesian,
    }  # fmt: skip


def optimade(crystal, **changes):
    """Return a crystal as an OPTIMADE server's answer has it."""
    attributes = {
        "lattice_vectors": crystal.lattice.tolist(), "cartesian_site_positions": crystal.positions.tolist(),
        "species_at_sites": ["Cs1", "Cl1"], "dimension_types": [1, 1, 1], "structure_features": [],
        "species": [
            {"name": "Cs1", "chemical_symbols": ["Cs"], "concentration": [1.0]},
            {"name": "Cl1", "chemical_symbols": ["Cl"], "concentration": [1.0]},
        ],
    }  # fmt: skip
    return {"id": "x-1", "type": "structures", "attributes": {**attributes, **changes}}


def test_dialects_of_json(tmp_path):
    crystal = caesium_chloride()
    entry = structure(crystal)
    contents = {
        "optimade": {"data": [optimade(crystal)], "meta": {}},
        "one": {"data": optimade(crystal)},
        "jarvis": [{"jid": "JVASP-1", "atoms": jarvis(crystal)}],
        "cartesian": [{"jid": "JVASP-1", "atoms": jarvis(crystal, cartesian=True)}],
        "by_id": {"a": entry},
        "entry": {"material_id": "mp-1", "structure": entry},
        "text": [{"material_id": "mp-1", "structure": json.dumps(entry)}],
        "cif": [{"material_id": "mp-1", "cif": cif()}],
        "columns": {"structure": {"0": entry}, "gap": {"0": 1.5}},
        "split": {"columns": ["structure", "gap"], "index": [0], "data": [[entry, 1.5]]},
        "table": {"cif": {"7": cif()}, "id": {"7": "mp-7"}},
    }
    for name, content in contents.items():
        [found] = cg.read(write(tmp_path / f"{name}.json", json.dumps(content)))
        assert same(found, crystal), name
    lines = "\n".join(json.dumps(content) for content in (entry, contents["entry"])) + "\n"
    assert len(cg.read(write(tmp_path / "lines.json", lines))) == 2


def test_what_ase_writes_as_json(tmp_path):
    io, build = pytest.importorskip("ase.io"), pytest.importorskip("ase.build")
    atoms, slab = build.bulk("NaCl", "rocksalt", a=5.6), build.bulk("Cu")
    slab.pbc = (True, True, False)
    io.write(tmp_path / "a.json", [atoms, slab, atoms])
    result = read_files(find_files(tmp_path), 10.0)
    assert result.crystals.ids.tolist() == ["a:0", "a:2"]
    assert [(skipped.id, skipped.detail) for skipped in result.skipped] == [
        ("a:1", "pbc: wanted T T T, a crystal, got True True False")
    ]
    for crystal in result.crystals:
        assert same(crystal, Crystal.from_ase(atoms))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dimension_types": [1, 1, 0]}, "pbc: wanted T T T"),
        ({"dimension_types": None, "nperiodic_dimensions": 2}, "periodic in 2 directions, wanted 3"),
        ({"nsites": 3}, "it says nsites 3, its atoms make 2"),
        ({"nelements": 3}, "it says nelements 3, its atoms make 2"),
        ({"structure_features": ["disorder"]}, "disordered"),
        ({"species_at_sites": ["Cs1"]}, "2 positions for 1 atoms"),
        ({"lattice_vectors": None}, "lattice_vectors: wanted vectors of three numbers"),
        ({"lattice_vectors": [[4, 0, 0], [0, 4, 0]]}, "lattice: wanted three vectors, got 2"),
        ({"structure_features": ["implicit_atoms"]}, "atoms have no positions"),
        ({"chemical_formula_reduced": "ClCsH2"}, "hydrogen is missing: it says Cl Cs H2"),
        (
            {"species": [{"name": "Cs1", "chemical_symbols": ["vacancy"], "concentration": [1.0]}]},
            "'vacancy' is not an",
        ),
    ],
)
def test_what_optimade_says_is_no_plain_crystal(tmp_path, changes, words):
    path = write(tmp_path / "a.json", json.dumps({"data": [optimade(caesium_chloride(), **changes)]}))
    with pytest.raises(cg.InputError, match=words):
        cg.read(path)


def test_a_damaged_line_does_not_keep_others_from_being_read(tmp_path):
    entry = json.dumps({"material_id": "a", "structure": structure(caesium_chloride())})
    result = read_files([SourceFile(write(tmp_path / "a.jsonl", f"{entry}\n{entry[:60]}\n{entry}\n"), "a")], 10.0)
    assert result.crystals.ids.tolist() == ["a", "a#2"]
    assert [skipped.id for skipped in result.skipped] == ["a:1"]
