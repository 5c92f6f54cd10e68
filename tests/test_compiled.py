"""The compiled form: the same answers as TorchScript in Python and in C++, and refused where it cannot run."""

import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import ase.io
import numpy as np
import pytest
import torch

import crystalgrid as cg
from artifacts import tiny_metadata, tiny_network
from crystalgrid.artifacts import compiled
from crystalgrid.artifacts.archive import add_metadata, read_metadata
from crystalgrid.artifacts.exported import script_network
from crystalgrid.artifacts.metadata import ArtifactInfo
from crystalgrid.commands.export import export
from crystalgrid.latents import latents
from crystalgrid.nets.fuse import fuse_batch_norm
from crystalgrid.nets.generators.latent_flow import LatentFlow

pytestmark = pytest.mark.slow  # compiling a model takes minutes


def write_forms(folder: Path) -> None:
    """Write model.pt and model.pt2 of one network."""
    network, script = tiny_network(), folder / "model.pt"
    network.generator = LatentFlow(300, (16, 16)).eval()
    script.write_bytes(script_network(network))
    add_metadata(script, tiny_metadata(prior={}))
    density = network.decode(latents(0, 0, 2, 300)).detach()
    package = compiled.package(fuse_batch_norm(network), density, latents(0, 0, 2, 300))
    (folder / "model.pt2").write_bytes(package)
    add_metadata(folder / "model.pt2", replace(read_metadata(script), built_for=compiled.built_for()))


@pytest.fixture(scope="session")
def forms(made_once: Callable[..., Path]) -> tuple[Path, Path]:
    """Return model.pt and model.pt2 of one network, which takes minutes to compile."""
    folder = made_once("forms", write_forms)
    return folder / "model.pt", folder / "model.pt2"


@pytest.mark.parametrize("batch", [1, 2, 3, 7])
@torch.no_grad()
def test_both_forms_give_the_same(forms: tuple[Path, Path], batch: int) -> None:
    script, package = map(cg.load, forms)
    z = latents(1, 0, batch, 300)
    density = script.decode(z)
    torch.testing.assert_close(package.decode(z), density, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(script.prior(z), z, atol=0.1)
    torch.testing.assert_close(package.prior(z), script.prior(z), rtol=1e-5, atol=1e-5)
    for seen, expected in zip(package.encode(density), script.encode(density), strict=True):
        torch.testing.assert_close(seen, expected, rtol=1e-4, atol=1e-3)
    for x in (density, density.transpose(2, 3).contiguous().transpose(2, 3)):  # however it lies in memory
        assert torch.equal(package.segment(x)[0], package.segment(density)[0])
    (species, confidence), (same, sure) = package.segment(density), script.segment(density)
    assert (same > 0).any()
    assert (species == same).float().mean() > 0.9999
    torch.testing.assert_close(confidence, sure, rtol=1e-3, atol=1e-3)


def test_the_sampler_finds_the_same_atoms_with_either(forms: tuple[Path, Path], tmp_path: Path, sampler: Path) -> None:
    for form in forms:
        command = [sampler, form, "-n", "5", "--batch", "2", "-o", tmp_path / form.suffix, "--save-density"]
        command += ["--no-prior"]  # the two forms of which are compared above
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
    by_script, by_package = (np.load(tmp_path / form.suffix / "density.npy") for form in forms)
    np.testing.assert_allclose(by_script, by_package, rtol=1e-5, atol=1e-5)
    by_script, by_package = (ase.io.read(tmp_path / form.suffix / "samples.xyz", ":") for form in forms)
    assert sum(map(len, by_script)) > 0
    for frame, same in zip(by_script, by_package, strict=True):
        assert frame.symbols.get_chemical_formula() == same.symbols.get_chemical_formula()
        np.testing.assert_allclose(frame.positions, same.positions, atol=1e-3)


@pytest.mark.parametrize(("key", "value"), [("torch", "2.1.0"), ("machine", "riscv64"), ("cpu", "none")])
def test_another_machine_is_refused_with_what_helps(
    forms: tuple[Path, Path], tmp_path: Path, sampler: Path, key: str, value: str
) -> None:
    other = tmp_path / "model.pt2"
    metadata = replace(read_metadata(forms[1]), built_for={**compiled.built_for(), key: value})
    rewrite(forms[1], other, metadata)
    help_ = "`crystalgrid-export RUN -o model.pt2` makes one for this machine"
    with pytest.raises(cg.InputError, match=f"compiled for .*{value}.*{help_}"):
        cg.load(other)
    done = subprocess.run([sampler, other, "-o", tmp_path / "out"], capture_output=True, text=True)
    assert done.returncode == 1
    assert value in done.stderr
    assert help_ in done.stderr
    assert not (tmp_path / "out").exists()


def rewrite(source: Path, out: Path, metadata: ArtifactInfo) -> None:
    """The same archive with other metadata, and the checksum that fits."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            if "/extra/crystalgrid" not in info.filename:
                new.writestr(info, old.read(info))
    add_metadata(out, metadata)
    assert read_metadata(out) == metadata


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(cg.InputError, match=r"model\.onnx: wanted a name that ends in \.pt"):
        export("absent", tmp_path / "model.onnx")


def test_bf16_takes_a_model_pt(forms: tuple[Path, Path], tmp_path: Path, sampler: Path) -> None:
    command = [sampler, forms[1], "-o", tmp_path / "out", "--precision", "bf16"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "--precision bf16: wanted a model.pt" in done.stderr
