"""crystalgrid-figures from end to end."""

import json

import pytest

from artifacts import write_tiny
from crystalgrid.commands.figures import figures
from crystalgrid.errors import InputError
from crystalgrid.experiments import discriminator


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(write_tiny(tmp_path_factory.mktemp("model") / "model.pt"))


def test_every_figure_and_number_of_an_exported_model(model, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(discriminator, "STEPS", 2)
    monkeypatch.setattr(discriminator, "N_EXAMPLES", 32)
    figures(model, tmp_path / "new" / "figures", max_cubes=3, seed=2)
    assert {path.name for path in (tmp_path / "new" / "figures").iterdir()} == {
        "figures.json", "reconstruction.png", "reconstruction_cubes.png", "interpolation.png", "interpolation.gif",
        "draws.png", "draws_distances.png", "drawn_crystals.png", "conditioning.png",
        "latent_sweep.png", "discriminator.png",
    }  # fmt: skip
    numbers = json.loads((tmp_path / "new" / "figures" / "figures.json").read_text())
    assert (numbers["seed"], numbers["split"], numbers["n_cubes"], numbers["model"]) == (2, "test", 3, model)
    assert numbers.keys() >= {
        "reconstruction",
        "interpolation",
        "draws",
        "drawn_crystals",
        "conditioning",
        "discriminator",
    }
    assert "beta" not in numbers
    assert "figures.json and 10 figures" in capsys.readouterr().out


def test_bad_input_is_one_line(model, tmp_path):
    (tmp_path / "file").touch()
    for options, message in (
        ({"out": tmp_path / "file"}, "wanted a folder to write to, but a file has that name"),
        ({"model": "nowhere"}, "nowhere"),
        ({"data": "nowhere.parquet"}, "nowhere.parquet"),
        ({"split": "tset"}, "split: wanted one of train, val, test"),
        ({"max_cubes": 0}, "--max-cubes: wanted a positive number"),
        ({"seed": -1}, "--seed: wanted a whole number from 0 to .*, got -1"),
        ({"betas": (0.1, -1.0)}, "--betas: wanted a positive number, got -1.0"),
        ({"betas": (0.1,)}, "--betas needs a training run or a released model"),
        ({"minutes_each": 0.0}, "--minutes-each: wanted a positive number"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            figures(**{"model": model, "out": tmp_path / "out", **options})
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()
