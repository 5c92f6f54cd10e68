"""`crystalgrid-train` as a process: stopped, killed and resumed, in two processes, on a full disk."""

import os
import signal
import subprocess
import sys

import pytest
import torch

from crystalgrid.artifacts.checkpoint import last, read_checkpoint
from crystalgrid.commands.train import train
from crystalgrid.errors import InputError
from crystalgrid.training.log import read_rows

pytestmark = pytest.mark.usefixtures("no_gpu")


@pytest.fixture
def command(crystals, recipe, tmp_path):
    """Start `crystalgrid-train` as a process of one thread, into tmp_path / name, by `python *python`."""

    def command(name: str, *options: object, recipe=recipe, python=("-m", "crystalgrid", "train")) -> subprocess.Popen:
        words = [sys.executable, *python, "--mode", "repeated", "--data", crystals]
        words += ["--recipe", recipe, "--out", tmp_path / name, *options]
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen([*map(str, words)], stderr=subprocess.PIPE, text=True, env=env)

    return command


def finished(process: subprocess.Popen) -> str:
    """Return what a process has printed on stderr, once it has ended well."""
    printed = process.communicate(timeout=300)[1]
    assert process.returncode == 0, printed
    return printed


def wait_for_step(process: subprocess.Popen, step: int) -> None:
    """Wait until a process prints that it has done a step, just before it saves its checkpoint."""
    for line in process.stderr:
        if line.startswith(f"step {step} "):
            return
    pytest.fail(f"the process ended before step {step}")


def weights(path) -> dict[str, torch.Tensor]:
    return read_checkpoint(path).weights


def table(run) -> list[dict[str, str]]:
    """Return the rows of a run's metrics without the seconds."""
    return [{name: value for name, value in row.items() if name != "seconds"} for row in read_rows(run / "metrics.csv")]


def test_ctrl_c_stops_with_a_checkpoint(command, tmp_path):
    out = tmp_path / "run"
    process = command("run")
    wait_for_step(process, 4)
    process.send_signal(signal.SIGINT)
    printed = process.communicate(timeout=120)[1]
    assert process.returncode == 130, printed
    assert printed.splitlines()[-1] == "error: interrupted"
    assert "Traceback" not in printed
    assert read_checkpoint(last(out)).step > 4


DIES_WHILE_SAVING = """
import os, signal, torch
from pathlib import Path
write, writes = Path.write_bytes, []
def write_half(path, content):
    writes.append(path.suffix == ".ckpt" and ".last" in path.name)
    if sum(writes) < 2:
        return write(path, content)
    write(path, content[: len(content) // 2])
    os.kill(os.getpid(), signal.SIGKILL)
Path.write_bytes = write_half
from crystalgrid.commands.entry import train
train()
"""


@pytest.mark.slow
def test_killed_at_any_moment_it_resumes_as_if_nothing_had_happened(command, tmp_path):
    killed, straight = tmp_path / "killed", tmp_path / "straight"
    command("killed", python=("-c", DIES_WHILE_SAVING)).communicate(timeout=300)
    assert [row["step"] for row in table(killed)] == ["4", "8"]
    assert read_checkpoint(last(killed)).step == 4
    assert len(list((killed / "checkpoints").iterdir())) == 3  # best, last, and half of the next

    process = command("killed", "--resume", "--max-steps", 1000)
    wait_for_step(process, 12)
    process.kill()
    process.communicate(timeout=60)
    step = read_checkpoint(last(killed)).step
    assert 8 <= step <= 12

    finished(command("killed", "--resume", "--max-steps", step + 3))
    finished(command("straight", "--max-steps", step + 3))
    assert table(killed) == table(straight)
    assert sorted(path.name for path in (killed / "checkpoints").iterdir()) == ["best.ckpt", "last.ckpt"]
    for name, value in weights(last(straight)).items():
        assert torch.equal(weights(last(killed))[name], value), name


@pytest.mark.slow
def test_two_processes_learn_what_one_does_with_twice_the_batch(command, crystals, recipe, tmp_path):
    """Not to the last bit, as sums are taken in another order; Adam's first steps make most of that."""
    recipes = {}
    for size in (2, 4):
        recipes[size] = tmp_path / f"batch_{size}.toml"
        content = recipe.read_text().replace("batch_size = 3", f"batch_size = {size}").replace("bf16-mixed", "32-true")
        recipes[size].write_text(content.replace("check_every = 4", "check_every = 1"))
    torchrun = (
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "-m",
        "crystalgrid",
        "train",
    )
    finished(command("one", "--max-steps", 4, recipe=recipes[4]))
    first_stderr = finished(command("two", "--max-steps", 2, recipe=recipes[2], python=torchrun))
    assert [line.split()[:2] for line in first_stderr.splitlines() if line.startswith("step")] == [
        ["step", "1"],
        ["step", "2"],
    ]
    assert first_stderr.count("crystals") == 1
    finished(command("two", "--max-steps", 4, "--resume", recipe=recipes[2], python=torchrun))

    single, double = table(tmp_path / "one"), table(tmp_path / "two")
    assert [row["step"] for row in double] == ["1", "2", "3", "4"]
    for row_of_one, row_of_two in zip(single, double, strict=True):
        for name, value in row_of_one.items():
            assert float(row_of_two[name]) == pytest.approx(float(value), rel=1e-3), (name, row_of_one["step"])
    assert weights(last(tmp_path / "one")).keys() == weights(last(tmp_path / "two")).keys()
    with pytest.raises(InputError, match="was trained by 2 processes; resume with as many"):
        train(tmp_path / "two", "repeated", str(crystals), str(recipes[2]), resume=True)


def test_no_space_left_is_one_line(command, tmp_path):
    """A limit on the size of files is what a full disk is."""
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); "
    process = command("run", python=("-c", limited + "from crystalgrid.commands.entry import train; train()"))
    stderr = process.communicate(timeout=120)[1]
    assert process.returncode == 1
    assert "Traceback" not in stderr
    assert stderr.splitlines()[-1].startswith("error: ")
    assert list((tmp_path / "run/checkpoints").iterdir()) == []
