"""What the C++ sampler refuses, each in one line: options, files that are no models, folders, devices."""

from pathlib import Path

import numpy as np
import pytest
import torch

from artifacts import write_mirror
from crystalgrid.artifacts.exported import script_network
from programs import assert_refused, manifest, run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{model}"], "wanted a folder to write to"),
        (["-o", "{out}"], "wanted a model"),
        (["{model}", "other.pt", "-o", "{out}"], "wanted one model"),
        (["absent.pt", "-o", "{out}"], "absent.pt: no such file"),
        (["{model}", "-o", "{out}", "-n", "0"], "-n: wanted a whole number from 1"),
        (["{model}", "-o", "{out}", "-n", "ten"], "-n: wanted a whole number from 1"),
        (["{model}", "-o", "{out}", "-n"], "-n: wanted a value, got none"),
        (["{model}", "-o", "{out}", "--shard", ""], "--shard: wanted a value, got none"),
        (["{model}", "-o", "{out}", "--batch", "-4"], "--batch: wanted a whole number from 1"),
        (["{model}", "-o", "{out}", "--seed", "1.5"], "--seed: wanted a whole number from 0"),
        (["{model}", "-o", "{out}", "--threads", "-1"], "--threads: wanted a whole number from 0"),
        (["{model}", "-o", "{out}", "--device", "tpu"], "--device: wanted cpu or cuda, got 'tpu'"),
        (["{model}", "-o", "{out}", "--shards", "2"], "unknown option --shards"),
        (["{model}", "-o", "{out}", "--seed=1", "--seed=2"], "--seed: given more than once; give it once"),
        (["{model}", "-o", "{out}", "--cif=yes"], "--cif: wanted no value, got 'yes'"),
        (["{model}", "-o", "{out}", "--cif"], "model.pt decodes cubes, which are no crystals; crystalgrid-recover"),
        (["{model}", "-o", "{out}", "--formula", "NaCl"], "decodes cubes and cannot be asked for crystals"),
        (["{model}", "-o", "{out}", "--batch="], "--batch: wanted a value, got none"),
        (["{model}", "-o", "{out}", "--batch=0"], "--batch: wanted a whole number from 1 to 65536, got '0'"),
        (["{model}", "-o", "{out}", "--shard", "4/4"], "--shard: wanted K/N with K from 0 to N-1, as 0/4, got '4/4'"),
        (["{model}", "-o", "{out}", "--shard", "-1/4"], "--shard: wanted K/N"),
        (["{model}", "-o", "{out}", "--shard", "0/0"], "--shard: wanted K/N"),
        (["{model}", "-o", "{out}", "--shard", "half"], "--shard: wanted K/N"),
        (["{model}", "-o", "{out}", "--temperature", "0"], "--temperature: wanted a positive number, got '0'"),
        (
            ["{model}", "-o", "{out}", "--min-atoms", "9", "--max-atoms", "8"],
            "--min-atoms and --max-atoms: nothing passes",
        ),
        (
            ["{model}", "-o", "{out}", "--temperature", "2", "--latents", "z.npy"],
            "--temperature and --latents: only what",
        ),
        (["{model}", "-o", "{out}", "-n", "9223372036854775807"], "-n: wanted a whole number from 1 to 1000000000000"),
        (["{model}", "-o", "{out}", "--largest-density", "1e300"], "--largest-density: wanted a positive number"),
        (["{model}", "-o", "{out}", "--min-distance", "nan"], "--min-distance: wanted a positive number, got 'nan'"),
        (["{model}", "-o", "{out}", "--max-atoms", "few"], "--max-atoms: wanted a whole number from 0"),
        (["{model}", "-o", "{out}", "--precision", "fp8"], "--precision: wanted fp32 or bf16, got 'fp8'"),
        (["{model}", "-o", "{out}", "--precision", "bf16"], "--precision bf16: this model has no U-Net to run in it"),
        (["{model}", "-o", "{out}", "--latents", "absent.npy"], "absent.npy: cannot be read: No such file"),
        (["{model}", "-o", "{model}"], "a file has that name"),
        (["{model}", "-o", "{model}/out"], "cannot be made: Not a directory"),
    ],
)
def test_bad_options_end_in_one_line(
    sampler: Path, mirror: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    out = tmp_path / "out"
    assert_refused(run(sampler, *(a.format(model=mirror, out=out) for a in arguments)), message)
    assert not out.exists()


def test_what_is_no_density_is_refused_and_what_is_done_is_kept(sampler: Path, mirror: Path, tmp_path: Path) -> None:
    z = np.ones((20, 216), np.float32)
    z[17] = 1e-30
    np.save(tmp_path / "z.npy", z)
    command = [mirror, "-o", tmp_path / "out", "--latents", tmp_path / "z.npy", "--batch", 8, "--largest-density", 3e38]
    assert_refused(run(sampler, *command), "structure 16 or one soon after decodes to a density that is not finite")
    assert manifest(tmp_path / "out")["next"] == 16


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_device_that_is_not_there_is_refused(sampler: Path, mirror: Path, tmp_path: Path) -> None:
    assert_refused(run(sampler, mirror, "-o", tmp_path / "out", "--device", "cuda"), "no usable CUDA device")
    assert not (tmp_path / "out").exists()


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2000])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_truncated, "not a crystalgrid model, or truncated"),
        (lambda path: path.write_text("text"), "not a crystalgrid model, or truncated"),
        (lambda path: path.write_bytes(script_network(torch.nn.Identity())), "not a crystalgrid model"),
        (lambda path: torch.save({}, path), "not a crystalgrid model"),
        (lambda path: write_mirror(path, format=7), "artifact format 7; this program knows format 1"),
        (lambda path: write_mirror(path, grid=None), "'n' is missing"),
    ],
)
def test_files_that_are_no_models_are_refused(sampler: Path, mirror: Path, tmp_path: Path, spoil, message: str) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(mirror.read_bytes())
    spoil(path)
    assert_refused(run(sampler, path, "-o", tmp_path / "out"), message)
    assert not (tmp_path / "out").exists()


def test_an_altered_weight_is_refused(sampler: Path, mirror: Path, tmp_path: Path) -> None:
    content = mirror.read_bytes()
    weight = np.float32(1.5).tobytes()
    assert content.count(weight) == 1
    (tmp_path / "model.pt").write_bytes(content.replace(weight, np.float32(2.5).tobytes()))
    assert_refused(run(sampler, tmp_path / "model.pt", "-o", tmp_path / "out"), "its checksum does not match")


def test_a_folder_with_content_is_left_alone(sampler: Path, mirror: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert_refused(run(sampler, mirror, "-o", tmp_path), "exists and is not empty")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
