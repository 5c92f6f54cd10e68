"""Entry points of the commands: `crystalgrid NAME …`, and a program `crystalgrid-NAME` for each."""

from __future__ import annotations

import inspect
import signal
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from ..errors import InputError, run_command
from .signals import tidy_and_exit

NAMES = (
    "data", "train", "prior", "evaluate", "export", "sample", "recover", "interpolate", "figures", "draw", "release",
)  # fmt: skip
"""The commands in the order of their use; each is a module beside this one, with its function in COMMAND."""


def main() -> None:
    """Run `crystalgrid NAME …`."""
    run_command(lambda: _run_named(sys.argv[1:]))


def run(name: str) -> None:
    """Run one command with the arguments of the command line, as the program `crystalgrid-NAME`."""
    run_command(lambda: _run(name, f"crystalgrid-{name}", sys.argv[1:]))


def _run_named(words: list[str]) -> None:
    name = words[0] if words else "--help"
    if name in ("-h", "--help"):
        print(_overview())
    elif name in NAMES:
        _run(name, f"crystalgrid {name}", words[1:])
    else:
        raise InputError(f"{name}: no such command; there are {', '.join(NAMES)}")


def _run(name: str, prog: str, words: list[str]) -> None:
    signal.signal(signal.SIGTERM, tidy_and_exit)
    if name == "sample":  # its options are defined in export/options.json, which the C++ program reads too
        from .sample import sample as run_sample

        run_sample(prog, words)
    else:
        from .arguments import bind

        bind(_command(name), prog, words)()


def _command(name: str) -> Callable[..., Any] | dict[str, Callable[..., Any]]:
    """Return the function of a command, or its subcommands by name."""
    command: Callable[..., Any] | dict[str, Callable[..., Any]] = import_module(f".{name}", __package__).COMMAND
    return command


def _overview() -> str:
    """Return the help text that lists each command, and each subcommand, with the first line of its documentation."""
    functions: dict[str, Callable[..., Any]] = {}
    for name in NAMES:
        command = _command(name)
        subcommands = command if isinstance(command, dict) else {"": command}
        functions |= {f"{name} {subcommand}".strip(): function for subcommand, function in subcommands.items()}
    width = max(map(len, functions))
    lines = [f"  {name:{width}}  {(inspect.getdoc(f) or '').partition(chr(10))[0]}" for name, f in functions.items()]
    return "\n".join(["usage: crystalgrid NAME …", "", *lines, "", "crystalgrid NAME --help lists its arguments."])


data, train, prior, evaluate, export, sample, recover, interpolate, figures, draw, release = (
    partial(run, name) for name in NAMES
)
"""The programs that the package installs."""
