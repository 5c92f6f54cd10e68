"""Properties from latent vectors: heads, splits without shared formulas, and `crystalgrid train --recipe property`."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

import crystalgrid as cg
from crystalgrid.commands.optimise import optimise as optimise_command
from crystalgrid.commands.sample import sample
from crystalgrid.data.composition_features import composition_features, element_shares
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.parquet import table_of, write_table
from crystalgrid.data.split import reduced_formulas
from crystalgrid.generation.optimise import LOOKS, crystals_on_the_way, optimise
from crystalgrid.generation.property_model import open_property, write_property
from crystalgrid.nets.property_head import PropertyHead
from crystalgrid.report.crystal_table import read_rows
from crystalgrid.training.property_heads import Examples, fit_heads, mean_absolute_error
from crystalgrid.training.train import train
from crystalgrid.training.train_property import split_rows
from crystalgrid.worth.validity import is_lemat_valid

OPTIONS = {"mode": None, "max_steps": None, "max_epochs": None, "minutes": None, "resume": False, "seed": 0}


def test_heads_learn_what_they_can_express() -> None:
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(600, 6, generator=rng)
    for y, name, most in ((x @ torch.arange(6.0) + 3, "ridge", 0.01), (x[:, 0].abs(), "mlp", 0.25)):
        examples = [Examples(x[part], y[part]) for part in (slice(0, 400), slice(400, 500), slice(500, 600))]
        heads = fit_heads(*examples[:2], seed=0)
        assert mean_absolute_error(heads[name], examples[2]) < most
    assert mean_absolute_error(heads["ridge"], examples[2]) > 0.4


def test_small_numbers_are_no_constant() -> None:
    head = PropertyHead(2)
    expansion = torch.tensor([1e-7, 3e-7, 2e-7])
    head.standardize(torch.tensor([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]]), expansion)
    assert float(head.y_std) == pytest.approx(float(expansion.std(correction=0)))
    assert head.x_std.tolist() == pytest.approx([(2 / 3) ** 0.5, 1])


def test_no_formula_is_learned_and_judged(prototypes: CrystalSet) -> None:
    for splits in (np.full(len(prototypes), "val"), prototypes.splits):
        marked = splits.astype("<U5")
        marked[::4] = "test"
        rows = split_rows(prototypes.with_splits(marked), 0, "prototypes")
        learned, test = (set(reduced_formulas(prototypes[rows[name]])) for name in ("learned", "test"))
        assert not learned & test
        assert not learned & set(reduced_formulas(prototypes[rows["chosen_by"]]))
    with pytest.raises(cg.InputError, match="wanted at least 10 crystals with a number in split test, got 0"):
        split_rows(prototypes.with_splits(np.full(len(prototypes), "train")), 0, "prototypes")


def test_features_of_a_composition() -> None:
    salt = cg.Crystal(5 * np.eye(3), [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0, 0]], [11, 17, 17])
    crystals = CrystalSet.from_crystals([salt])
    assert element_shares(crystals)[0, [10, 16]] == pytest.approx([1 / 3, 2 / 3])
    features = composition_features(crystals)[0, 94:]
    assert features[0] == pytest.approx((11 + 2 * 17) / 3)
    assert features[5] == pytest.approx(np.std([11, 17, 17]))
    assert features[[10, 15]].tolist() == [11, 17]


def test_a_column_is_learned_and_judged(latent_run: Path, prototypes: CrystalSet, tmp_path: Path) -> None:
    volumes = [crystal.volume / len(crystal) for crystal in prototypes]
    volumes[5] = None
    texts = [str(value) for value in volumes]
    rare = [1.0, 2.0, 3.0] + [None] * (len(texts) - 3)
    columns = {"volume": pa.array(volumes), "text": pa.array(texts), "rare": pa.array(rare), "same": [2.5] * len(texts)}
    write_table(tmp_path / "data.parquet", table_of(prototypes, columns))
    options = {**OPTIONS, "recipe": "property", "start": str(latent_run), "data": str(tmp_path / "data.parquet")}
    train(**options, column="volume", out=tmp_path / "run")
    metrics = json.loads((tmp_path / "run/metrics.json").read_text())
    assert metrics["n_learned"] > 100
    assert metrics["mae"] < metrics["mae_constant"]
    assert f"| {metrics['mae']:.4g} |" in (tmp_path / "run/card.md").read_text()
    assert len({path.stat().st_mode for path in (tmp_path / "run").iterdir()}) == 1  # a group reads all of it
    model = open_property(tmp_path / "run")
    assert set(model.description["elements"]) <= set(prototypes.numbers.tolist())
    assert len(model.description["elements"]) > 10
    z = torch.zeros(2, 60, requires_grad=True)
    (gradient,) = torch.autograd.grad(model.head(z).sum(), z)
    assert gradient.isfinite().all()
    assert gradient.abs().max() > 0
    for changes, message in (
        ({"column": "same"}, "same: wanted numbers that differ, got 2.5 for all"),
        ({"column": "rare"}, "wanted at least 10 crystals with a number in split"),
        ({"column": "absent"}, "no column 'absent'; its columns of numbers are volume, rare, same"),
        ({"column": "text"}, "column text: wanted numbers, got string"),
        ({"column": None}, "wanted --start MODEL, whose latent vectors, and --column NAME"),
        ({"column": "volume", "mode": "single"}, "--recipe property: wanted no --mode"),
        ({"column": "volume", "recipe": "generator"}, "--column: wanted --recipe property"),
    ):
        with pytest.raises(cg.InputError, match=message):
            train(**{**options, "out": tmp_path / "other", **changes})
        assert not (tmp_path / "other").exists()


def test_elements_that_were_not_learned_from_are_not_decoded(latent_run: Path, tmp_path: Path) -> None:
    pytest.importorskip("smact")
    z = torch.randn(12, 60)
    write_property(tmp_path, PropertyHead(60), {"column": "made_up", "model": str(latent_run)})
    every = [
        found.crystal for found in optimise(open_property(tmp_path), z, "lower", is_lemat_valid) if found is not None
    ]
    common, _ = Counter(int(number) for crystal in every for number in set(crystal.numbers.tolist())).most_common(1)[0]
    elements = sorted({int(number) for crystal in every for number in crystal.numbers} - {common})
    write_property(tmp_path, PropertyHead(60), {"column": "made_up", "model": str(latent_run), "elements": elements})
    kept = [
        found.crystal for found in optimise(open_property(tmp_path), z, "lower", is_lemat_valid) if found is not None
    ]
    assert len(kept) >= len(every) // 2
    assert all(set(crystal.numbers.tolist()) <= set(elements) for crystal in kept)
    write_property(tmp_path, PropertyHead(60), {"column": "made_up", "model": str(latent_run), "elements": [77]})
    with pytest.raises(cg.InputError, match="no element that training crystals hold is left"):
        optimise_command(tmp_path, tmp_path / "none", goal="lower", n=3, workers=1)


def test_vectors_are_optimised_and_their_crystals_judged(
    latent_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("smact")
    head = PropertyHead(60)
    with torch.no_grad():
        head.members[0][-1].weight.copy_(torch.linspace(-1, 1, 60)[None])
    (tmp_path / "run").mkdir()
    write_property(tmp_path / "run", head, {"column": "made_up", "model": str(latent_run)})
    model = open_property(tmp_path / "run")
    z = torch.randn(6, 60)
    for goal in ("lower", "higher", 1.5):
        found = [result for result in optimise(model, z, goal, is_lemat_valid) if result is not None]
        assert len(found) > 1
        for result in found:
            own = model.latent.encode_crystals(result.crystal)[0]
            assert result.predicted == pytest.approx(float(model.head(own)), abs=1e-2)
    on_the_way = list(crystals_on_the_way(model, z, "lower", is_lemat_valid))
    assert len(on_the_way) == LOOKS
    for i, result in enumerate(optimise(model, z, "lower", is_lemat_valid)):
        reached = [crystals[i] for crystals in on_the_way if i in crystals]
        assert (result is None) == (not reached)
        if result is not None:
            best = min(reached, key=lambda each: (not each.is_valid, each.predicted))
            assert result.predicted == best.predicted
            assert is_lemat_valid(result.crystal) == best.is_valid == any(each.is_valid for each in reached)
    optimise_command(tmp_path / "run", tmp_path / "out", goal="lower", n=4, workers=1)
    header, *rows = read_rows(tmp_path / "out/crystals.csv")
    assert len(rows) == 4
    assert {"start_value", "predicted", "better", "valid", "new"} <= set(header)
    sample("crystalgrid-sample", [str(tmp_path / "run"), "-n4", "--target=made_up=1.5", "-o", str(tmp_path / "drawn")])
    assert next(iter(read_rows(tmp_path / "drawn/crystals.csv"))) == header
    rows = [dict(zip(header, row, strict=True)) for row in list(read_rows(tmp_path / "drawn/crystals.csv"))[1:]]
    nearest = min(abs(float(row["predicted"]) - 1.5) for row in rows if row["predicted"])  # some lead to no crystal
    assert f"from 1.5 in the median, {nearest:.3g} at least" in capsys.readouterr().out
    for target, words, message in (
        ("gap=1", [], "predicts made_up, wanted gap"),
        ("made_up", [], "--target: wanted COLUMN=VALUE as band_gap=1.5"),
        ("made_up=nan", [], "target: wanted a finite number, got nan"),
        ("made_up=1", ["--formula=NaCl"], "--target: wanted -n, --seed and --out beside it alone, got --formula"),
    ):
        with pytest.raises(cg.InputError, match=message):
            sample("", [str(tmp_path / "run"), f"--target={target}", *words, "-o", str(tmp_path / "refused")])
    with pytest.raises(cg.InputError, match="a run of the recipe property; wanted --target COLUMN=VALUE with it"):
        sample("", [str(tmp_path / "run"), "-o", str(tmp_path / "refused")])
    assert "warning" not in capsys.readouterr().err
    write_property(tmp_path / "run", head, {**model.description, "mae": 2.0, "mae_constant": 2.0})
    optimise_command(tmp_path / "run", tmp_path / "unlearned", goal="lower", n=2, workers=1)
    assert "made_up are off by 2 on average, those of a constant by 2: they mean nothing" in capsys.readouterr().err
    for options in ({}, {"target": 1.0, "goal": "lower"}):
        with pytest.raises(cg.InputError, match="wanted either --target VALUE or --goal"):
            optimise_command(tmp_path / "run", tmp_path / "other", **options)
    with pytest.raises(cg.InputError, match=r"holds no property\.safetensors"):
        optimise_command(tmp_path, tmp_path / "other", goal="lower")
