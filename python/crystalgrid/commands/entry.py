"""Entry points of the commands: `crystalgrid NAME …`, and a program `crystalgrid-NAME` for each."""

from __future__ import annotations

import inspect
import io
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from ..errors import InputError, run_command
from .repeated import check_given_once
from .signals import tidy_and_exit
from .table import NAMES, command

VERBOSE = {"-v", "--verbose"}
OPTIONS = """
  --version                    versions, compiler, instruction set, cache: what a bug report needs
  -v, --verbose                show where in the code an error was raised; before or after the command's name
  --print-completion bash|zsh  print a script that completes commands and options

crystalgrid NAME --help lists a command's arguments."""


def main() -> None:
    """Run `crystalgrid NAME …`."""
    _start(None)


def run(name: str) -> None:
    """Run one command with the arguments of the command line, as the program `crystalgrid-NAME`."""
    _start(name)


def _start(name: str | None) -> None:
    """Run the command of that name, or the one that the command line names, and exit."""
    # Threads that spin while they wait for each other made commands take many times as long on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal in Latin-1 has no σ, and a result is worth more than that
    words = [word for word in sys.argv[1:] if word not in VERBOSE]
    run_command(lambda: _run_words(name, words), verbose=not VERBOSE.isdisjoint(sys.argv[1:]))


def _run_words(name: str | None, words: list[str]) -> None:
    first = words[0] if words else "--help"
    if first == "--version":
        from .version import version_report

        print(version_report())
    elif first == "--print-completion":
        from .completion import completion_script

        print(completion_script(name, words[1:]))
    elif name is not None:
        _run(name, f"crystalgrid-{name}", words)
    elif first in ("-h", "--help"):
        print(_overview())
    elif first in NAMES:
        _run(first, f"crystalgrid {first}", words[1:])
    else:
        raise InputError(f"{first}: no such command; there are {', '.join(NAMES)}")


def _run(name: str, prog: str, words: list[str]) -> None:
    signal.signal(signal.SIGTERM, tidy_and_exit)
    check_given_once(words)
    if name == "sample":  # its options are defined in export/options.json, which the C++ program reads too
        from .sample import sample as run_sample

        run_sample(prog, words)
    else:
        from .arguments import bind

        bind(command(name), prog, words)()


def _overview() -> str:
    """Return the help text that lists each command, and each subcommand, with the first line of its documentation."""
    functions: dict[str, Callable[..., Any]] = {}
    for name in NAMES:
        named = command(name)
        subcommands = named if isinstance(named, dict) else {"": named}
        functions |= {f"{name} {subcommand}".strip(): function for subcommand, function in subcommands.items()}
    width = max(map(len, functions))
    lines = [f"  {name:{width}}  {(inspect.getdoc(f) or '').partition(chr(10))[0]}" for name, f in functions.items()]
    return "\n".join(["usage: crystalgrid NAME …", "", *lines, OPTIONS])


def __getattr__(name: str) -> Callable[[], None]:
    """Return the program `crystalgrid-NAME`, as the package installs one for each command."""
    if name in NAMES:
        return partial(run, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
