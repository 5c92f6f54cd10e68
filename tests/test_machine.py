"""Machines that commands run on: users without a home, jobs of SLURM, terminals in Latin-1, pipes that close."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crystalgrid.artifacts import cache
from crystalgrid.commands.train import train
from crystalgrid.training.processes import count_processes, first_process

PRINTS = """
import sys
from crystalgrid.commands import entry

def command() -> None:
    for _ in range({lines}):
        print("σ = 0.5 Å")

entry.command = lambda _: command
sys.argv[1:] = []
entry.run("evaluate")
"""
NO_PASSWD = ["unshare", "--user", "--map-user=54321", "--map-group=54321", "env", "-u", "HOME", "-u", "XDG_CACHE_HOME"]
SLURM = {
    "SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "run.sh", "SLURM_NODELIST": "n1", "SLURM_NODEID": "0", "SLURM_NTASKS": "4",
}  # fmt: skip
WITHOUT_SRUN = {"SLURM_PROCID": "0", "SLURM_LOCALID": "0"}
SECOND_TASK = {"SLURM_PROCID": "1", "SLURM_LOCALID": "1", "SLURM_STEP_ID": "0", "SLURM_NTASKS_PER_NODE": "4"}


def written(calls: list[Path], path: Path) -> None:
    """Make a cached file, and count the calls."""
    calls.append(path)
    path.write_text("made")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that the cache falls back to, for a user without XDG_CACHE_HOME."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "tmp"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    return tmp_path / "tmp" / f"crystalgrid-{os.getuid()}"


def test_the_cache_is_in_the_home_folder(temporary: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    calls: list[Path] = []
    for _ in range(2):
        path = cache.cached("file", "making a file …", lambda path: written(calls, path))
    assert (calls, path.read_text()) == ([path], "made")
    assert path == tmp_path / "home" / ".cache" / "crystalgrid" / "file"
    assert capsys.readouterr().err == "making a file …\n"
    assert not temporary.exists()


def test_a_home_that_cannot_be_written_to_is_said_once(temporary: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    (tmp_path / "home").touch()  # no folder can be made in it, whoever runs this
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    calls: list[Path] = []
    for name in ("file", "file", "other"):
        cache.cached(name, f"making {name} …", lambda path: written(calls, path))
    assert calls == [temporary / "file", temporary / "other"]
    warning = f"the home folder cannot be written to, so that {temporary} is used; XDG_CACHE_HOME names a cache\n"
    assert capsys.readouterr().err == f"{warning}making file …\nmaking other …\n"


def test_a_cache_that_is_read_only_is_read(temporary: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "cache" / "crystalgrid" / "file"
    path.parent.mkdir(parents=True)
    path.write_text("made")
    monkeypatch.setattr("os.access", lambda *_: False)
    assert cache.cached("file", "", lambda path: written([], path)) == path


def test_a_temporary_folder_of_another_user_is_not_used(temporary: Path, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "home").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    temporary.mkdir()
    monkeypatch.setattr("os.getuid", lambda: int(temporary.name.partition("-")[2]) + 1)
    planted = temporary.rename(temporary.with_name(f"crystalgrid-{os.getuid()}"))
    with pytest.raises(cache.InputError, match="cache: wanted a folder to write to; XDG_CACHE_HOME=FOLDER names one"):
        cache.cached("file", "", lambda path: written([], path))
    assert list(planted.iterdir()) == []


def test_a_user_without_home_and_passwd_entry_has_a_cache() -> None:
    if subprocess.run([*NO_PASSWD, "true"], capture_output=True).returncode != 0:
        pytest.skip("unshare --user is not available")
    code = "from crystalgrid.artifacts.cache import cache_folders; print(*cache_folders())"
    done = subprocess.run([*NO_PASSWD, sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("/crystalgrid-54321")


@pytest.mark.parametrize("task", [WITHOUT_SRUN, SECOND_TASK], ids=["without srun", "second task"])
def test_a_task_of_slurm_trains_by_itself(task, crystals: Path, recipe: Path, tmp_path: Path, monkeypatch) -> None:
    for name, value in {**SLURM, **task}.items():
        monkeypatch.setenv(name, value)
    assert (count_processes("1"), first_process()) == (1, True)
    train(tmp_path / "run", "repeated", str(crystals), str(recipe), max_steps=1, devices="1")
    assert (tmp_path / "run" / "checkpoints" / "last.ckpt").is_file()


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "utf-8"])
def test_letters_that_a_terminal_lacks_are_no_error(encoding: str) -> None:
    command = [sys.executable, "-c", PRINTS.format(lines=1)]
    done = subprocess.run(command, capture_output=True, timeout=60, env={**os.environ, "PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == "σ = 0.5 Å\n".encode(encoding, errors="replace")


def test_a_pipe_that_closes_early_is_no_traceback() -> None:
    for lines in (1, 100_000):  # the one line is written only when the command ends
        with subprocess.Popen(
            [sys.executable, "-c", PRINTS.format(lines=lines)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            process.stdout.close()
            assert (process.wait(timeout=60), process.stderr.read()) == (141, b"")
