"""Loading: which crystals are loaded or left out, and the error if there are none."""

import gzip
import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crystal_files import cif, mixed_folder, random_set
from crystalgrid import Crystal, InputError
from crystalgrid.data.crystalset import SPLITS, CrystalSet
from crystalgrid.data.filters import CLOSEST, close_atoms
from crystalgrid.data.load import load_crystals
from crystalgrid.data.parquet import write_parquet
from crystalgrid.data.prototypes import prototypes


def test_prototypes_are_those_of_pymatgen():
    import pymatgen.analysis.prototypes
    from pymatgen.core import Structure

    [path] = Path(pymatgen.analysis.prototypes.__file__).parent.rglob("aflow_prototypes.json.gz")
    structures = [Structure.from_dict(entry["snl"]) for entry in json.loads(gzip.decompress(path.read_bytes()))]
    crystals = prototypes()
    assert len(crystals) == 288
    np.testing.assert_array_equal(crystals.lattice, [structure.lattice.matrix for structure in structures])
    np.testing.assert_array_equal(crystals.frac_coords, np.concatenate([s.frac_coords for s in structures]))
    numbers = [site.specie.Z for structure in structures for site in structure]
    np.testing.assert_array_equal(crystals.numbers, [z if z <= 94 else 0 for z in numbers])


@pytest.mark.parametrize(
    ("mode", "checksum"),
    [
        ("repeated", "ba1784ee207e7c649dd50abf957965000d828f81a16ea540a33451aef07b640b"),
        ("single", "244895abe9a313a80438f7c14f3c0ecf18c9c542d45c0d441f6e8e5dbcb78b5c"),
    ],
)
def test_prototypes_and_their_split_never_change(mode, checksum):
    """Runs and released models store this checksum of what they were trained on."""
    assert load_crystals("prototypes", mode=mode).checksum == checksum


def test_load_prototypes(capsys):
    crystals = load_crystals("prototypes")
    assert "prototypes: kept 242 of 288 crystals (left out: 45 longest side of 10 Å or more" in capsys.readouterr().err
    assert max(crystal.longest_side for crystal in crystals) < 10
    assert min(Counter(crystals.splits).values()) >= 20
    assert len(crystals.split("train")) + len(crystals.split("val")) + len(crystals.split("test")) == len(crystals)


def test_single_mode_leaves_out_what_never_fits(tmp_path, capsys):
    long = np.array([[9.5, 0, 0], [9, 3, 0], [9, 0, 3]])  # 27.5 Å from corner to corner
    atoms = np.array([[0.0, 0, 0], [0.88, 0.88, 0.88]])
    full = np.array([[x, y, z] for x in (0, 0.95) for y in (0, 0.95) for z in (0, 0.95)])
    crystals = {
        "long": Crystal(long, atoms, [3, 9]),
        "short": Crystal(4 * np.eye(3), atoms, [3, 9]),
        "full": Crystal(9.9 * np.eye(3), full, np.full(8, 3)),
    }
    write_parquet(tmp_path / "a.parquet", CrystalSet.from_crystals(crystals.values(), crystals))
    assert load_crystals(tmp_path / "a.parquet", mode="single").ids.tolist() == ["short", "full"]
    assert "1 never fits in the cube" in capsys.readouterr().err
    assert len(load_crystals(tmp_path / "a.parquet", mode="repeated")) == 3


def test_load_folder_goes_on_past_bad_files(tmp_path, capsys):
    mixed_folder(tmp_path / "mixed", n_good=6)
    assert len(load_crystals(tmp_path / "mixed")) == 7
    assert "kept 7 of 18 crystals" in capsys.readouterr().err


def test_load_folder_of_parquet(tmp_path):
    write_parquet(tmp_path / "a.parquet", random_set(3))
    write_parquet(tmp_path / "b.parquet", random_set(4, seed=1))
    assert len(load_crystals(tmp_path)) == 7


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("prototype", "prototype: no such file or folder, nor 'prototypes'"),
        ("empty", "wanted a folder with files of crystals, got an empty one"),
        ("large.cif", r"large\.cif: longest side of 10 Å or more"),
        ("large", r"large: kept 0 of 2 crystals \(left out: 2 longest side of 10 Å or more\), the first: .*a\.cif"),
    ],
)
def test_nothing_to_load(tmp_path, monkeypatch, name, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "large").mkdir()
    for file in ("large.cif", "large/a.cif", "large/b.cif"):
        (tmp_path / file).write_text(cif(a=11))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        load_crystals(name)


def test_mode_misspelt():
    with pytest.raises(InputError, match="mode: wanted one of single, repeated, got 'repeat'"):
        load_crystals("prototypes", mode="repeat")


def test_loading_needs_neither_pymatgen_nor_plotting():
    code = (
        "import sys; from crystalgrid.data.load import load_crystals; load_crystals('prototypes');"
        "sys.exit(any(name in sys.modules for name in ('pymatgen', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


@pytest.mark.parametrize(
    ("name", "kept", "splits"),
    [
        ("mp_10A", 84875, (67371, 7486, 10018)),
        ("perov_5", 18928, (11356, 3787, 3785)),
        ("carbon_24", 10024, (6004, 2007, 2013)),
    ],
)
def test_public_sets(name, kept, splits, data_file):
    crystals = load_crystals(data_file(f"{name}.parquet"))
    assert len(crystals) == kept
    assert tuple(len(crystals.split(split)) for split in SPLITS) == splits


def test_close_atoms_are_those_of_all_pairs_and_images():
    crystals = random_set(60, seed=3)
    images = np.stack(np.meshgrid(*3 * [np.arange(-2, 3)], indexing="ij"), -1).reshape(-1, 3)
    moved = crystals.frac_coords.copy()
    rng = np.random.default_rng(0)
    for b in range(0, len(crystals), 2):  # the second atom is put next to an image of the first
        first = crystals.offsets[b]
        if crystals.offsets[b + 1] - first > 1:
            direction = rng.normal(size=3)
            step = rng.uniform(0.2, 0.7) * direction / np.linalg.norm(direction) @ np.linalg.inv(crystals.lattice[b])
            moved[first + 1] = moved[first] + step + rng.integers(-1, 2, 3)
    crystals = replace(crystals, frac_coords=moved)
    expected = []
    for crystal in crystals:
        apart = crystal.frac_coords[:, None] - crystal.frac_coords
        distances = np.linalg.norm(((apart - np.rint(apart))[:, :, None] + images) @ crystal.lattice, axis=-1)
        expected.append((distances[~np.eye(len(crystal), dtype=bool)] < CLOSEST).any())
    assert 5 < sum(expected) < 55
    assert close_atoms(crystals).tolist() == expected
