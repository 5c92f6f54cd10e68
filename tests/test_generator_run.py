"""A generator of crystals as a run: trained, resumed, started from, released, exported, and drawn from."""

import json
import shutil

import numpy as np
import pytest
import torch
from moyopy import Cell, MoyoDataset

import crystalgrid as cg
from crystalgrid.artifacts import checkpoint
from crystalgrid.artifacts.archive import read_content
from crystalgrid.artifacts.checkpoint import last, read_checkpoint
from crystalgrid.artifacts.export import export_model
from crystalgrid.artifacts.export_generator import conditions_to_compare
from crystalgrid.artifacts.generator_recipe import generator_recipe_from
from crystalgrid.artifacts.recipe import recipe_content
from crystalgrid.artifacts.released import load_released, write_weights
from crystalgrid.data.parquet import write_parquet
from crystalgrid.errors import InputError
from crystalgrid.generation.crystal_model import BATCH, CrystalModel, crystals_of
from crystalgrid.geometry.lattices import from_parameters
from crystalgrid.latents import latents
from crystalgrid.training.crystal_losses import finish_loss, language_loss
from crystalgrid.training.known_crystals import as_examples, known_of
from crystalgrid.training.train import train
from small_crystal_generator import RECIPE, train_small

pytestmark = pytest.mark.usefixtures("no_gpu")


@pytest.fixture(scope="module")
def run(made_once):
    """Return the folder of a run of eight steps."""
    return made_once("crystal-generator", lambda folder: train_small(folder / "run", "prototypes", 8)) / "run"


@pytest.fixture(scope="module")
def model(run) -> CrystalModel:
    return cg.load(run)


def ids_of(model: CrystalModel, source: torch.Tensor) -> list[str]:
    """Return the ids of known crystals, and of those that orderings are of."""
    return [model.metadata.training_ids[max(index, -2 - index)] for index in source.tolist()]


def arrays(crystals: list[cg.Crystal]) -> list[tuple]:
    return [(c.lattice.tolist(), c.frac_coords.tolist(), c.numbers.tolist()) for c in crystals]


def test_crystals_are_as_symmetric_as_their_space_group(model) -> None:
    draws = model.draws(0, 3, {}, model.plan({}))
    drawn = [(b, crystal) for b, crystal in enumerate(crystals_of(draws)) if crystal is not None]
    for b, crystal in drawn:
        cell = Cell(crystal.lattice.tolist(), crystal.frac_coords.tolist(), crystal.numbers.tolist())
        found = MoyoDataset(cell, symprec=0.01)
        copies = abs(float(torch.linalg.det(draws.lattice[b]) / torch.linalg.det(draws.primitive_lattice[b])))
        order = len(model.network.operations(int(draws.space_group[b]))) / copies
        assert len(found.operations.rotations) >= round(order)
    assert len(drawn) > BATCH // 2


def test_a_draw_depends_on_the_seed_and_its_index_alone(model) -> None:
    many = arrays(model.generate(BATCH + 5, seed=4))
    assert arrays(model.generate(5, seed=4)) == many[:5]
    assert arrays(model.generate(5, seed=5)) != many[:5]


def test_the_exported_file_draws_what_the_run_draws(run, model, tmp_path) -> None:
    export_model(str(run), tmp_path / "model.pt")
    exported = cg.load(tmp_path / "model.pt")
    for conditions in ({}, {"formula": "NaCl"}, {"elements": "Na,Cl", "n_elements": 2}, {"structures": "new"}):
        expected, drawn = model.generate(4, **conditions), exported.generate(4, **conditions)
        assert [c.numbers.tolist() for c in drawn] == [c.numbers.tolist() for c in expected]
        for a, b in zip(drawn, expected, strict=True):
            assert np.allclose(a.lattice, b.lattice, atol=1e-5)
            assert np.allclose(a.frac_coords, b.frac_coords, atol=1e-5)
    with torch.no_grad():
        formula = conditions_to_compare(model.network)[1]["formula"][0::2]
    assert len(set(formula)) == len(formula)  # no ordering's, in which an element has two slots
    content = read_content(tmp_path / "model.pt")
    assert content["kind"] == "generator"
    assert len(content["identity"]) == 64
    assert len(content["training_ids"]) >= content["crystals"] > 100
    with pytest.raises(InputError, match="such as mp10a"):
        cg.generate(1, model="perov5-single")


def test_a_released_generator_is_small_and_draws_nearly_the_same(run, model, tmp_path) -> None:
    (tmp_path / "tiny").mkdir()
    write_weights(run, tmp_path / "tiny")
    network, info = load_released(tmp_path / "tiny")
    assert info.training_ids == model.metadata.training_ids
    assert (tmp_path / "tiny" / "weights.safetensors").stat().st_size < 0.6 * last(run).stat().st_size
    own = model.network.state_dict()
    for name, value in network.state_dict().items():
        assert torch.allclose(value.double(), own[name].double(), rtol=1e-2, atol=1e-5), name
    assert torch.equal(network.types.crystal_key, model.network.types.crystal_key)


