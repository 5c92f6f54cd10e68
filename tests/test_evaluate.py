"""crystalgrid-evaluate from end to end."""

import json
from dataclasses import replace

import pytest

from artifacts import write_untrained_run
from crystalgrid.artifacts.checkpoint import read_checkpoint, write_checkpoint
from crystalgrid.artifacts.metadata import DataInfo
from crystalgrid.commands.evaluate import evaluate
from crystalgrid.data.load import load_crystals
from crystalgrid.errors import InputError

KEYS = {
    "pred_to_true_A", "true_to_pred_A", "recall_0p5A", "precision_0p5A", "count_exact", "count_within_1",
    "species_exact", "species_within_2", "z_pearson", "voxel_mse", "voxel_rel_l2",
}  # fmt: skip


@pytest.fixture(scope="module", params=["repeated", "single"])
def run(request, tmp_path_factory):
    """The folder of a run that has learned nothing."""
    folder = tmp_path_factory.mktemp("run")
    write_untrained_run(folder, request.param)
    return folder, request.param


def test_table_json_and_picture(run, tmp_path, capsys):
    folder, mode = run
    evaluate(str(folder), max_cubes=6, json_path=tmp_path / "metrics.json", picture=tmp_path / "picture.png")
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert (metrics["mode"], metrics["n_cubes"], metrics["split"], metrics["data"]) == (mode, 6, "test", "prototypes")
    for region in (metrics, metrics["interior"], metrics["extraction_only"], metrics["extraction_only"]["interior"]):
        assert region.keys() >= KEYS
        assert region["pred_to_true_A"].keys() == {"p50", "p75", "p90"}
    assert metrics["extraction_only"]["interior"]["recall_0p5A"] > 0.9
    assert metrics["extraction_only"]["voxel_mse"] == 0
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
    table = capsys.readouterr().out
    assert "paper" in table
    assert "extraction only" in table
    assert sum(line.startswith(tuple(KEYS)) for line in table.splitlines()) == len(KEYS) + 4


def test_the_same_seed_sees_the_same_cubes(run, tmp_path):
    folder, _ = run
    for name in ("a.json", "b.json"):
        evaluate(str(folder), max_cubes=3, json_path=tmp_path / name, seed=4)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_crystals_split_otherwise_than_for_training_are_told_of(run, capsys):
    folder, mode = run
    path = folder / "checkpoints" / "last.ckpt"
    checkpoint = read_checkpoint(path)
    split = load_crystals("prototypes", mode=mode, seed=0).checksum
    info = replace(checkpoint.info, data=DataInfo("prototypes", split))
    write_checkpoint(path, replace(checkpoint, info=info))
    for seed, warns in ((0, False), (5, True)):
        evaluate(str(folder), max_cubes=3, seed=seed)
        assert ("may have been trained on" in capsys.readouterr().err) == warns


def test_bad_input_is_one_line(run, tmp_path):
    folder, _ = run
    for options, message in (
        ({"model": "nowhere"}, "nowhere"),
        ({"data": "nowhere.parquet"}, "nowhere.parquet"),
        ({"split": "tset"}, "split: wanted one of train, val, test"),
        ({"max_cubes": 0}, "--max-cubes: wanted a positive number"),
        ({"json_path": tmp_path / "no" / "metrics.json"}, "does not exist"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            evaluate(**{"model": str(folder), **options})
        assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
