"""The formulas that a model was trained on: kept with it in every form, and warned of where they are evaluated."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from artifacts import write_untrained_run
from crystalgrid.artifacts.archive import add_metadata, read_formulas, read_metadata
from crystalgrid.artifacts.checkpoint import Checkpoint, last, read_checkpoint, write_checkpoint
from crystalgrid.artifacts.export import describe_artifact, identity
from crystalgrid.artifacts.exported import script_network
from crystalgrid.artifacts.find import load_trained
from crystalgrid.artifacts.formulas import join_formulas, trained_formulas
from crystalgrid.artifacts.released import FORMULAS, released_models, write_weights
from crystalgrid.commands.evaluate import evaluate
from crystalgrid.data.formulas import formula_hashes, share_formula
from crystalgrid.data.load import load_crystals
from crystalgrid.data.split import reduced_formulas
from crystalgrid.model import load


def remember(run: Path, formulas: np.ndarray) -> None:
    """Let a run say that it was trained on these formulas."""
    checkpoint = read_checkpoint(last(run))
    write_checkpoint(last(run), Checkpoint(checkpoint.info, checkpoint.weights, formulas=formulas))


def test_hashes_are_of_reduced_formulas() -> None:
    crystals = load_crystals("prototypes")
    hashes = formula_hashes(crystals)
    formulas = reduced_formulas(crystals)
    assert hashes.dtype == np.uint64
    assert hashes.tolist() == sorted(
        {int.from_bytes(hashlib.sha256(formula.encode()).digest()[:8], "big") for formula in formulas}
    )
    first = formula_hashes(crystals[:1])
    assert share_formula(crystals, first).tolist() == (formulas == formulas[0]).tolist()
    assert not share_formula(crystals, np.zeros(0, np.uint64)).any()
    assert len(formula_hashes(crystals[:0])) == 0


def test_every_form_of_a_model_keeps_them(tmp_path: Path) -> None:
    run = tmp_path / "run"
    write_untrained_run(run)
    formulas = np.array([3, 2**63 + 1], np.uint64)
    remember(run, formulas)
    (tmp_path / "released").mkdir()
    write_weights(run, tmp_path / "released")
    assert len({path.stat().st_mode for path in (tmp_path / "released").iterdir()}) == 1  # others read it, too
    network, info = load_trained(run)
    (tmp_path / "model.pt").write_bytes(script_network(network))
    add_metadata(tmp_path / "model.pt", describe_artifact(network, info, ".pt"), formulas)
    for form in ("run", "run/checkpoints/last.ckpt", "released", "model.pt"):
        assert trained_formulas(tmp_path / form).tolist() == formulas.tolist(), form
        assert load(tmp_path / form).mode == info.mode
    assert read_metadata(tmp_path / "model.pt").identity == identity(network, ".pt")


def test_models_without_formulas_are_loaded(tmp_path: Path) -> None:
    run = tmp_path / "run"
    write_untrained_run(run)
    assert trained_formulas(run) is None
    network, info = load_trained(run)
    (tmp_path / "model.pt").write_bytes(script_network(network))
    add_metadata(tmp_path / "model.pt", describe_artifact(network, info, ".pt"))
    assert read_formulas(tmp_path / "model.pt") is None
    assert load(tmp_path / "model.pt").mode == info.mode


def test_joined_formulas_are_each_kept_once() -> None:
    parts = np.array([5, 7], np.uint64), None, np.array([1, 5], np.uint64)
    assert join_formulas(*parts).tolist() == [1, 5, 7]
    assert join_formulas().dtype == np.uint64


def test_released_models_know_the_formulas_that_they_saw() -> None:
    for name, folder in released_models().items():
        formulas = np.load(folder / FORMULAS)
        assert formulas.dtype == np.uint64, name
        assert (np.diff(formulas.astype(object)) > 0).all(), name
        assert trained_formulas(name).tolist() == formulas.tolist()


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_formulas_that_were_trained_on_are_warned_of(share: float, tmp_path: Path, capsys) -> None:
    run = tmp_path / "run"
    write_untrained_run(run)
    crystals = load_crystals("prototypes").split("test")
    hashes = formula_hashes(crystals)
    remember(run, hashes[: round(share * len(hashes))])
    n_seen = int(share_formula(crystals, hashes[: round(share * len(hashes))]).sum())
    capsys.readouterr()
    evaluate(str(run), json_path=tmp_path / "metrics.json")
    output = capsys.readouterr()
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    warned = f"warning: {n_seen} of {len(crystals)} crystals share a reduced formula with crystals that {run} was"
    assert (warned in output.err) == (share > 0)
    assert ("seen_formulas" in metrics) == ("seen formulas: " in output.out) == (share == 0.5)
    if share == 0.5:
        halves = metrics["seen_formulas"], metrics["unseen_formulas"]
        assert halves[0]["n_crystals"] == n_seen
        for key in ("n_crystals", "n_cubes", "n_true", "n_found"):
            assert sum(half[key] for half in halves) == metrics[key]
        sums = [half["count_within_1"] * half["n_cubes"] for half in halves]
        assert sum(sums) == pytest.approx(metrics["count_within_1"] * metrics["n_cubes"])
        assert halves[0]["interior"]["intervals"]


def test_a_run_keeps_the_formulas_that_it_was_trained_on(tmp_path: Path, recipe: Path) -> None:
    from crystalgrid.commands.train import train

    torch.manual_seed(0)
    options = {"mode": "repeated", "data": "prototypes", "recipe": str(recipe), "max_steps": 1}
    train(out=tmp_path / "first", seed=0, **options)
    train(out=tmp_path / "second", seed=1, start=str(tmp_path / "first"), **options)
    first, second = (formula_hashes(load_crystals("prototypes", seed=seed).split("train")).tolist() for seed in (0, 1))
    assert trained_formulas(tmp_path / "first").tolist() == first
    assert trained_formulas(tmp_path / "second").tolist() == sorted({*first, *second})
