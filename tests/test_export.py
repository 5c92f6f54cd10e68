"""Export: what is written agrees with the network it was made from, and what does not agree is not written."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

import crystalgrid as cg
from artifacts import Mirror, tiny_network, write_untrained_run
from crystalgrid.artifacts import export as exporting
from crystalgrid.artifacts.export import Agreement, compare, identity, real_densities, refuse_disagreement
from crystalgrid.artifacts.metadata import ArtifactInfo, DataInfo
from crystalgrid.artifacts.recipe import load_recipe
from crystalgrid.commands.export import export
from crystalgrid.latents import latents

EQUAL = {"mu": 0.0, "logvar": 0.0, "prior": 0.0, "density": 0.0}
"""Errors of a file that computes exactly what the network computes."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that has not learned anything yet."""
    folder = tmp_path_factory.mktemp("run")
    write_untrained_run(folder, data=DataInfo("/no/longer/there.parquet", "0" * 64))
    return folder


@pytest.fixture
def few_cubes(monkeypatch: pytest.MonkeyPatch) -> torch.Tensor:
    """Stand in for the cubes of real crystals, which take seconds to read."""
    salt = cg.Crystal(3.99 * np.eye(3), [[0, 0, 0], [0.5, 0.5, 0.5]], [11, 17])
    origin = torch.rand(8, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    cubes = cg.voxelize([salt] * 8, cg.Grid(), origin)
    monkeypatch.setattr(exporting, "real_densities", lambda *_: (cubes, "salt"))
    return cubes


@pytest.mark.usefixtures("few_cubes")
def test_the_file_agrees_with_the_run_and_says_what_it_is(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    export(run, tmp_path / "model.pt")
    printed = capsys.readouterr()
    assert "density  largest error" in printed.out
    assert "% of voxels" in printed.out
    assert all(line.startswith(f"warning: {run}: trained for") for line in printed.err.splitlines())
    eager, exported = cg.load(run), cg.load(tmp_path / "model.pt")
    z = latents(3, 0, 5, 300)
    torch.testing.assert_close(exported.decode(z), eager.decode(z), rtol=0, atol=1e-4)
    assert (exported.mode, exported.grid) == (eager.mode, eager.grid) == ("repeated", cg.Grid())
    assert exported.metadata.verified["data"] == "salt"
    assert exported.metadata.verified["density"] <= 1e-4
    assert exported.metadata.verified["same_species"] >= 0.999

    extra = {"crystalgrid.json": ""}  # torch finds it by itself
    torch.jit.load(tmp_path / "model.pt", _extra_files=extra)
    content = json.loads(extra["crystalgrid.json"])
    assert set(content) == {
        "format", "kind", "mode", "grid", "classes", "latent_dim", "units", "recipe", "versions", "data", "identity",
        "scale", "verified",
    }  # fmt: skip
    assert content["recipe"] == json.loads(json.dumps(load_recipe("tiny").to_dict()))
    assert ArtifactInfo.from_dict(content, "model.pt") == exported.metadata


@pytest.mark.usefixtures("few_cubes")
def test_the_same_run_gives_the_same_sound_archive(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "compare", lambda *_: Agreement(EQUAL, 1.0))
    for name in ("one.pt", "two.pt"):
        export(run, tmp_path / name)
    assert (tmp_path / "one.pt").read_bytes() == (tmp_path / "two.pt").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.pt") as archive:
        assert archive.testzip() is None


def test_a_model_has_one_identity_however_often_it_is_exported() -> None:
    network, same, other = tiny_network(), tiny_network(), tiny_network()
    next(other.parameters()).data.add_(1e-6)
    assert identity(network, ".pt") == identity(same, ".pt")
    assert len({identity(network, ".pt"), identity(network, ".pt2"), identity(other, ".pt")}) == 3


def test_cubes_come_from_the_prototypes_where_the_data_is_gone() -> None:
    density, source = real_densities("/no/longer/there.parquet", "repeated", cg.Grid())
    assert source == "prototypes"
    assert density.shape == (max(exporting.BATCH_SIZES), 30, 30, 30)
    assert density.sum((1, 2, 3)).min() > 0


class Shifted(Mirror):
    """A Mirror that answers a little off."""

    def __init__(self, **off: float) -> None:
        super().__init__(1.5)
        self.off = {"mu": 0.0, "logvar": 0.0, "prior": 0.0, "density": 0.0, "species": 0.0} | off

    def encode(self, density: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mu, logvar = super().encode(density)
        return mu * (1 + self.off["mu"]), logvar * (1 + self.off["logvar"])

    def prior(self, noise: torch.Tensor) -> torch.Tensor:
        return super().prior(noise) * (1 + self.off["prior"])

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return super().decode(z) * (1 + self.off["density"])

    def segment(self, density: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        species, confidence = super().segment(density)
        wrong = torch.arange(species.numel()).view_as(species) < self.off["species"] * species.numel()
        return torch.where(wrong, 255 - species, species), confidence


def agreement(**off: float) -> Agreement:
    return compare(Mirror(1.5), Shifted(**off), 216, torch.rand(8, 6, 6, 6, generator=torch.Generator().manual_seed(0)))


def test_what_agrees_is_accepted() -> None:
    found = agreement()
    assert found == Agreement(EQUAL, 1.0)
    refuse_disagreement(found)
    refuse_disagreement(agreement(mu=5e-5, logvar=5e-5, prior=5e-5, density=5e-5))


@pytest.mark.parametrize("what", ["mu", "logvar", "prior", "density"])
@pytest.mark.parametrize("off", [2e-3, float("nan")])
def test_an_error_is_measured_and_refused(what: str, off: float) -> None:
    found = agreement(**{what: off})
    assert found.errors[what] == pytest.approx(off, rel=0.01, nan_ok=True)
    with pytest.raises(cg.InputError, match=f"the exported {what} differs .* nothing was written"):
        refuse_disagreement(found)


def test_wrong_species_are_counted_and_refused() -> None:
    found = agreement(species=0.25)
    assert found.same_species == pytest.approx(0.75)
    with pytest.raises(cg.InputError, match=r"agree with eager in 75\.00 % of voxels"):
        refuse_disagreement(found)


@pytest.mark.usefixtures("few_cubes")
def test_a_file_that_disagrees_leaves_what_was_there(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.pt").write_text("the last good one")
    monkeypatch.setattr(exporting, "compare", lambda *_: Agreement({**EQUAL, "density": 0.5}, 1.0))
    with pytest.raises(cg.InputError, match="density differs"):
        export(run, tmp_path / "model.pt")
    assert (tmp_path / "model.pt").read_text() == "the last good one"
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent", "-o", "model.pt"], "absent: no such file, run folder or released model"),
        (["{run}", "-o", "no/folder/model.pt"], "does not exist"),
    ],
)
def test_the_command_ends_bad_input_in_one_line(run: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    start = [
        sys.executable,
        "-c",
        "from crystalgrid.commands.entry import export; export()",
        *(a.format(run=run) for a in arguments),
    ]
    done = subprocess.run(start, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode == 1
    *warnings, error = done.stderr.splitlines()
    assert error.startswith("error: ")
    assert message in error
    assert all(line.startswith(f"warning: {run}: trained for") for line in warnings)
    assert not any(tmp_path.iterdir())
