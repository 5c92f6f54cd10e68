"""Data: sources, filters, splits, and crystals as flat arrays."""

import pickle
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crystal_files import cif, mixed_folder
from crystalgrid import Crystal, InputError
from crystalgrid.crystal import SYMBOLS, pack
from crystalgrid.crystalset import CrystalSet, fractional
from crystalgrid.data import SPLITS, load
from crystalgrid.parquet import read_parquet, write_parquet
from crystalgrid.prototypes import prototypes
from crystalgrid.split import reduced_formulas, split_by_formula

DATA = Path(__file__).parents[2] / "shared" / "data"


def some(count: int, seed: int = 0, formulas: int | None = None) -> CrystalSet:
    """Random crystals of one to five atoms in cells of any shape."""
    rng = np.random.default_rng(seed)
    crystals = []
    for i in range(count):
        kind = np.random.default_rng(rng.integers(formulas) if formulas else i)
        atoms = kind.integers(1, 6)
        numbers = kind.integers(1, 95, atoms)
        crystals.append((f"id-{i}", np.diag([4.0, 5, 6]) + rng.uniform(-1, 1, (3, 3)), rng.random((atoms, 3)), numbers))
    return CrystalSet.of(crystals)


def columns(crystals: CrystalSet) -> dict[str, list]:
    """As another project would write them: nested Python lists."""
    return {
        "immutable_id": crystals.ids.tolist(),
        "lattice_vectors": [c.lattice.tolist() for c in crystals],
        "cartesian_site_positions": [c.positions.tolist() for c in crystals],
        "species_at_sites": [[SYMBOLS[z - 1] for z in c.numbers] for c in crystals],
    }


def assert_same(one: CrystalSet, other: CrystalSet, atol: float = 1e-12) -> None:
    np.testing.assert_allclose(one.lattice, other.lattice, atol=atol)
    np.testing.assert_allclose(one.frac_coords, other.frac_coords, atol=atol)
    np.testing.assert_array_equal(one.numbers, other.numbers)
    np.testing.assert_array_equal(one.offsets, other.offsets)
    assert one.ids.tolist() == other.ids.tolist()


# Crystals as flat arrays


def test_set_is_a_sequence_of_crystals():
    crystals = some(5)
    listed = list(crystals)
    assert len(crystals) == len(listed) == 5
    np.testing.assert_array_equal(crystals[-1].frac_coords, listed[4].frac_coords)
    with pytest.raises(IndexError):
        crystals[5]


@pytest.mark.parametrize("index", [[3, 0, 3], slice(1, 4), np.array([True, False, True, False, True]), []])
def test_subset_and_batch_are_the_chosen_crystals(index):
    crystals = some(5)
    chosen = [crystals[int(i)] for i in np.arange(5)[index]]
    for packed in (crystals.batch(index), pack(list(crystals[index]))):
        for got, wanted in zip(packed, pack(chosen), strict=True):
            assert got.dtype == wanted.dtype
            np.testing.assert_array_equal(got, wanted)


def test_pickles():
    crystals = some(5)
    assert pickle.loads(pickle.dumps(crystals)).checksum == crystals.checksum


def test_checksum_is_of_the_content():
    assert some(5).checksum == some(5).checksum
    assert some(5).checksum != some(5, seed=1).checksum
    assert some(5).checksum != split_by_formula(some(5), seed=0).checksum
    crystals = CrystalSet.of([("a", 4 * np.eye(3), np.array([[0.0, 0.25, 0.5]]), np.array([11]))])
    assert crystals.checksum == "a0f28dc7052cb608189a13ef1d8db2c1edb689a14b031969aaefb7bbc34b74ab"


def test_wrapping_moves_by_whole_cells_and_leaves_rounded_zeros():
    frac_coords = np.array([[-1e-8, 1 - 1e-8, 0.3], [3.2, -0.7, -2.0]])
    wrapped = CrystalSet.of([("a", 4 * np.eye(3), frac_coords, np.array([11, 17]))]).wrapped()
    np.testing.assert_allclose(wrapped.frac_coords, [[-1e-8, -1e-8, 0.3], [0.2, 0.3, 0]], atol=1e-12)


def test_fractional_is_the_inverse():
    crystals = some(20)
    positions = np.concatenate([c.positions for c in crystals])
    np.testing.assert_allclose(
        fractional(positions, crystals.lattice, crystals.crystal_of_atom), crystals.frac_coords, atol=1e-13
    )


# Parquet


def test_parquet_gives_back_what_was_written(tmp_path):
    crystals = split_by_formula(some(50), seed=0)
    write_parquet(tmp_path / "a.parquet", crystals)
    found = read_parquet(tmp_path / "a.parquet")
    assert found.left_out == []
    assert_same(found.crystals, crystals)
    assert found.crystals.splits.tolist() == crystals.splits.tolist()