def test_the_volumes_of_many_known_crystals_are_computed_once_with_progress(
    run, model, tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(checkpoint, "MANY_CRYSTALS", 1)
    for is_first in (True, False):
        volumes = cg.load(run).network.types.log_volume
        assert torch.equal(volumes, model.network.types.log_volume)
        assert ("volumes of known crystals: 1 done" in capsys.readouterr().err) == is_first


def test_a_resumed_run_is_the_same_run(run, tmp_path) -> None:
    shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("best.ckpt"))
    train_small(tmp_path / "short", "prototypes", 4)
    encoded = (tmp_path / "short" / "learned.npz").stat().st_mtime_ns
    train_small(tmp_path / "short", "prototypes", 8, resume=True)
    assert (tmp_path / "short" / "learned.npz").stat().st_mtime_ns == encoded
    resumed, whole = (read_checkpoint(last(folder)).weights for folder in (tmp_path / "short", run))
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)
    with pytest.raises(InputError, match="another --seed"):
        train_small(tmp_path / "short", "prototypes", 9, resume=True, seed=1)


def test_a_generator_that_starts_from_another_keeps_its_known_crystals(run, model, crystals, tmp_path, capsys) -> None:
    train_small(tmp_path / "own", crystals, 4, start=str(run), recipe=None)
    assert f"warning: {tmp_path / 'own'}: trained for 4 steps, too few to have learned" in capsys.readouterr().err
    own = cg.load(tmp_path / "own")
    assert own.metadata.start.model == str(run)
    assert set(model.metadata.elements) <= set(own.metadata.elements)
    ids, before = ids_of(own, own.network.types.source), ids_of(model, model.network.types.source)
    is_crystal = own.network.types.source >= 0
    assert is_crystal.sum() == len({id for id, is_one in zip(ids, is_crystal, strict=True) if is_one})
    assert set(before) <= set(ids)
    assert len(set(own.metadata.training_ids)) == len(own.metadata.training_ids)


def test_known_volumes_are_the_ones_that_known_geometry_gets(model) -> None:
    types = model.network.types
    rows = torch.where(types.source >= 0)[0]
    letters, slots, _ = types.orbits_of(rows)
    none: list[int] = []
    group, elements = types.space_group[rows].long(), types.elements[rows].long()
    dressed = model.network.scored(group, letters, slots, elements, none, none)
    _, lattice = model.network.known_geometry(dressed, rows)
    params = types.lattice_params[rows].double() / types.lattice_units

    expected = torch.linalg.det(from_parameters(params)).abs() / model.network.language.table.copies[group]
    assert torch.allclose(torch.linalg.det(lattice).abs(), expected, rtol=1e-4)


def test_training_takes_the_losses_down(run) -> None:
    info, weights = read_checkpoint(last(run)).info, read_checkpoint(last(run)).weights
    rows = torch.arange(64)
    losses = []
    for trained in (False, True):
        torch.manual_seed(0)
        network = info.build()
        if trained:
            network.load_state_dict(weights)
        else:
            network.load_state_dict({k: v for k, v in weights.items() if k.startswith("types.")}, strict=False)
        network.eval()
        examples = as_examples(known_of(network))
        with torch.no_grad():
            losses.append(float(language_loss(network, examples, rows, rows % 2 == 0)))
        flow = finish_loss(network, examples, rows, np.random.default_rng(0))
        flow.backward()
        assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in network.parameters())
    assert losses[1] < losses[0] - 1


def test_the_pictured_noise_is_that_of_the_sampler(model) -> None:
    expected = model.network.draw(latents(7, 0, BATCH, model.noise_dim), {}, model.plan({}))
    assert torch.equal(model.draws(0, 7, {}, model.plan({})).numbers, expected.numbers)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"recipe": "generator", "mode": "single"}, "--mode: wanted none"),
        ({"recipe": None, "mode": None}, "--mode: wanted repeated or single"),
        ({"recipe": "periodic", "mode": None}, "--mode: wanted repeated or single"),
    ],
)
def test_a_mode_is_for_autoencoders_alone(options, message, tmp_path) -> None:
    with pytest.raises(InputError, match=message):
        train(out=tmp_path / "run", start=None, **options)


@pytest.mark.parametrize(
    ("line", "message"),
    [("width = 25", "multiple of 6"), ("widths = []", "widths must have"), ("atoms = 0", "atoms must be positive")],
)
def test_a_recipe_is_checked(line, message, tmp_path) -> None:
    key = line.split()[0]
    lines = [line if row.startswith(f"{key} ") else row for row in RECIPE.splitlines()]
    (tmp_path / "r.toml").write_text("\n".join(lines))
    with pytest.raises(InputError, match=message):
        generator_recipe_from(*recipe_content(tmp_path / "r.toml"))


def test_there_may_be_nothing_to_validate_on(prototypes, tmp_path) -> None:
    few = prototypes[:12]
    write_parquet(tmp_path / "crystals.parquet", few.with_splits(np.array(["train"] * len(few))))
    train_small(tmp_path / "run", tmp_path / "crystals.parquet", 2)
    assert cg.generate(1, tmp_path / "run")


def test_metadata_can_be_read_back(run) -> None:
    info = read_checkpoint(last(run)).info
    assert type(info).from_dict(json.loads(json.dumps(info.to_dict())), "here") == info
