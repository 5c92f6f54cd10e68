"""The command line: help, one-line errors, and signals."""

import os
import re
import signal
import subprocess
import sys

try:
    import tomllib
except ImportError:
    import tomli as tomllib
from pathlib import Path

import pytest
import torch

from crystalgrid import _core
from crystalgrid.commands import entry, table
from crystalgrid.commands.arguments import bind
from crystalgrid.errors import InputError

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143}
INTERRUPTED_IMPORT = """
import builtins, signal, sys
from crystalgrid.commands import entry, table

def interrupted(*_):
    try:
        signal.raise_signal({number})
    except BaseException:  # as numpy does
        pass
    raise AttributeError("half imported")

real = builtins.__import__
builtins.__import__ = lambda name, *rest: interrupted() if name == "training.train" else real(name, *rest)
sys.argv[1:] = ["--mode", "repeated", "--out", "x"]
entry.run("train")
"""
TERMINATED = """
import signal, sys
from types import SimpleNamespace
from crystalgrid.commands import entry, table

def command() -> None:
    try:
        signal.raise_signal(signal.SIGTERM)
    finally:
        print("tidied")

table.import_module = lambda *_: SimpleNamespace(COMMAND=command)
entry.run("export")
"""
HELP_OF_ALL = """
import io, sys
from contextlib import redirect_stdout
from crystalgrid.commands import entry, table

def help_of(run, *words):
    sys.argv[1:] = words
    with redirect_stdout(io.StringIO()) as printed:
        try:
            run()
        except SystemExit as stop:
            assert not stop.code, words
    return printed.getvalue()

overview = help_of(entry.main, "--help")
assert help_of(entry.main) == overview
for name in table.NAMES:
    assert f"  {name}" in overview, name
    assert f"crystalgrid {name}" in help_of(entry.main, name, "--help"), name
    assert f"crystalgrid-{name}" in help_of(getattr(entry, name), "--help"), name
print(*(module for module in ("torch", "numpy", "matplotlib", "pymatgen") if module in sys.modules))
"""


def python(program: str, *options: str, **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, *options, *(["-c", program] if program else [])]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **environment})


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_importing_ends_in_one_line(number: int) -> None:
    done = python(INTERRUPTED_IMPORT.format(number=int(number)))
    assert (done.returncode, done.stderr) == (SIGNALS[number], "error: interrupted\n")


def test_a_terminated_command_tidies_up_and_says_so() -> None:
    done = python(TERMINATED)
    assert (done.returncode, done.stdout, done.stderr) == (143, "tidied\n", "error: interrupted\n")


def test_help_of_every_command_needs_no_heavy_library() -> None:
    done = python(HELP_OF_ALL)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_the_package_runs_as_a_module() -> None:
    done = python("", "-m", "crystalgrid", "paint")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"error: paint: no such command; there are data, .*, release\n", done.stderr)


def test_version_says_what_a_bug_report_needs() -> None:
    done = python("", "-m", "crystalgrid", "--version", XDG_CACHE_HOME="/somewhere")
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert list(lines) == ["crystalgrid", "python", "platform", "torch", "compiler", "cuda", "instructions", "cache"]
    assert lines["torch"] == torch.__version__
    assert lines["python"].endswith(f"({sys.executable})")
    assert lines["cuda"].startswith(f"core built {'without' if _core.cuda is None else 'with'} CUDA; ")
    assert lines["instructions"] in ("baseline", "avx2", "avx512")
    assert lines["cache"] == "/somewhere/crystalgrid"


@pytest.mark.parametrize("words", ["-v export absent -o x.pt", "export absent -o x.pt --verbose"])
def test_a_traceback_is_shown_on_request(words: str) -> None:
    lines = python("", "-m", "crystalgrid", *words.split()).stderr.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1].startswith("error: absent: no such file")


def test_every_command_is_installed() -> None:
    scripts = tomllib.loads(PYPROJECT.read_text())["project"]["scripts"]
    assert scripts.keys() == {"crystalgrid", *(f"crystalgrid-{name}" for name in table.NAMES)}
    for target in scripts.values():
        module, name = target.split(":")
        assert module == entry.__name__
        assert callable(getattr(entry, name))


MISTAKES = {
    "evaluate": r"wanted STR \(folder of a training run, .*, or the name of a released model\)",
    "export m": r"wanted -o PATH, --out PATH \(file to write; .*\)",
    "export m -o": r"-o/--out: wanted a value, got none",
    "train --recipe paper": r"wanted --out PATH \(folder of the run; .*\)",
    "evaluate m --split tset": r"invalid choice 'tset' for argument '--split'.*'train', 'val', 'test'\)",
    "evaluate m --seed x": r"--seed: wanted a whole number, got 'x'",
    "evaluate m extra": r"Unrecognized options: extra",
    "evaluate m --sead 3": r"Unrecognized options: --sead, 3; perhaps you meant --seed INT",
    "data pack a --sead 3": r"wanted -o PATH, --out PATH \(the Parquet file to write\); Unrecognized options: --sead 3",
    "data pack a -o x --max-side ten": r"--max-side: wanted a number, got 'ten'",
    "data pack a -o x --workers two": r"--workers: wanted a whole number, got 'two'",
    "hull above LiMnO2 low": r"ENERGY_PER_ATOM: wanted a number, got 'low'",
    "evaluate m --seed": r"--seed: wanted a value, got none",
    "check a -o x --coverage 0.4": r"--coverage: wanted 2 numbers, got '0.4'",
    "figures m --out x --betas 1 y": r"--betas: wanted a number, got '1 y'",
    "train --mode both --out x": r"invalid choice 'both' for argument '--mode'.* \('\w+', '\w+'\)",
    "data": r"Expected one of \{pack, fetch\}",
    "data paint": r"Unrecognized options: paint; Available subcommands: pack, fetch",
}


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_on_the_command_line_is_one_line(words: str) -> None:
    name, *words_of_command = words.split()
    with pytest.raises(InputError) as caught:
        bind(table.command(name), "crystalgrid-x", words_of_command)
    assert re.fullmatch(MISTAKES[words] + r"; --help lists the arguments", str(caught.value))


@pytest.mark.parametrize(
    ("words", "option"),
    [
        ("data pack a -o a.parquet --where a --where b", "--where"),
        ("data pack a -o a.parquet --out b.parquet", "--out"),
        ("sample mp10a -o a --formula A --formula=B", "--formula"),
        ("sample mp10a -o a -n 3 --number 4", "--number"),
        ("train --out a --max_side=-1 --max-side -1", "--max-side"),
        ("draw a.cif -op.png -oq.png", "-o"),
        ("data pack a -o a.parquet --overwrite --no-overwrite", "--no-overwrite"),
    ],
)
def test_an_option_that_is_given_twice_is_refused(words: str, option: str) -> None:
    done = python("", "-m", "crystalgrid", *words.split())
    assert (done.returncode, done.stderr) == (1, f"error: {option}: given more than once; give it once\n")


def test_a_mistake_is_one_line_on_a_terminal_without_unicode() -> None:
    done = python("", "-m", "crystalgrid", "evaluate", "m", "--split", "tset", PYTHONIOENCODING="ascii", COLUMNS="50")
    assert re.fullmatch(r"error: invalid choice 'tset' for argument '--split'.*'test'\); --help .*\n", done.stderr)


def test_arguments_are_bound_and_nothing_is_called_yet() -> None:
    called = []

    def command(path: str, count: int = 2) -> None:
        called.append((path, count))

    bound = bind(command, "x", ["--path", "a", "--count", "3"])
    assert called == []
    bound()
    assert called == [("a", 3)]
