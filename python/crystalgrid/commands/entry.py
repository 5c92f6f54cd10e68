"""Entry points of the commands: `crystalgrid NAME`, and `crystalgrid-NAME` for each of them."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module

from ..errors import InputError, run_command

INSTALLED = ("data", "train", "prior", "evaluate", "export", "sample", "recover", "interpolate", "figures")
"""The commands that also have a program of their own, `crystalgrid-NAME`."""
NAMES = (*INSTALLED, "draw", "release")


def main() -> None:
    """Run `crystalgrid NAME …`."""
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("-h", "--help"):
        print(f"usage: crystalgrid NAME …, where NAME is one of {', '.join(NAMES)}; crystalgrid NAME --help says more")
    elif name in NAMES:
        run(name, sys.argv[2:])
    else:
        run_command(lambda: _refuse(name))


def run(name: str, words: list[str] | None = None) -> None:
    """Run one command with `words`, by default those of the command line, and exit."""
    from .arguments import parsed

    def command() -> None:
        signal.signal(signal.SIGTERM, _tidy_and_stop)
        words_given = sys.argv[1:] if words is None else words
        parsed(import_module(f".{name}", __package__).COMMAND, f"crystalgrid-{name}", words_given)()

    run_command(command)


@contextmanager
def importing() -> Iterator[None]:
    """Let a signal end the process at once: torch and numpy go on after a KeyboardInterrupt, half imported."""
    before = {number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def _refuse(name: str) -> None:
    raise InputError(f"{name}: no such command; there are {', '.join(NAMES)}")


def _stop(number: int, _: object) -> None:
    print("error: interrupted", file=sys.stderr, flush=True)
    os._exit(128 + number)


def _tidy_and_stop(number: int, _: object) -> None:
    """Exit as after Ctrl-C, so that what was being written is removed."""
    print("error: interrupted", file=sys.stderr, flush=True)
    sys.exit(128 + number)


data, train, prior, evaluate, export, sample, recover, interpolate, figures = (partial(run, name) for name in INSTALLED)
