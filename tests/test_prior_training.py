"""Training of priors: what the command leaves behind, that it resumes exactly, and that draws go through them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import crystalgrid as cg
from crystalgrid.artifacts.checkpoint import last, load_run, read_checkpoint
from crystalgrid.artifacts.released import load_released, write_weights
from crystalgrid.commands.export import export
from crystalgrid.commands.prior import prior
from crystalgrid.commands.train import train
from crystalgrid.crystal import Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.load import load_crystals
from crystalgrid.data.parquet import write_parquet
from crystalgrid.latents import latents
from small_priors import NETWORKS, train_small_prior, write_recipe

pytestmark = pytest.mark.usefixtures("no_gpu")


@pytest.fixture(scope="module", params=NETWORKS)
def run(request, tmp_path_factory, crystals) -> Path:
    """Return a model as crystalgrid-train leaves it, for priors of either kind."""
    folder = tmp_path_factory.mktemp("model")
    train(folder / "run", "repeated", str(crystals), str(write_recipe(folder / "small.toml", request.param)))
    return folder / "run"


def test_the_run_is_the_model_with_a_prior_beside_it(run, crystals, tmp_path) -> None:
    train_small_prior(run, tmp_path / "out", crystals, seed=5, max_steps=3)
    before, info = load_run(run)
    after, info_with_prior = load_run(tmp_path / "out")
    assert before.generator is None
    for name, weight in before.state_dict().items():
        assert torch.equal(weight, after.state_dict()[name])
    learned = info_with_prior.prior
    assert replace(info_with_prior, prior=None) == info
    assert (learned.seed, learned.step, learned.widths) == (5, 3, (32, 48))
    assert list((tmp_path / "out/pictures").glob("*.png"))
    noise = latents(0, 0, 3, info.latent_dim)
    assert torch.equal(cg.load(run).prior(noise), noise)
    expected = after.prior(noise)
    assert not torch.allclose(expected, noise, atol=0.1)

    export(str(tmp_path / "out"), tmp_path / "model.pt")
    write_weights(tmp_path / "out", tmp_path)
    for loaded in (cg.load(tmp_path / "model.pt"), cg.load(tmp_path / "out")):
        assert loaded.has_prior
        kind = info.recipe.network.autoencoder
        tolerance = 1e-4 if kind == "lattice" else None  # more operations, compiled otherwise
        torch.testing.assert_close(loaded.prior(noise), expected, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(load_released(tmp_path)[0].prior(noise), expected, rtol=0, atol=0.05)  # half precision


def test_stopped_and_resumed_is_the_same_as_never_stopped(run, crystals, tmp_path) -> None:
    train_small_prior(run, tmp_path / "whole", crystals, max_steps=6)
    train_small_prior(run, tmp_path / "parts", crystals, max_steps=3)
    train_small_prior(run, tmp_path / "parts", crystals, max_steps=6, resume=True)
    whole, parts = (read_checkpoint(last(tmp_path / name)) for name in ("whole", "parts"))
    assert whole.step == parts.step == 6
    assert all(torch.equal(weight, parts.weights[name]) for name, weight in whole.weights.items())
    assert whole.info.prior.seconds > 0


def test_a_prior_is_new_or_starts_from_the_one_that_is_named(run, crystals, tmp_path) -> None:
    def learned(name: str, model: Path, start: Path | None = None) -> dict[str, torch.Tensor]:
        train_small_prior(model, tmp_path / name, crystals, start=start, max_steps=1)
        net, _ = load_run(tmp_path / name)
        return dict(net.generator.named_parameters())

    first, anew = learned("first", run), learned("anew", tmp_path / "first")
    further = learned("further", run, tmp_path / "first")
    for name, weight in first.items():
        assert torch.equal(weight, anew[name])
    steps = torch.cat([(further[name] - weight).detach().abs().flatten() for name, weight in first.items()])
    assert 0 < steps.max() < 2e-5  # Adam's first step, at the first of a hundred rates
    start = read_checkpoint(last(tmp_path / "further")).info.prior.start
    assert start.model == str(tmp_path / "first")
    assert start.step == 1


def test_a_prior_is_fine_tuned_on_smaller_crystals(run, crystals, tmp_path) -> None:
    every = load_crystals(str(crystals))
    small = every[np.flatnonzero(np.diff(every.offsets) <= 2)]
    write_parquet(tmp_path / "small.parquet", small.with_splits(np.array(["train"] * len(small))))
    train_small_prior(run, tmp_path / "first", crystals, max_steps=1)
    train_small_prior(run, tmp_path / "further", tmp_path / "small.parquet", start=tmp_path / "first", max_steps=1)
    before, after = (read_checkpoint(last(tmp_path / name)).info.prior for name in ("first", "further"))
    assert after.atoms == before.atoms
    assert after.start.step == 1


def one_crystal(folder: Path) -> str:
    lone = CrystalSet.from_crystals([Crystal(4 * np.eye(3), [[0, 0, 0]], [26])])
    write_parquet(folder / "one.parquet", lone.with_splits(np.array(["train"])))
    return str(folder / "one.parquet")


def test_bad_input_ends_in_one_line(run, crystals, tmp_path) -> None:
    export(str(run), tmp_path / "model.pt")
    train_small_prior(run, tmp_path / "out", crystals, max_steps=1)
    for arguments, message in (
        ({"model": str(tmp_path / "model.pt")}, "wanted a training run or a released model"),
        ({"model": "absent"}, "absent: no such file, run folder or released model"),
        ({}, "the output folder exists and is not empty"),
        ({"resume": True, "seed": 1}, "was trained with another --seed"),
        ({"resume": True, "start": str(tmp_path / "out")}, "was trained with another --start"),
        ({"data": one_crystal(tmp_path)}, "wanted two crystals or more for a prior to learn from, got 1"),
        ({"out": tmp_path / "other", "start": str(run)}, "run: has no prior to start from"),
        ({"resume": True, "out": run}, "wanted one of crystalgrid-prior to resume"),
    ):
        given = {"model": str(run), "out": tmp_path / "out", "data": crystals, "max_steps": 2} | arguments
        with pytest.raises(cg.InputError, match=message):
            train_small_prior(**given)
    with pytest.raises(cg.InputError, match="--max-steps: wanted a positive number, got 0"):
        prior(str(run), tmp_path / "out", str(crystals), max_steps=0)