@pytest.mark.parametrize("number", [pa.float32(), pa.float64()])
@pytest.mark.parametrize("text", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
@pytest.mark.parametrize("of", [pa.list_, pa.large_list])
def test_parquet_of_others(tmp_path, number, text, of):
    crystals = some(20)
    kinds = {
        "immutable_id": pa.string(), "lattice_vectors": of(of(number)), "cartesian_site_positions": of(of(number)),
        "species_at_sites": of(text),
    }  # fmt: skip
    table = pa.table({name: pa.array(column, kinds[name]) for name, column in columns(crystals).items()})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=7)
    assert_same(read_parquet(tmp_path / "a.parquet").crystals, crystals, atol=1e-6)


def test_ids_are_optional(tmp_path):
    table = columns(some(2))
    del table["immutable_id"]
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    assert read_parquet(tmp_path / "a.parquet").crystals.ids.tolist() == ["row 0", "row 1"]


def test_every_bad_row_is_left_out_with_its_reason(tmp_path):
    rows = columns(some(12))
    rows["species_at_sites"][1][0] = "Am"
    rows["species_at_sites"][2][0] = None
    rows["lattice_vectors"][3] = [[4.0, 0, 0], [0, 4, 0], [4, 4, 0]]
    rows["lattice_vectors"][4][0][0] = float("nan")
    rows["cartesian_site_positions"][5][0] = [float("inf"), 0, 0]
    rows["cartesian_site_positions"][6], rows["species_at_sites"][6] = [], []
    rows["lattice_vectors"][7] = [[10.0, 0, 0], [0, 4, 0], [0, 0, 4]]
    rows["lattice_vectors"][8] = None
    rows["lattice_vectors"][9] = [[4.0, 0, 0], [0, 4], [0, 0, 4]]
    rows["species_at_sites"][10].append("O")
    pq.write_table(pa.table(rows), tmp_path / "a.parquet")
    found = read_parquet(tmp_path / "a.parquet", max_side=10)
    species = "species that is not an element of Z 1 to 94"
    malformed = "vectors not of three numbers, or not one per species"
    assert {one.id: one.reason for one in found.left_out} == {
        "id-1": species,
        "id-2": species,
        "id-3": "singular lattice",
        "id-4": "NaN or infinity in the lattice",
        "id-5": "NaN or infinity in the positions",
        "id-6": "no atoms",
        "id-7": "longest side of 10 Å or more",
        "id-8": malformed,
        "id-9": malformed,
        "id-10": malformed,
    }
    assert_same(found.crystals, some(12)[[0, 11]])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda t: t.drop_columns(["species_at_sites", "lattice_vectors"]),
            "missing lattice_vectors, species_at_sites",
        ),
        (lambda t: t.set_column(1, "lattice_vectors", [["x"] * 3]), "lattice_vectors: wanted lists of lists of"),
        (
            lambda t: t.append_column("split", [["training"] * 3]),
            "split: wanted one of train, val, test, got 'training'",
        ),
    ],
)
def test_parquet_that_is_not_of_crystals(tmp_path, change, words):
    pq.write_table(change(pa.table(columns(some(3)))), tmp_path / "a.parquet")
    for reader in (read_parquet, load):
        with pytest.raises(InputError, match=words) as error:
            reader(tmp_path / "a.parquet")
        assert str(error.value).startswith(str(tmp_path / "a.parquet"))


def test_truncated_parquet(tmp_path):
    write_parquet(tmp_path / "a.parquet", some(100))
    whole = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"a\.parquet: .*not Parquet"):
        load(tmp_path / "a.parquet")


# Splits


def test_reduced_formulas():
    ten = 10 * np.eye(3)
    numbers = ([11, 17], [17, 11, 11, 17], [8, 8], [22, 8, 8])
    crystals = CrystalSet.of((str(z), ten, np.zeros((len(z), 3)), np.array(z)) for z in numbers)
    assert reduced_formulas(crystals).tolist() == ["Na1Cl1", "Na1Cl1", "O1", "O2Ti1"]


def test_split_keeps_formulas_whole_and_near_the_shares():
    crystals = split_by_formula(some(4000, formulas=1500), seed=0)
    names = {split: set(reduced_formulas(crystals.split(split))) for split in SPLITS}
    assert not names["train"] & names["val"]
    assert not names["train"] & names["test"]
    assert not names["val"] & names["test"]
    total = sum(map(len, names.values()))
    assert len(names["train"]) / total == pytest.approx(0.8, abs=0.04)
    assert len(names["val"]) / total == pytest.approx(0.1, abs=0.03)


def test_split_depends_on_formula_and_seed_alone():
    crystals = some(400)
    whole = dict(zip(crystals.ids, split_by_formula(crystals, 3).splits, strict=True))
    part = split_by_formula(crystals[::-2], 3)
    assert all(whole[one] == split for one, split in zip(part.ids, part.splits, strict=True))
    assert split_by_formula(crystals, 4).splits.tolist() != list(whole.values())


@pytest.mark.parametrize("count", [3, 4, 8, 20])
@pytest.mark.parametrize("seed", range(10))
def test_small_sets_have_all_splits(count, seed):
    assert set(split_by_formula(some(count), seed).splits) == set(SPLITS)


def test_one_compound_is_split_by_id():
    polymorphs = CrystalSet.of((f"c-{i}", (3 + i / 10) * np.eye(3), np.zeros((1, 3)), np.array([6])) for i in range(30))
    assert set(split_by_formula(polymorphs, 0).splits) == set(SPLITS)


