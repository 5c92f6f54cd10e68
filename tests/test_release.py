"""Making a released model: from a run to weights, metrics, pictures and a card that says how it came about."""

import json
from pathlib import Path

import pytest

import crystalgrid as cg
from crystalgrid.artifacts.released import FORMULAS, WEIGHTS
from crystalgrid.commands.release import release
from crystalgrid.commands.train import train
from crystalgrid.report.model_card import CARD, DRAWS, LIMITS, METRICS, PICTURE
from small_priors import train_small_prior, write_recipe

pytestmark = [pytest.mark.usefixtures("no_gpu"), pytest.mark.slow]


def test_a_run_becomes_a_model_whose_card_says_how(crystals: Path, tmp_path: Path, monkeypatch) -> None:
    write_recipe(tmp_path / "small.toml", "unit cells")
    runs = {name: tmp_path / name for name in ("first", "run", "drawn", "further")}
    train(runs["first"], "repeated", str(crystals), str(tmp_path / "small.toml"), seed=3)
    monkeypatch.chdir(tmp_path)
    train(runs["run"], "repeated", str(crystals), start="first", max_steps=1)
    train_small_prior("run", runs["drawn"], crystals, max_steps=1)
    train_small_prior("run", runs["further"], crystals, start="drawn", seed=7, max_steps=2)

    folder = tmp_path / "models" / "mine"
    release(runs["further"], folder, crystals, "the prototypes, CC0", "a small machine", max_cubes=6)
    assert {path.name for path in folder.iterdir()} == {CARD, DRAWS, FORMULAS, METRICS, PICTURE, WEIGHTS}
    card, metrics = (folder / CARD).read_text(), json.loads((folder / METRICS).read_text())
    for words in (
        "# mine", "the prototypes, CC0", "a small machine",
        "`crystalgrid-train --mode repeated --data few.parquet --recipe small --start first --seed 0",
        "the weights that `first` had after 2 steps",
        "`crystalgrid-prior mine --data few.parquet --start drawn --seed 7",
        "started from the prior that `drawn` had after 1 steps",
        "`crystalgrid-evaluate mine --data few.parquet --split test --max-cubes 6 --json m.json`",
        f"{metrics['n_cubes']} cubes of {metrics['n_crystals']} crystals, repeated mode",
    ):  # fmt: skip
        assert words in card
    assert (metrics["model"], metrics["data"], metrics["split"]) == ("mine", "few.parquet", "test")
    for file in (CARD, METRICS, WEIGHTS):
        assert str(tmp_path).encode() not in (folder / file).read_bytes()
    assert cg.load(folder).has_prior

    (folder / CARD).write_text(card.partition(LIMITS)[0] + LIMITS + "\n- none that I know of\n")
    release(runs["run"], folder, crystals, "the prototypes, CC0", "another machine", max_cubes=6)
    card = (folder / CARD).read_text()
    assert card.endswith("- none that I know of\n")
    assert "another machine" in card
    assert "crystalgrid-prior" not in card
    assert DRAWS not in card
    assert not (folder / DRAWS).exists()
