"""Files of latent vectors: `crystalgrid encode` and `crystalgrid decode`, and what they leave out."""

import re
from pathlib import Path

import ase.io
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import crystalgrid as cg
from crystalgrid.commands.arguments import bind
from crystalgrid.commands.decode import decode
from crystalgrid.commands.encode import encode
from crystalgrid.commands.sample import parser
from crystalgrid.commands.table import command
from crystalgrid.data.columns import numbers_of
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.latent_table import read_latents
from crystalgrid.data.parquet import table_of, write_table
from crystalgrid.report.crystal_table import read_rows


def salts() -> CrystalSet:
    """Return rock salt, the same as a supercell elsewhere, and a crystal of an element that no prototype has."""
    salt = cg.Crystal(5.6 * (1 - np.eye(3)) / 2, [[0, 0, 0], [0.5, 0.5, 0.5]], [11, 17])
    shifted = (np.concatenate((salt.frac_coords, salt.frac_coords + np.array([1, 0, 0]))) + 0.2) / [2, 1, 1]
    doubled = cg.Crystal(np.diag([2, 1, 1]) @ salt.lattice, shifted, np.tile(salt.numbers, 2))
    unseen = cg.Crystal(2.7 * np.eye(3), [[0, 0, 0]], [77])
    return CrystalSet.from_crystals([salt, doubled, unseen], ["salt", "doubled", "iridium"])


def test_crystals_go_to_vectors_and_back(latent_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    table = table_of(salts(), {"gap": pa.array([5.0, None, 0.0]), "source": pa.array(["a", "b", "c"])})
    write_table(tmp_path / "salts.parquet", table)
    (tmp_path / "broken.cif").write_text("nothing")
    encode((tmp_path / "salts.parquet", tmp_path / "broken.cif"), tmp_path / "z.parquet", str(latent_run), workers=1)
    assert "2 latent vectors of 60 numbers, 2 left out" in capsys.readouterr().out
    written = pq.read_table(tmp_path / "z.parquet").to_pylist()
    assert [row["immutable_id"] for row in written[:3]] == ["salt", "doubled", "iridium"]
    assert [row["formula"] for row in written] == ["NaCl", "NaCl", "Ir", None]
    assert [row["space_group_number"] for row in written] == [225, 225, None, None]
    assert written[0]["z"] == pytest.approx(written[1]["z"], abs=1e-4)
    assert written[2]["z"] is None
    assert "Ir, which the model has never seen" in written[2]["reason"]
    assert written[3]["reason"]
    assert [row["gap"] for row in written] == [5.0, None, 0.0, None]

    decode(tmp_path / "z.parquet", tmp_path / "out", str(latent_run))
    header, *rows = read_rows(tmp_path / "out/crystals.csv")
    n_decoded = sum(not row[-1] for row in rows)
    assert len(rows) == 4
    assert header[0] == "id"
    assert (
        len(ase.io.read(tmp_path / "out/crystals.xyz", ":")) == n_decoded == len(list((tmp_path / "out/cif").iterdir()))
    )


def test_vectors_that_cannot_be_used_are_left_out(latent_run: Path, tmp_path: Path) -> None:
    z = np.random.default_rng(0).normal(size=(4, 60)).astype(np.float32)
    z[1, 3] = np.nan
    np.save(tmp_path / "z.npy", z)
    decode(tmp_path / "z.npy", tmp_path / "out", str(latent_run))
    rows = list(read_rows(tmp_path / "out/crystals.csv"))[1:]
    assert ["1", "z: wanted finite numbers, got NaN or infinite ones"] in [[row[0], row[-1]] for row in rows]
    lists = pa.table({"z": [[1.0] * 60, [1.0] * 59, None]})
    pq.write_table(lists, tmp_path / "z.parquet")
    latents = read_latents(tmp_path / "z.parquet")
    assert latents.left_out == [("1", "z: wanted 60 numbers, got 59"), ("2", "has no latent vector")]


def test_bad_input_is_one_line_and_leaves_nothing(latent_run: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "short.npy", np.zeros((2, 59)))
    np.save(tmp_path / "flat.npy", np.zeros(60))
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    for name, message in (
        ("short.npy", "no latent vector that can be used; 0: z: wanted 60 numbers, got 59"),
        ("flat.npy", r"wanted floating-point numbers \[B, L\], got float64 \[60\]"),
        ("other.parquet", "wanted a column z of lists of numbers.*got none"),
        ("absent.npy", "no such file"),
    ):
        with pytest.raises(cg.InputError, match=message):
            decode(tmp_path / name, tmp_path / "out", str(latent_run))
        assert not (tmp_path / "out").exists()
    with pytest.raises(cg.InputError, match="it encodes no crystals, wanted an autoencoder of crystals"):
        decode(tmp_path / "short.npy", tmp_path / "out", "mp10a")
    with pytest.raises(cg.InputError, match=r"wanted a name that ends in \.parquet"):
        encode((tmp_path,), tmp_path / "z.npy", str(latent_run))


def test_a_column_of_numbers_is_read_by_id(tmp_path: Path) -> None:
    path = tmp_path / "salts.parquet"
    columns = {"gap": [5.0, None, 0.0], "text": ["a", "b", "c"], "empty": pa.array([None] * 3, pa.float64())}
    write_table(path, table_of(salts(), {name: pa.array(values) for name, values in columns.items()}))
    assert numbers_of(path, "gap", ["iridium", "doubled", "salt"]) == pytest.approx([0, np.nan, 5], nan_ok=True)
    for name, message in (
        ("text", "column text: wanted numbers, got string"),
        ("absent", "no column 'absent'; its columns of numbers are gap, empty"),
        ("empty", "column empty: wanted numbers, got none in 1 rows"),
    ):
        with pytest.raises(cg.InputError, match=message):
            numbers_of(path, name, ["salt"])


def test_every_command_of_the_page_is_understood() -> None:
    page = (Path(__file__).parents[1] / "docs/latent.md").read_text()
    lines = re.findall(r"^crystalgrid (\w+) (.*)$", page, re.MULTILINE)
    assert {name for name, _ in lines} >= {
        "encode",
        "decode",
        "interpolate",
        "neighbours",
        "map",
        "train",
        "optimise",
        "sample",
    }
    for name, words in lines:
        if name == "sample":  # whose options are those of the C++ program
            parser().parse_args(words.split())
        else:
            bind(command(name), f"crystalgrid {name}", words.split())
