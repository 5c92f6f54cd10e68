"""Released models: written, read, used by name, and refused when they are not what they should be."""

import shutil
from pathlib import Path

import pytest
import torch

import crystalgrid as cg
from artifacts import write_untrained_run
from crystalgrid.artifacts import released
from crystalgrid.artifacts import sampler as sample
from crystalgrid.artifacts.checkpoint import last
from crystalgrid.artifacts.find import find_model
from crystalgrid.artifacts.metadata import DataInfo
from crystalgrid.crystal import pack
from crystalgrid.data.cubes import Cubes
from crystalgrid.grid import Grid
from crystalgrid.latents import latents
from crystalgrid.report.metrics import Tally, true_atoms

FOLDERS = released.released_models()
NAMES = [name for name, folder in FOLDERS.items() if released.released_info(folder).kind == "autoencoder"]


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, torch.nn.Module]:
    """Return a run that never trained, and its network."""
    run = tmp_path_factory.mktemp("run")
    data = DataInfo("/far/away/some.parquet", "0" * 64)
    return run, write_untrained_run(run, "single", data=data, step=3, seconds=1.0)


@pytest.fixture(scope="module")
def made(
    untrained: tuple[Path, torch.nn.Module], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, torch.nn.Module]:
    """Return a folder with the weights of the run, and its network."""
    run, net = untrained
    folder = tmp_path_factory.mktemp("models") / "mine"
    folder.mkdir()
    released.write_weights(run, folder)
    return folder, net


@torch.no_grad()
def test_weights_come_back_in_half_precision(made: tuple[Path, torch.nn.Module]) -> None:
    folder, net = made
    assert (folder / released.WEIGHTS).stat().st_size < 2.1 * sum(v.numel() for v in net.state_dict().values())
    loaded, info = released.load_released(folder)
    assert info.data.source == "some.parquet"  # and no path of the machine that trained it
    for name, value in net.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], value.half().to(value.dtype))
    model = cg.load(folder)
    assert (model.mode, model.latent_dim, model.grid) == ("single", 300, Grid())


def test_damaged_or_foreign_weights_are_refused(made: tuple[Path, torch.nn.Module], tmp_path: Path) -> None:
    content = (made[0] / released.WEIGHTS).read_bytes()
    for spoilt, message in (
        (content[:-100], "damaged, or not the weights of a crystalgrid model"),
        (b"text", "damaged, or not the weights"),
        (content.replace(b'\\"format\\": 1', b'\\"format\\": 7'), "release format 7, this version reads format 1"),
    ):
        (tmp_path / released.WEIGHTS).write_bytes(spoilt)
        with pytest.raises(cg.InputError, match=message) as refused:
            cg.load(tmp_path)
        assert "\n" not in str(refused.value)


def test_a_released_model_is_exported_once(
    made: tuple[Path, torch.nn.Module], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    models = tmp_path / "models"
    shutil.copytree(made[0], models / "mine")
    monkeypatch.setattr(released, "shipped", lambda _: models)
    exported = sample.artifact("mine")
    assert cg.load(exported).mode == "single"
    before = exported.stat().st_mtime_ns
    assert sample.artifact("mine") == exported
    assert exported.stat().st_mtime_ns == before
    with pytest.raises(cg.InputError, match=r"yours: no such file, run folder or released model \(released: mine\)"):
        cg.load("yours")


def test_a_run_is_exported_once_for_the_sampler_until_its_checkpoint_changes(
    untrained: tuple[Path, torch.nn.Module], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    run, exports = tmp_path / "mine", []
    shutil.copytree(untrained[0], run)
    monkeypatch.setattr(sample, "export_model", lambda run, path: (exports.append(run), path.touch()))
    exported = sample.artifact(str(run))
    assert exported.name.startswith("mine-")
    assert sample.artifact(str(run)) == exported
    assert sample.artifact(str(last(run))).name.startswith("last.ckpt-")
    checkpoint = torch.load(last(run))
    checkpoint["crystalgrid"]["step"] = 4
    torch.save(checkpoint, last(run))
    assert sample.artifact(str(run)) != exported
    assert exports == [str(run), str(last(run)), str(run)]
    with pytest.raises(cg.InputError, match="cache: holds no checkpoint, wanted the folder of a training run"):
        sample.artifact(str(tmp_path / "cache"))


def test_a_model_is_exported_anew_by_other_code(
    untrained: tuple[Path, torch.nn.Module], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(sample, "export_model", lambda run, path: path.touch())
    monkeypatch.setattr(sample, "PACKAGE", tmp_path / "package")
    source = tmp_path / "package/nets/network.py"
    source.parent.mkdir(parents=True)
    exports = set()
    for code in ("x = 1", "x = 2", "x = 1"):
        source.write_text(code)
        exports.add(sample.artifact(str(untrained[0])))
    assert len(exports) == 2


def test_a_folder_hides_a_released_model_of_its_name_only_with_a_model_in_it(
    made: tuple[Path, torch.nn.Module], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(released, "shipped", lambda _: made[0].parent)
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    assert find_model("mine") == made[0]
    shutil.copy(made[0] / released.WEIGHTS, "mine")
    assert find_model("mine") == Path("mine")


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_a_draw_does_not_depend_on_those_beside_it(name: str) -> None:
    model = cg.load(name)
    noise = latents(0, 0, 24, model.latent_dim)
    alone = torch.cat([model.prior(z) for z in noise.split(1)])
    torch.testing.assert_close(model.prior(noise), alone, rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_every_released_model_reconstructs_and_has_its_card(name: str, prototypes) -> None:
    model, folder = cg.load(name), released.released_models()[name]
    assert (folder / released.WEIGHTS).stat().st_size < 25e6
    card = (folder / "card.md").read_text()
    assert f"crystalgrid-evaluate {name} " in card
    assert (folder / "metrics.json").is_file()
    perovskite = cg.Crystal(
        [[4.0, 0, 0], [0, 4.0, 0], [0, 0, 4.0]],
        [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]],
        [56, 22, 8, 8, 8],
    )
    periodic = model.mode == "repeated"
    corner = torch.tensor([[0.0, 0, 0]] if periodic else [[-3.4, -3.4, -3.4]])
    density = cg.voxelize([perovskite], model.grid, origin=corner, periodic=periodic)
    decoded = model.decode(model.encode(density)[0])
    assert (decoded - density).norm() < 0.05 * density.norm()
    species, confidence = model.segment(decoded)
    found = cg.find_atoms(species, decoded, model.grid, confidence=confidence)
    cubes = Cubes(pack([perovskite]), corner.double(), None, periodic)
    tally = Tally(model.grid)
    tally.add(found, true_atoms(cubes, model.grid), decoded, density)
    seen = tally.summary()
    assert seen["recall_0p5A"] > 0.9
    assert seen["precision_0p5A"] > 0.9
    assert seen["species_within_2"] > 0.8