@pytest.mark.parametrize(("count", "splits"), [(0, set()), (1, {"train"}), (2, {"train", "test"})])
def test_tiny_sets(count, splits):
    assert set(split_by_formula(some(count), 0).splits) == splits


def test_given_splits_stay():
    crystals = some(20).with_splits(np.array(["val"] * 10 + [""] * 10, dtype="<U5"))
    splits = split_by_formula(crystals, 0).splits
    assert (splits[:10] == "val").all()
    assert set(splits) == set(SPLITS)


def test_unknown_split():
    with pytest.raises(InputError, match="split: wanted one of train, val, test, got 'valid'"):
        some(3).split("valid")


# Sources


def test_prototypes_are_what_pymatgen_reads():
    from pymatgen.analysis.prototypes import AFLOW_PROTOTYPE_LIBRARY

    crystals = prototypes()
    assert len(crystals) == len(AFLOW_PROTOTYPE_LIBRARY)
    for i in (0, 100, 287):
        wanted = Crystal.from_pymatgen(AFLOW_PROTOTYPE_LIBRARY[i]["snl"].structure)
        np.testing.assert_allclose(crystals[i].lattice, wanted.lattice)
        np.testing.assert_allclose(crystals[i].frac_coords, wanted.frac_coords)
        np.testing.assert_array_equal(crystals[i].numbers, wanted.numbers)


def test_load_prototypes(capsys):
    crystals = load("prototypes")
    assert "prototypes: kept 242 of 288 crystals (left out: 45 longest side of 10 Å or more" in capsys.readouterr().err
    assert max(crystal.longest_side for crystal in crystals) < 10
    assert min(Counter(crystals.splits).values()) >= 20
    assert len(crystals.split("train")) + len(crystals.split("val")) + len(crystals.split("test")) == len(crystals)


def test_single_mode_leaves_out_what_never_fits(tmp_path, capsys):
    long = np.array([[9.5, 0, 0], [9, 3, 0], [9, 0, 3]])  # 27.5 Å from corner to corner
    atoms = np.array([[0.0, 0, 0], [0.99, 0.99, 0.99]])
    full = np.array([[x, y, z] for x in (0, 0.99) for y in (0, 0.99) for z in (0, 0.99)])
    crystals = CrystalSet.of([
        ("long", long, atoms, np.array([3, 9])),
        ("short", 4 * np.eye(3), atoms, np.array([3, 9])),
        ("full", 9.9 * np.eye(3), full, np.full(8, 3)),
    ])  # fmt: skip
    write_parquet(tmp_path / "a.parquet", crystals)
    assert load(tmp_path / "a.parquet", mode="single").ids.tolist() == ["short", "full"]
    assert "1 never fits in the cube" in capsys.readouterr().err
    assert len(load(tmp_path / "a.parquet", mode="repeated")) == 3


def test_load_folder_goes_on_past_bad_files(tmp_path, capsys):
    mixed_folder(tmp_path / "mixed", good=6)
    assert len(load(tmp_path / "mixed")) == 7
    assert "kept 7 of 18 crystals" in capsys.readouterr().err


def test_load_folder_of_parquet(tmp_path):
    write_parquet(tmp_path / "a.parquet", some(3))
    write_parquet(tmp_path / "b.parquet", some(4, seed=1))
    assert len(load(tmp_path)) == 7


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("prototype", "prototype: no such file or folder, nor 'prototypes'"),
        ("empty", "wanted a folder with files of crystals, got an empty one"),
        ("large.cif", r"large\.cif: longest side of 10 Å or more"),
        ("large", r"large: kept 0 of 2 crystals \(left out: 2 longest side of 10 Å or more\), the first: .*a\.cif"),
    ],
)
def test_nothing_to_load(tmp_path, monkeypatch, name, words):
    (tmp_path / "empty").mkdir()
    (tmp_path / "large").mkdir()
    for file in ("large.cif", "large/a.cif", "large/b.cif"):
        (tmp_path / file).write_text(cif(a=11))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=words):
        load(name)


def test_mode_misspelt():
    with pytest.raises(InputError, match="mode: wanted one of single, repeated, got 'repeat'"):
        load("prototypes", mode="repeat")


def test_loading_needs_neither_pymatgen_nor_plotting():
    code = (
        "import sys; from crystalgrid.data import load; load('prototypes');"
        "sys.exit(any(name in sys.modules for name in ('pymatgen.core', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


@pytest.mark.parametrize(
    ("name", "kept", "splits"),
    [
        ("mp_10A", 84875, (67371, 7486, 10018)),
        ("perov_5", 18928, (11356, 3787, 3785)),
        ("carbon_24", 9960, (5964, 1995, 2001)),
    ],
)
def test_public_sets(name, kept, splits):
    path = DATA / f"{name}.parquet"
    if not path.exists():
        pytest.skip(f"{path.name} is not at hand")
    crystals = load(path)
    assert len(crystals) == kept
    assert tuple(len(crystals.split(split)) for split in SPLITS) == splits
