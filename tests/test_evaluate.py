"""crystalgrid-evaluate from end to end."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from artifacts import write_untrained_run
from crystalgrid.artifacts.checkpoint import read_checkpoint, write_checkpoint
from crystalgrid.artifacts.metadata import DataInfo
from crystalgrid.atoms import Atoms
from crystalgrid.commands.evaluate import evaluate
from crystalgrid.data.load import load_crystals
from crystalgrid.errors import InputError
from crystalgrid.grid import Grid
from crystalgrid.report.evaluation import summary_with_intervals
from crystalgrid.report.intervals import METHOD
from crystalgrid.report.metrics import Tally, TrueAtoms, none_found
from crystalgrid.report.metrics_table import metrics_table

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
    assert f"6 cubes of 2 crystals, {mode} mode: {metrics['n_true']} true atoms" in table
    assert max(map(len, table.splitlines())) <= 120


def test_intervals_are_of_every_metric(run, tmp_path):
    folder, _ = run
    evaluate(str(folder), max_cubes=6, json_path=tmp_path / "metrics.json")
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    for region in (metrics, metrics["interior"]):
        assert region["intervals"].keys() == KEYS
        for low, high in filter(None, (region["intervals"]["recall_0p5A"], region["intervals"]["voxel_mse"])):
            assert low <= high
    assert "crystals" in metrics["interval_method"]


def test_counts_stand_beside_the_most_there_could_be_and_no_atom_is_no_distance():
    grid = Grid()
    density, none = torch.ones(3, 30, 30, 30), Atoms(*(torch.zeros(n, dtype=torch.int64) for n in (0, 0, 4, 0)))
    tally, extraction = Tally(grid), Tally(grid)
    true = [TrueAtoms(np.full((1, 3), 5.0), np.array([26]))] * 3
    found = Atoms(torch.full((3, 3), 5.0), torch.full((3,), 26), torch.arange(4), torch.ones(3, dtype=torch.int64))
    tally.add(none._replace(positions=torch.zeros(0, 3)), true, density, density)
    extraction.add(found, true, density, density)
    metrics = {
        "mode": "repeated", **summary_with_intervals(tally, 0), "extraction_only": extraction.summary(),
        "interval_method": METHOD, "none_found_A": none_found(grid),
    }  # fmt: skip
    rows = {line[:19].strip(): line[19:].split() for line in metrics_table(metrics).splitlines()}
    assert rows["true_to_pred_A p50"][:4] == ["none", "found", "[∞,", "∞]"]
    assert rows["pred_to_true_A p50"][0] == "–"
    assert rows["count_exact"] == ["0", "[0,", "0]", "0", "[0,", "0]", "≤", "1", "≤", "1", "–"]
    assert "17.3" not in metrics_table(metrics)


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
        ({"model": "mp10a-latent"}, r"an autoencoder of crystals, wanted one of densities; .*latent.py reconstruction"),
        ({"data": "nowhere.parquet"}, "nowhere.parquet"),
        ({"split": "tset"}, "split: wanted one of train, val, test"),
        ({"max_cubes": 0}, "--max-cubes: wanted a positive number"),
        ({"json_path": tmp_path / "no" / "metrics.json"}, "does not exist"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            evaluate(**{"model": str(folder), **options})
        assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
