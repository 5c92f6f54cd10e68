"""Parquet files of our own and of other projects, and the reason for every row that is left out."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crystal_files import random_set
from crystalgrid import InputError
from crystalgrid.crystal import SYMBOLS
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.load import load_crystals
from crystalgrid.data.parquet import read_parquet, write_parquet
from crystalgrid.data.split import split_by_formula


def columns(crystals: CrystalSet) -> dict[str, list]:
    """Return the columns as nested Python lists, as another project would write them."""
    return {
        "immutable_id": crystals.ids.tolist(),
        "lattice_vectors": [c.lattice.tolist() for c in crystals],
        "cartesian_site_positions": [c.positions.tolist() for c in crystals],
        "species_at_sites": [[SYMBOLS[z - 1] for z in c.numbers] for c in crystals],
    }


def assert_same(actual: CrystalSet, expected: CrystalSet, atol: float = 1e-12) -> None:
    np.testing.assert_allclose(actual.lattice, expected.lattice, atol=atol)
    np.testing.assert_allclose(actual.frac_coords, expected.frac_coords, atol=atol)
    np.testing.assert_array_equal(actual.numbers, expected.numbers)
    np.testing.assert_array_equal(actual.offsets, expected.offsets)
    assert actual.ids.tolist() == expected.ids.tolist()


def test_parquet_gives_back_what_was_written(tmp_path):
    crystals = split_by_formula(random_set(50), seed=0)
    write_parquet(tmp_path / "a.parquet", crystals)
    result = read_parquet(tmp_path / "a.parquet")
    assert result.skipped == []
    assert_same(result.crystals, crystals)
    assert result.crystals.splits.tolist() == crystals.splits.tolist()


@pytest.mark.parametrize("number", [pa.float32(), pa.float64()])
@pytest.mark.parametrize("text", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
@pytest.mark.parametrize("list_of", [pa.list_, pa.large_list])
def test_parquet_of_others(tmp_path, number, text, list_of):
    crystals = random_set(20)
    vectors = list_of(list_of(number))
    types = {
        "immutable_id": pa.string(), "lattice_vectors": vectors, "cartesian_site_positions": vectors,
        "species_at_sites": list_of(text),
    }  # fmt: skip
    table = pa.table({name: pa.array(column, types[name]) for name, column in columns(crystals).items()})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=7)
    assert_same(read_parquet(tmp_path / "a.parquet").crystals, crystals, atol=1e-6)


def test_ids_are_optional(tmp_path):
    table = columns(random_set(2))
    del table["immutable_id"]
    pq.write_table(pa.table(table), tmp_path / "a.parquet", row_group_size=1)
    assert read_parquet(tmp_path / "a.parquet").crystals.ids.tolist() == ["row 0", "row 1"]


def test_every_bad_row_is_left_out_with_its_reason(tmp_path):
    rows = columns(random_set(12))
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
    result = read_parquet(tmp_path / "a.parquet", max_side=10)
    species = "species that is not an element of Z 1 to 94"
    malformed = "vectors not of three numbers, or not one per species"
    assert {row.id: row.reason for row in result.skipped} == {
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
    assert_same(result.crystals, random_set(12)[[0, 11]])


@pytest.mark.parametrize(
    ("change", "message"),
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
def test_parquet_that_is_not_of_crystals(tmp_path, change, message):
    pq.write_table(change(pa.table(columns(random_set(3)))), tmp_path / "a.parquet")
    for reader in (read_parquet, load_crystals):
        with pytest.raises(InputError, match=message) as error:
            reader(tmp_path / "a.parquet")
        assert str(error.value).startswith(str(tmp_path / "a.parquet"))


def test_truncated_parquet(tmp_path):
    write_parquet(tmp_path / "a.parquet", random_set(100))
    whole = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"a\.parquet: .*not Parquet"):
        load_crystals(tmp_path / "a.parquet")


def test_altered_parquet(tmp_path):
    """Bytes within the values of a column, which without checksums would be read as other crystals."""
    write_parquet(tmp_path / "good.parquet", random_set(50))
    content = (tmp_path / "good.parquet").read_bytes()
    column = pq.ParquetFile(tmp_path / "good.parquet").metadata.row_group(0).column(4)
    assert column.path_in_schema.startswith("cartesian_site_positions")
    for share in (0.2, 0.5, 0.9):
        altered = bytearray(content)
        altered[
            (column.dictionary_page_offset or column.data_page_offset) + int(share * column.total_compressed_size)
        ] ^= 1
        (tmp_path / "altered.parquet").write_bytes(altered)
        with pytest.raises(InputError, match=r"altered\.parquet: cannot be read: .*checksum"):
            read_parquet(tmp_path / "altered.parquet")
