"""The columns of a Parquet file: their spellings, and what they say of a crystal that is none."""

import pyarrow.parquet as pq
import pytest

import crystalgrid as cg
from crystal_files import caesium_chloride, same, table
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.parquet import write_parquet


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


def test_spellings_of_parquet(tmp_path):
    stated = {"dimension_types": [[1, 1, 1]], "nperiodic_dimensions": [3], "structure_features": [[]], "nsites": [2]}
    pq.write_table(table(species_at_sites=[["CS", "Cl-"]], **stated), tmp_path / "a.parquet")
    assert same(cg.read(tmp_path / "a.parquet")[0], caesium_chloride())
