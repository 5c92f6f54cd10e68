"""The columns of a Parquet file: their spellings, and what they say of a crystal that is none."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import crystalgrid as cg
from crystal_files import caesium_chloride, same, table
from crystalgrid.data.columns import numbers_of
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.parquet import read_parquet, write_parquet


def test_parquet(tmp_path):
    crystal = caesium_chloride()
    write_parquet(tmp_path / "a.parquet", CrystalSet.from_crystals([crystal]))
    assert same(cg.read(tmp_path / "a.parquet")[0], crystal)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dimension_types": [[1, 1, 0]]}, "not periodic in all three directions"),
        ({"nperiodic_dimensions": [2]}, "not periodic in all three directions"),
        ({"nsites": [3]}, "another number of species than its nsites"),
        ({"structure_features": [["disorder"]]}, "disordered"),
        ({"species_at_sites": [["Cs", "X"]]}, "species that is not an element of Z 1 to 94: 'X'"),
    ],
)
def test_what_parquet_says_is_no_plain_crystal(tmp_path, changes, words):
    pq.write_table(table(**changes), tmp_path / "a.parquet")
    with pytest.raises(cg.InputError, match=words):
        cg.read(tmp_path / "a.parquet")


def test_a_row_without_an_id_gets_its_number(tmp_path):
    pq.write_table(table(immutable_id=pa.array([None], pa.string()), gap=[2.5]), tmp_path / "a.parquet")
    assert read_parquet(tmp_path / "a.parquet").crystals.ids.tolist() == ["row 0"]
    assert numbers_of(tmp_path / "a.parquet", "gap", ["row 0"]).tolist() == [2.5]


def test_numbers_of_a_repeated_id_are_nobodys(tmp_path):
    one = table(immutable_id=["a"], gap=[1.0])
    pq.write_table(pa.concat_tables([one, one, table(immutable_id=["b"], gap=[3.0])]), tmp_path / "a.parquet")
    numbers = numbers_of(tmp_path / "a.parquet", "gap", ["a", "a#2", "b", "c"])
    assert np.isnan(numbers).tolist() == [True, True, False, True]
    assert numbers[2] == 3.0


def test_spellings_of_parquet(tmp_path):
    stated = {"dimension_types": [[1, 1, 1]], "nperiodic_dimensions": [3], "structure_features": [[]], "nsites": [2]}
    pq.write_table(table(species_at_sites=[["CS", "Cl-"]], **stated), tmp_path / "a.parquet")
    assert same(cg.read(tmp_path / "a.parquet")[0], caesium_chloride())
