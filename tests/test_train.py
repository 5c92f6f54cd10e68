"""Training: its gradients, that it learns, that it resumes exactly, and what it says to bad input."""

import io
import math
import shutil
import zipfile

import pytest
import torch

from artifacts import network_of, run_info
from crystalgrid.artifacts.checkpoint import best, last, load_run, read_checkpoint
from crystalgrid.artifacts.metadata import StartInfo
from crystalgrid.artifacts.recipe import Loss, recipe_from, tomllib
from crystalgrid.commands.train import train
from crystalgrid.data.cubes import evaluation_cubes
from crystalgrid.errors import InputError
from crystalgrid.grid import Grid
from crystalgrid.model import load
from crystalgrid.training.clock import Clock
from crystalgrid.training.joint import JointTraining, stream
from crystalgrid.training.log import Log, read_rows
from crystalgrid.training.loop import Loop
from crystalgrid.training.losses import joint_loss, scale_gradient
from crystalgrid.training.processes import count_processes
from crystalgrid.training.train_networks import first_networks

pytestmark = pytest.mark.usefixtures("no_gpu")


@pytest.fixture
def start(crystals, recipe, tmp_path):
    """`train` with the small recipe and file, into tmp_path / name."""

    def start(name: str, **options):
        options = {"mode": "repeated", "data": str(crystals), "recipe": str(recipe), **options}
        train(out=tmp_path / name, **options)
        return tmp_path / name

    return start


@pytest.fixture(scope="module")
def two_steps(crystals, recipe, tmp_path_factory):
    """Return the folder of a run of two steps, for tests that go on from one."""
    out = tmp_path_factory.mktemp("two_steps") / "run"
    train(out, "repeated", str(crystals), str(recipe), max_steps=2)
    return out


def weights(path) -> dict[str, torch.Tensor]:
    return read_checkpoint(path).weights


@pytest.mark.parametrize(("kind", "sizes"), [("paper", {}), ("blur_modes", {"modes": 4})])
def test_one_backward_pass_gives_both_gradients_of_the_paper(kind, sizes):
    """Against explicit graphs: the VAE gets grad(L_RE + β KL + γ L_seg), the U-Net grad(L_seg)."""
    torch.manual_seed(0)
    net = network_of(kind, (4, 4), encoder=(4,) * 4, decoder=(4,) * 4, latent_dim=8, **sizes)
    for parameter in net.parameters():  # some begin at zero
        torch.nn.init.normal_(parameter, std=0.1)
    density, species = torch.rand(2, 30, 30, 30), torch.randint(0, 95, (2, 30, 30, 30), dtype=torch.uint8)
    loss = Loss(beta=0.3, gamma=0.1)

    noise = torch.randn(2, 8)
    joint_loss(net, density, species, loss, noise)["loss"].backward()
    got = [parameter.grad for parameter in net.parameters()]

    mu, logvar = net.encode(density)
    decoded = net.decode(mu + noise * (0.5 * logvar).exp())
    kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum() / len(density)
    segmented = net.unet.head.loss(net.unet.features(decoded), species)
    of_vae = net.autoencoder.error(decoded, density) + loss.beta * kl / 30**3 + loss.gamma * segmented
    gradients = torch.autograd.grad(of_vae, list(net.autoencoder.parameters()), retain_graph=True)
    gradients += torch.autograd.grad(segmented, list(net.unet.parameters()))
    for seen, expected in zip(got, gradients, strict=True):
        torch.testing.assert_close(seen, expected, rtol=1e-4, atol=1e-7)


def test_scale_gradient_is_the_identity_forward():
    x = torch.arange(3.0, requires_grad=True)
    y = scale_gradient(x, 0.1)
    assert torch.equal(y, x)
    y.sum().backward()
    torch.testing.assert_close(x.grad, torch.full((3,), 0.1))


def test_every_epoch_has_every_crystal_once():
    epochs, order = stream(5, seed=1, start=0, count=15)
    assert epochs.tolist() == 5 * [0] + 5 * [1] + 5 * [2]
    assert [sorted(order[i : i + 5]) for i in (0, 5, 10)] == 3 * [[0, 1, 2, 3, 4]]
    assert order[:5].tolist() != order[5:10].tolist()
    assert stream(5, seed=1, start=3, count=9)[1].tolist() == order[3:12].tolist()
    assert order.tolist() != stream(5, seed=2, start=0, count=15)[1].tolist()


