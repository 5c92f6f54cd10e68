"""A generator's prediction of energies above the hull: learned from judged crystals, and used when it draws."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import crystalgrid as cg
from crystalgrid.artifacts.export_generator import export_generator
from crystalgrid.artifacts.find import load_learner
from crystalgrid.artifacts.released import load_released, write_weights
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.parquet import table_of, write_table
from crystalgrid.errors import InputError
from crystalgrid.generation.crystal_model import CrystalModel, crystals_of
from crystalgrid.nets.generators.crystal_generator import LARGEST_ENERGY
from crystalgrid.training.encoded_crystals import encode
from crystalgrid.training.train import train
from crystalgrid.training.train_stability import features_of, fit
from small_crystal_generator import train_small

pytestmark = pytest.mark.usefixtures("no_gpu")

OPTIONS = {"mode": None, "max_steps": None, "max_epochs": None, "minutes": None, "resume": False, "seed": 0}
LIGHT = 40


def is_light(crystal: cg.Crystal) -> bool:
    return bool(crystal.numbers.max() <= LIGHT)


def judge(crystals: CrystalSet, path: Path, **columns: list) -> Path:
    """Write crystals with energies above the hull; those with an element heavier than zirconium are unstable."""
    energies = [0.0 if is_light(crystal) else 0.5 for crystal in crystals]
    write_table(path, table_of(crystals, {"energy_above_hull": energies, **columns}))
    return path


def learn_stability(folder: Path, crystals: CrystalSet) -> None:
    """Write a folder `run` beside a folder `small`, whose model learns energies of crystals."""
    data, start = judge(crystals, folder / "judged.parquet"), str(folder / "small")
    train(**OPTIONS, recipe="stability", start=start, data=str(data), column=None, out=folder / "run")


@pytest.fixture(scope="module")
def judged_run(prototypes: CrystalSet, made_once) -> Path:
    """Return the folder of a small generator that has learned energies of the crystals that it knows."""

    def learn(folder: Path) -> None:
        train_small(folder / "small", "prototypes", 1)
        learn_stability(folder, prototypes)

    return made_once("stability", learn) / "run"


def test_a_run_says_what_it_learned(judged_run: Path) -> None:
    metrics = json.loads((judged_run / "metrics.json").read_text())
    assert metrics["n_learned"] > metrics["n_test"] > 9
    _, info = load_learner(str(judged_run))
    assert info.stability.error == pytest.approx(metrics["mae"])
    assert info.stability.column == "energy_above_hull"
    assert info.stability.crystals == metrics["n_learned"]


def test_energies_are_learned_from_features(judged_run: Path) -> None:
    network, _ = load_learner(str(judged_run))
    features = torch.randn(900, network.stability.size, generator=torch.Generator().manual_seed(0))
    energies = 0.2 + 0.2 * features[:, 3]
    splits = {"learned": np.arange(700), "chosen_by": np.arange(700, 800), "test": np.arange(800, 900)}
    torch.manual_seed(0)
    metrics = fit(network, features, energies, splits)
    assert metrics["mae"] < 0.5 * metrics["mae_constant"]
    assert metrics["stable_of_passing"] > metrics["stable"] + 0.3
    assert metrics["stable_of_nearest"] < metrics["stable"] + 0.3  # the distance says nothing of these


def test_what_is_predicted_to_be_unstable_is_drawn_again(judged_run: Path, monkeypatch) -> None:
    model: CrystalModel = cg.load(judged_run)
    network = model.network
    network.farthest = 1e6  # the elements of a language that has learned nothing are far from known ones

    latest, dressed = [], network.dressed

    def recorded(*arguments):
        latest[:] = dressed(*arguments)
        return tuple(latest)

    monkeypatch.setattr(network, "dressed", recorded)
    monkeypatch.setattr(network, "energy_above", lambda *_: (latest[0].elements.amax(1) > LIGHT) * 0.5)
    shares = []
    for largest in (1.0, LARGEST_ENERGY):
        network.largest_energy = largest
        drawn = crystals_of(model.draws(0, 0, {"structures": [1.0]}, model.plan({})))
        shares.append(np.mean([is_light(crystal) for crystal in drawn if crystal is not None]))
    assert shares[1] > shares[0] + 0.2


def test_features_do_not_depend_on_the_other_crystals(judged_run: Path, prototypes: CrystalSet) -> None:
    network, info = load_learner(str(judged_run))
    sizes = info.recipe.generator
    some = encode(prototypes[:40], (sizes.orbits, sizes.atoms), info.symprec, "symmetry")
    together = features_of(network, some)
    for index in (0, 7, len(some.source) - 1):
        alone = encode(prototypes[some.source[[index]].numpy()], (sizes.orbits, sizes.atoms), info.symprec, "symmetry")
        torch.testing.assert_close(features_of(network, alone)[0], together[index], rtol=1e-4, atol=1e-5)


def test_it_is_released_and_exported(judged_run: Path, tmp_path: Path) -> None:
    (tmp_path / "released").mkdir()
    write_weights(judged_run, tmp_path / "released")
    network, info = load_released(tmp_path / "released")
    assert info.stability.data.source == "judged.parquet"
    export_generator(tmp_path / "released", network, info, tmp_path / "model.pt")
    exported, eager = cg.load(tmp_path / "model.pt").generate(8), cg.load(tmp_path / "released").generate(8)
    for left, right in zip(exported, eager, strict=True):
        assert left.numbers.tolist() == right.numbers.tolist()


def test_training_the_language_leaves_it_out(judged_run: Path, tmp_path: Path, capsys) -> None:
    train_small(tmp_path / "further", "prototypes", 1, recipe=None, start=str(judged_run))
    assert "its prediction of energies above the hull is left out" in capsys.readouterr().err
    network, info = load_learner(str(tmp_path / "further"))
    assert network.stability is None
    assert info.stability is None


def test_bad_input(prototypes: CrystalSet, tmp_path: Path) -> None:
    data = judge(prototypes, tmp_path / "judged.parquet", text=["a"] * len(prototypes))
    options = {**OPTIONS, "recipe": "stability", "data": str(data), "out": tmp_path / "out"}
    for changes, message in (
        ({"start": None, "column": None}, "--recipe stability: wanted --start MODEL"),
        ({"start": "perov5-single", "column": None}, "perov5-single: an autoencoder, wanted a generator"),
        ({"start": "mp10a", "column": "energy"}, "no column 'energy'; its columns of numbers are energy_above_hull"),
        ({"start": "mp10a", "column": None, "data": "prototypes"}, "wanted --data FILE.parquet .*, got prototypes"),
        ({"start": "mp10a", "column": "text"}, "column text: wanted numbers"),
        ({"start": "mp10a", "column": None, "mode": "single"}, "--recipe stability: wanted no --mode"),
    ):
        with pytest.raises(InputError, match=message):
            train(**{**options, **changes})
        assert not (tmp_path / "out").exists()
