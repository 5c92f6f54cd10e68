"""Completion of commands, options and choices in bash and zsh, by the shells themselves."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from crystalgrid.commands.completion import completion_script
from crystalgrid.errors import InputError

COMPLETE = """
source "$1"
COMP_WORDS=("${@:2}"); COMP_CWORD=$(($# - 2))
$(complete -p "$2" | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
printf '%s\\n' "${COMPREPLY[@]}"
"""
COMPLETIONS = {
    "crystalgrid ": {"data", "train", "sample", "release"},
    "crystalgrid data ": {"pack", "fetch"},
    "crystalgrid data pack --max": {"--max-side"},
    "crystalgrid train --mode ": {"single", "repeated"},
    "crystalgrid sample m --device ": {"cpu", "cuda"},
    "crystalgrid sample m --structures ": {"known", "new", "free", "any"},
    "crystalgrid relax c --optimizer ": {"bfgs", "lbfgs", "fire"},
    "crystalgrid hull ": {"build", "above"},
    "crystalgrid-sample m --min": {"--min-distance", "--min-atoms", "--min-density"},
    "crystalgrid-data ": {"pack", "fetch"},
    "crystalgrid-recover r --ci": {"--cif"},
}


@pytest.fixture(scope="module")
def completion(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], set[str]]:
    """Return a function that gives the words which bash offers for the last word of a line."""
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    folder = tmp_path_factory.mktemp("completion")

    def completion(line: str) -> set[str]:
        program, *words = line.split(" ")
        (folder / program).write_text(completion_script(program.partition("-")[2] or None, ["bash"]))
        command = ["bash", "-c", COMPLETE, "bash", str(folder / program), program, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.stderr == ""
        return set(done.stdout.split())

    return completion


@pytest.mark.parametrize("line", COMPLETIONS)
def test_bash_completes_commands_options_and_choices(completion: Callable[[str], set[str]], line: str) -> None:
    assert completion(line) >= COMPLETIONS[line]


def test_nothing_but_the_script_is_printed() -> None:
    command = [sys.executable, "-m", "crystalgrid", "--print-completion", "bash"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_shell_that_is_not_known_is_one_line() -> None:
    for words, got in ((["fish"], "fish"), ([], "nothing")):
        with pytest.raises(InputError, match=f"--print-completion: wanted bash or zsh, got {got}"):
            completion_script(None, words)
    assert completion_script(None, ["zsh"]).startswith("#compdef crystalgrid\n")


def screen_of_zsh(folder: Path, line: str, words: set[str]) -> str:
    """Return what zsh shows after `line` and a tabulator, once it shows all of the words, or after half a minute.

    folder: where the completion script lies.
    """
    terminal, end_of_zsh = pty.openpty()
    variables = {**os.environ, "TERM": "dumb", "COLUMNS": "150", "LINES": "60"}
    streams = {"stdin": end_of_zsh, "stdout": end_of_zsh, "stderr": end_of_zsh}
    zsh = subprocess.Popen(["zsh", "-f", "-i"], env=variables, start_new_session=True, **streams)
    set_up = f"fpath=('{folder}' $fpath); autoload -Uz compinit; compinit -u -D; clear\n"
    os.write(terminal, f"{set_up}{line}\t".encode())
    shown, last = "", time.monotonic() + 30
    while time.monotonic() < last and not words <= set(re.findall(r"[\w-]+", shown.rpartition("clear")[2])):
        if select.select([terminal], [], [], 0.1)[0]:
            shown += os.read(terminal, 1 << 16).decode(errors="replace")
    zsh.kill()
    zsh.wait()
    os.close(terminal)
    os.close(end_of_zsh)
    return shown


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
@pytest.mark.parametrize("line", ["crystalgrid data ", "crystalgrid train --mode ", "crystalgrid-recover r --"])
def test_zsh_completes_commands_options_and_choices(tmp_path: Path, line: str) -> None:
    words = COMPLETIONS.get(line, {"--cif", "--known", "--resume"})
    program = line.split()[0]
    (tmp_path / f"_{program}").write_text(completion_script(program.partition("-")[2] or None, ["zsh"]))
    shown = screen_of_zsh(tmp_path, line, words)
    assert words <= set(re.findall(r"[\w-]+", shown.rpartition("clear")[2])), shown