def test_overfits_eight_crystals(prototypes, recipe, tmp_path):
    """One cube of each, again and again: densities and species come right."""
    content = recipe_from({"name": "small", **tomllib.loads(recipe.read_text())}, "small").to_dict()
    content["network"] |= {"modes": 8, "latent_dim": 32, "unet": (8, 16)}
    content["optimizer"] |= {"batch_size": 8, "learning_rate": 2e-2, "check_every": 1000, "steps": 45}
    eight_crystals = prototypes[10:18]
    training = JointTraining(run_info(recipe_from(content, "test")), eight_crystals)
    fixed = evaluation_cubes(eight_crystals, "repeated", Grid(), seed=0, per_crystal=1)[0]
    training.samples = lambda start, count: fixed
    (tmp_path / "checkpoints").mkdir()
    loop = Loop(training, Log(tmp_path), [fixed], Clock(), steps=45)
    before = loop.validate([fixed])
    loop.run()
    after = loop.validate([fixed])
    assert after["val_segmentation"] < 0.6 * before["val_segmentation"]
    density = fixed.density(Grid())
    relative = density / density.mean((1, 2, 3), keepdim=True)
    assert after["val_reconstruction"] < 0.4 * (relative - 1).square().mean()


def test_resume_is_exact(start):
    straight = start("straight", max_steps=6)
    halved = start("halved", max_steps=3)
    assert read_checkpoint(last(halved)).step == 3
    start("halved", max_steps=6, resume=True)
    for seen, expected in zip(weights(last(halved)).values(), weights(last(straight)).values(), strict=True):
        assert torch.equal(seen, expected)
    rows = [read_rows(run / "metrics.csv") for run in (straight, halved)]
    by_step = [{row["step"]: row["loss"] for row in table} for table in rows]
    assert by_step[0].items() <= by_step[1].items()
    assert len(by_step[1]) == len(rows[1])


def test_a_run_carries_its_configuration_and_loads(start, crystals):
    run = start("run", max_steps=4, seed=5)
    assert sorted(path.name for path in run.iterdir()) == ["checkpoints", "losses.png", "metrics.csv", "pictures"]
    assert [path.name for path in (run / "pictures").iterdir()] == ["step_000004.png"]
    net, info = load_run(run)
    assert not net.training
    assert net.decode(torch.zeros(1, 16)).shape == (1, 30, 30, 30)
    assert (info.mode, info.seed, info.step, info.latent_dim) == ("repeated", 5, 4, 16)
    assert info.grid == Grid()
    assert info.data.source == str(crystals)
    assert len(info.data.checksum) == 64
    assert best(run).is_file()
    assert load(last(run)).metadata.step == 4


def test_a_decay_lasts_as_long_as_the_run(start, recipe, tmp_path):
    """A run may be longer than the recipe says; the logged rate is the U-Net's."""
    short = tmp_path / "short.toml"
    short.write_text(
        recipe.read_text().replace("steps = 100", "steps = 2").replace("check_every = 4", "check_every = 1")
    )
    for limit in ({"max_steps": 6}, {"max_epochs": 1}):
        run = start("_".join(limit), recipe=str(short), **limit)
        rates = [float(row["learning_rate"]) for row in read_rows(run / "metrics.csv")]
        steps = len(rates)
        assert steps > 4
        expected_rates = [1e-3 * min(1, (i + 1) / 5) * 0.5 * (1 + math.cos(math.pi * i / steps)) for i in range(steps)]
        assert rates == pytest.approx(expected_rates, rel=1e-4)


def test_devices_that_are_not_there_are_refused(monkeypatch):
    for n_gpus, devices in ((0, "two"), (0, "2"), (2, "3"), (2, "0"), (2, "1.5")):
        monkeypatch.setattr("torch.cuda.device_count", lambda n_gpus=n_gpus: n_gpus)
        with pytest.raises(InputError, match=f'--devices: wanted "auto" or a number from 1 to {max(n_gpus, 1)}, got'):
            count_processes(devices)
    assert count_processes("1") == 1
    assert count_processes("auto") == 2
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    with pytest.raises(InputError, match="torchrun: wanted at most a process for each of 2 GPUs, got 3"):
        count_processes("auto")


def test_single_mode_and_minutes(start):
    run = start("run", mode="single", max_steps=1000, minutes=0.01)
    assert 0 < load_run(run)[1].step < 1000


def test_starts_from_a_models_weights(start, two_steps, recipe, tmp_path):
    first = shutil.copytree(two_steps, tmp_path / "first")
    run = start("run", recipe=None, start=str(first), max_steps=1, seed=7)
    before, after = (read_checkpoint(path).info for path in (best(first), last(run)))
    assert after.recipe == before.recipe
    assert after.start == StartInfo(str(first), before.data, before.step, before.seconds)
    old, new = (dict(load_run(path)[0].named_parameters()) for path in (first, run))
    steps = torch.cat([(new[name] - old[name]).detach().abs().flatten() for name in old])
    assert 0 < steps.max() < 3e-4  # Adam's first step, at a fifth of the learning rate
    start("run", recipe=None, start=str(first), max_steps=2, seed=7, resume=True)
    assert read_checkpoint(last(run)).info.start == after.start
    other = tmp_path / "other.toml"
    other.write_text(recipe.read_text().replace("unet = [8, 8]", "unet = [8]"))
    for options, message in (
        ({"start": None}, "was trained with another --start"),
        ({"recipe": str(other)}, r"other.toml: its \[network\] is not that of .*first"),
        ({"mode": "single"}, "first: was trained in repeated mode, got --mode single"),
        ({"start": "absent"}, "absent: no such file, run folder or released model"),
    ):
        with pytest.raises(InputError, match=message):
            start("run", **{"start": str(first), "max_steps": 3, "seed": 7, "resume": True, **options})


