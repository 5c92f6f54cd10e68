"""Sampling in Python, where there is no compiler: the same bytes as the C++ sampler's, and either resumes the other."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crystalgrid.artifacts.python_sampler import sample_in_python
from crystalgrid.errors import InputError
from programs import run

OPTIONS = {
    "plain": ["-n", "20", "--seed", "3"],
    "all files": ["-n", "18", "--save-density", "--batch", "7"],
    "filters": ["-n", "40", "--max-atoms", "60", "--min-distance", "0.3", "--temperature", "0.8"],
    "largest density": ["-n", "5", "--largest-density", "2.5", "--save-density"],
    "shard": ["-n", "40", "--shard", "1/2"],
}


def files(folder: Path) -> dict[str, bytes]:
    """Return the content of all files of a library."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_shard_without_a_batch_says_so(mirror: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    sample_in_python(mirror, ["-n", "20", "--batch", "8", "--shard", "0/5", "-o", str(tmp_path)])
    assert "shard 0/5: no structures; 20 of them are 3 batches of 8" in capfd.readouterr().err


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("model", ["mirror", "tiny"])
def test_files_are_those_of_the_cpp_sampler(
    sampler: Path, name: str, model: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path = request.getfixturevalue(model)
    options = [*OPTIONS[name], "--threads", "1"]
    assert run(sampler, path, "-o", tmp_path / "cpp", *options).returncode == 0
    sample_in_python(path, ["-o", str(tmp_path / "python"), *options])
    assert files(tmp_path / "python") == files(tmp_path / "cpp")


def test_a_library_that_the_cpp_sampler_finished_is_resumed(
    sampler: Path, mirror: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["-n", "9", "-o", str(tmp_path / "out"), "--threads", "1", "--resume"]
    assert run(sampler, mirror, *options).returncode == 0
    before = files(tmp_path / "out")
    sample_in_python(mirror, options)
    assert files(tmp_path / "out") == before
    assert capsys.readouterr().out.startswith(f"{tmp_path}/out/samples.xyz: 9 structures, 0 of them without atoms")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--seed", "x"], "--seed: wanted a whole number"),
        (["--device", "cuda"], "--device cuda, --precision bf16 and --profile: need the C\\+\\+ sampler"),
        (["--shard", "3/2"], "--shard: wanted K/N"),
    ],
)
def test_what_it_cannot_do_is_refused_before_anything_is_written(
    mirror: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        sample_in_python(mirror, ["-o", str(tmp_path / "out"), *words])
    assert not (tmp_path / "out").exists()


def test_the_command_samples_without_a_compiler_and_says_so(mirror: Path, tmp_path: Path) -> None:
    command = "from crystalgrid.commands.entry import sample; sample()"
    environment = {**os.environ, "PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment.pop("CXX", None)
    done = subprocess.run(
        [sys.executable, "-c", command, mirror, "-n", "5", "-o", tmp_path / "out"],
        capture_output=True, text=True, timeout=120, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("there is no C++ compiler, so that sampling runs in Python, slower\n")
    assert "samples.xyz: 5 structures" in done.stdout
