"""Neighbours in latent space, and the map."""

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import crystalgrid as cg
from crystalgrid.commands.map import map_latents
from crystalgrid.commands.neighbours import neighbours
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.parquet import write_parquet
from crystalgrid.report.crystal_table import read_rows
from crystalgrid.report.latent.latent_map import principal_components


def test_the_nearest_is_the_crystal_itself(
    latent_run: Path, prototypes: CrystalSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    encodable = [i for i in range(0, len(prototypes), 25) if not cg.load(latent_run).encode_some([prototypes[i]])[2]]
    write_parquet(tmp_path / "some.parquet", prototypes[encodable])
    prototypes[encodable[0]].write(tmp_path / "first.cif")
    for _ in range(2):  # the second time from the cache
        neighbours(
            tmp_path / "first.cif", tmp_path / "some.parquet", 3, tmp_path / "near.csv", str(latent_run), workers=1
        )
    header, *rows = read_rows(tmp_path / "near.csv")
    assert header == ["crystal", "rank", "distance", "id", "formula", "space_group"]
    assert rows[0][3:5] == [str(prototypes.ids[encodable[0]]), prototypes[encodable[0]].formula]
    assert float(rows[0][2]) < 0.01 < float(rows[1][2]) <= float(rows[2][2])
    assert len(list((tmp_path / "cache/crystalgrid").glob("latents-*.parquet"))) == 1


def test_principal_components_are_those_of_the_largest_variance() -> None:
    z = np.random.default_rng(0).normal(size=(500, 5)) * [1, 10, 1, 5, 1]
    points, shares = principal_components(z)
    assert abs(np.corrcoef(points[:, 0], z[:, 1])[0, 1]) > 0.99
    assert abs(np.corrcoef(points[:, 1], z[:, 3])[0, 1]) > 0.98
    assert shares == pytest.approx(np.array([100, 25]) / 128, abs=0.05)


def test_the_map_is_one_page_with_its_points(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    z = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    columns = {
        "immutable_id": [f"</script>{i}" for i in range(20)], "formula": ["NaCl"] * 20, "space_group": ["Fm-3m"] * 20,
        "gap": [None, *np.arange(19.0).tolist()], "kind": [f"k{i % 13}" for i in range(20)], "z": list(z),
    }  # fmt: skip
    pq.write_table(pa.table(columns), tmp_path / "z.parquet")
    for column, categories in (("gap", None), ("kind", 11)):
        map_latents(tmp_path / "z.parquet", tmp_path / "map.html", column)
        page = (tmp_path / "map.html").read_text()
        assert page.count("<script") == page.count("</script>") == 2
        assert "http" not in page
        data = json.loads(re.search(r'type="application/json">(.*?)</script>', page, re.DOTALL)[1])
        assert len(data["x"]) == len(data["id"]) == 20
        assert data["id"][3] == "</script>3"
        assert (data["colour"]["categories"] and len(data["colour"]["categories"])) == categories
    lines = capsys.readouterr().out.splitlines()
    assert [line.endswith("of z, in place of an earlier file") for line in lines] == [False, True]
    with pytest.raises(cg.InputError, match="no column 'weight' to colour by; it has immutable_id, formula"):
        map_latents(tmp_path / "z.parquet", tmp_path / "map.html", "weight")
    with pytest.raises(cg.InputError, match=r"wanted a name that ends in \.html"):
        map_latents(tmp_path / "z.parquet", tmp_path / "map.png")