@pytest.mark.parametrize("mode", ["repeated", "single"])
def test_by_default_the_recipe_is_that_of_the_mode(mode):
    recipe, net, _ = first_networks(None, None, mode)
    assert net is None
    assert recipe.network.autoencoder == {"repeated": "lattice", "single": "atoms"}[mode]


def test_bad_input_is_one_line_and_leaves_nothing(start, tmp_path):
    for options, message in (
        ({"mode": "repeat"}, "mode: wanted"),
        ({"recipe": "tyni"}, "no such recipe; there are atomic, generator, latent, modern, paper, periodic, tiny"),
        ({"data": "nowhere.parquet"}, "nowhere.parquet"),
        ({"mode": "single", "recipe": "periodic"}, "periodic: this recipe is for --mode repeated"),
        ({"mode": "repeated", "recipe": "atomic"}, "atomic: this recipe is for --mode single"),
        ({"seed": -1}, "--seed: wanted a whole number"),
        ({"max_steps": 0}, "--max-steps: wanted a positive number"),
        ({"minutes": float("nan")}, "--minutes: wanted a positive number"),
        ({"max_epochs": float("inf")}, "--max-epochs: wanted a positive number"),
        ({"resume": True}, "no such checkpoint"),
    ):
        with pytest.raises(InputError, match=message):
            start("run", **options)
    assert not (tmp_path / "run").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        start("full", max_steps=1)


def test_damaged_checkpoints_are_refused(start, two_steps, tmp_path):
    run = shutil.copytree(two_steps, tmp_path / "run")
    with pytest.raises(InputError, match="another --seed"):
        start("run", max_steps=3, seed=9, resume=True)
    whole = last(run).read_bytes()
    best(run).unlink()
    for content in (whole[: len(whole) // 2], whole[:30_000], b"", b"not a checkpoint"):
        last(run).write_bytes(content)
        with pytest.raises(InputError, match=r"last\.ckpt: not a checkpoint, or a truncated one"):
            load_run(run)
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        tensor = max(
            (record for record in archive.infolist() if "/data/" in record.filename),
            key=lambda record: record.file_size,
        )
    altered = bytearray(whole)
    altered[tensor.header_offset + tensor.file_size // 2] ^= 1
    last(run).write_bytes(altered)
    with pytest.raises(
        InputError, match=r"last\.ckpt: damaged or altered \(the CRC of .*/data/\d+ in it does not match"
    ):
        load_run(run)
    torch.save({"weights": 1}, last(run))
    with pytest.raises(InputError, match="not a checkpoint of crystalgrid-train"):
        load_run(run)
    last(run).write_bytes(whole)
    checkpoint = torch.load(last(run))
    checkpoint["crystalgrid"]["format"] = 99
    torch.save(checkpoint, last(run))
    with pytest.raises(InputError, match="format 99, this version reads format 1"):
        load_run(run)
    with pytest.raises(InputError, match="no such run"):
        load_run(tmp_path / "nowhere")


def test_a_loss_that_is_not_finite_stops_before_the_weights(start, two_steps, tmp_path, monkeypatch):
    run = shutil.copytree(two_steps, tmp_path / "run")
    before = weights(last(run))

    def nan(*args):
        losses = joint_loss(*args)
        return {**losses, "loss": losses["loss"] * float("nan")}

    monkeypatch.setattr("crystalgrid.training.joint.joint_loss", nan)
    with pytest.raises(InputError, match="not finite at step 2; the last checkpoint is kept"):
        start("run", max_steps=4, resume=True)
    for name, value in weights(last(run)).items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize("factor", [2000.0, float("nan")])
def test_a_run_that_diverges_stops_and_keeps_its_checkpoints(start, two_steps, tmp_path, monkeypatch, factor):
    run = shutil.copytree(two_steps, tmp_path / "run")
    before = last(run).read_bytes(), best(run).read_bytes()
    validate = Loop.validate

    def grown(loop, held_out):
        return {name: factor * value for name, value in validate(loop, held_out).items()}

    monkeypatch.setattr(Loop, "validate", grown)
    with pytest.raises(InputError, match=r"diverged at step 3, .*; the last checkpoint is kept"):
        start("run", max_steps=3, resume=True)
    assert (last(run).read_bytes(), best(run).read_bytes()) == before
