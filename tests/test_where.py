"""`crystalgrid data pack --where`: crystals chosen by a column of their Parquet file."""

import csv

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crystal_files import caesium_chloride
from crystalgrid.commands.data import pack
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.parquet import read_parquet, table_of, write_table
from crystalgrid.data.where import Condition
from crystalgrid.errors import InputError


@pytest.fixture
def source(tmp_path):
    crystals = CrystalSet.from_crystals(4 * [caesium_chloride()], ["a", "b", "c", "d"])
    crystals = crystals.with_splits(np.array(["train", "val", "test", "test"]))
    write_table(tmp_path / "source.parquet", table_of(crystals, {
        "listed": pa.array([True, False, None, True]),
        "gap": pa.array([0.0, 0.5, 1.5, None]),
        "origin": pa.array(["mp", "mp", "cod", None]),
    }))  # fmt: skip
    return tmp_path / "source.parquet"


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ("listed", "ad"), ("listed = true", "ad"), ("listed=False", "b"), ("gap<=0.5", "ab"), ("gap<.5", "a"),
        ("gap>0", "bc"), ("gap >= 1.5", "c"), ("gap=0", "a"), ("origin=cod", "c"),
    ],
)  # fmt: skip
def test_crystals_that_fulfil_a_condition_are_packed(source, where, kept):
    out = source.with_name("out.parquet")
    pack((source,), out, where=where, workers=1)
    crystals = read_parquet(out).crystals
    assert crystals.ids.tolist() == list(kept)
    splits = dict(zip("abcd", ("train", "val", "test", "test"), strict=True))
    assert crystals.splits.tolist() == [splits[id] for id in kept]
    left_out = list(csv.DictReader(source.with_name("out.left_out.csv").open()))
    null = {"listed": "c", "gap": "d", "origin": "d"}[Condition.parse(where).column]
    reasons = {id: f"no value of {Condition.parse(where).column}" if id == null else f"not {where}" for id in "abcd"}
    assert {row["id"]: row["reason"] for row in left_out} == {id: reasons[id] for id in "abcd" if id not in kept}


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("<3", "wanted COLUMN, or COLUMN<NUMBER with =, <, <=, > or >=, got '<3'"),
        ("gap<<3", "wanted COLUMN, or COLUMN<NUMBER"),
        ("gaps<3", "no file has a column 'gaps'; the columns beside crystals are gap, listed, origin"),
        ("gap=wide", "gap=wide: wanted a sign and a number for gap, a column of type double"),
        ("gap", "gap: wanted a sign and a number for gap"),
        ("gap<nan", "gap<nan: wanted a sign and a number for gap"),
        ("gap!=1", "wanted COLUMN, or COLUMN<NUMBER"),
        ("listed>0", "listed>0: wanted true or false for listed"),
        ("origin<mp", "origin<mp: wanted = and a text for origin"),
        ("gap>9", "kept 0 of 4 crystals"),
    ],
)
def test_conditions_without_meaning_are_refused(source, where, message):
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        pack((source,), source.with_name("out.parquet"), where=where, workers=1)
    assert not source.with_name("out.parquet").exists()


def test_a_column_that_one_file_lacks_leaves_out_its_crystals(source):
    other = source.with_name("other.parquet")
    pq.write_table(table_of(CrystalSet.from_crystals([caesium_chloride()], ["e"])), other)
    pack((other, source), source.with_name("out.parquet"), where="gap<1", workers=1)
    assert read_parquet(source.with_name("out.parquet")).crystals.ids.tolist() == ["a", "b"]


def test_each_crystal_has_the_values_of_its_own_file(source):
    other = source.with_name("other.parquet")  # with an id that the first file has, too
    crystals = CrystalSet.from_crystals([caesium_chloride()] * 4, ["a", "e", "f", "f"])
    write_table(other, table_of(crystals, {"gap": [9.0, 0.5, 0.5, 9.0]}))
    pack((source, other), source.with_name("out.parquet"), where="gap<1", workers=1)
    assert read_parquet(source.with_name("out.parquet")).crystals.ids.tolist() == ["a", "b", "e"]
    left_out = list(csv.DictReader(source.with_name("out.left_out.csv").open()))
    reasons = {row["id"]: row["reason"] for row in left_out}
    assert reasons["a#2"] == "not gap<1"
    assert reasons["f"] == reasons["f#2"] == "no value of gap"  # which of two rows is not known
    write_table(other, table_of(crystals[:2], {"gap": ["wide", "wide"]}))
    with pytest.raises(
        InputError, match=r"where: column gap: no type holds double in .*source\.parquet, string in .*other"
    ):
        pack((source, other), source.with_name("second.parquet"), where="gap<1", workers=1)


def test_the_columns_of_numbers_and_text_are_kept(source):
    out, other = source.with_name("out.parquet"), source.with_name("other.parquet")
    crystals = CrystalSet.from_crystals([caesium_chloride()] * 2, ["a", "e"])
    columns = {"gap": pa.array([2, 5]), "note": ["short", None], "bands": [[0.1], [0.2]]}
    write_table(other, table_of(crystals, columns))
    pack((source, other), out, workers=1)
    packed = pq.read_table(out)
    assert packed.column_names[-4:] == ["listed", "gap", "origin", "note"]
    rows = dict(zip(packed["immutable_id"].to_pylist(), packed.to_pylist(), strict=True))
    assert [rows[id]["gap"] for id in ("a", "d", "a#2", "e")] == [0.0, None, 2.0, 5.0]
    assert [rows[id]["note"] for id in ("a", "a#2", "e")] == [None, "short", None]


def test_an_id_with_a_number_of_its_own_keeps_its_values(source, capsys):
    out, other = source.with_name("out.parquet"), source.with_name("other.parquet")
    crystals = CrystalSet.from_crystals([caesium_chloride()] * 2, ["a", "a#2"])  # as a file that was packed before has
    write_table(other, table_of(crystals, {"gap": [5.0, 6.0], "listed": [1, 2]}))
    pack((source, other), out, workers=1)
    packed = pq.read_table(out)
    gaps = dict(zip(packed["immutable_id"].to_pylist(), packed["gap"].to_pylist(), strict=True))
    assert gaps == {"a": 0.0, "b": 0.5, "c": 1.5, "d": None, "a#2": 5.0, "a#2#2": 6.0}
    assert "listed" not in packed.column_names
    assert "column listed is left out: no type holds bool in" in capsys.readouterr().err


def test_text_is_joined_with_text_of_few_kinds(source):
    out, other = source.with_name("out.parquet"), source.with_name("other.parquet")
    crystals = CrystalSet.from_crystals([caesium_chloride()], ["e"])
    write_table(other, table_of(crystals, {"origin": pa.array(["icsd"]).dictionary_encode()}))
    pack((source, other), out, workers=1)
    assert sorted(filter(None, pq.read_table(out)["origin"].to_pylist())) == ["cod", "icsd", "mp", "mp"]


def test_a_condition_is_read_whole():
    assert Condition.parse(" e_above_hull <= 0.05 ")[1:] == ("e_above_hull", "<=", "0.05")
