"""Entry points of the commands: each imports its module, and torch with it, where Ctrl-C already ends in one line."""

import os
import signal
import sys
from importlib import import_module
from typing import Any

from .errors import run_command


def data() -> None:
    """`crystalgrid-data`."""
    _run("pack")


def train() -> None:
    """`crystalgrid-train`."""
    _run("train")


def prior() -> None:
    """`crystalgrid-prior`."""
    _run("prior")


def evaluate() -> None:
    """`crystalgrid-evaluate`."""
    _run("evaluate")


def export() -> None:
    """`crystalgrid-export`."""
    _run("export")


def sample() -> None:
    """`crystalgrid-sample`."""
    _run("sample")


def recover() -> None:
    """`crystalgrid-recover`."""
    _run("recover_library")


def interpolate() -> None:
    """`crystalgrid-interpolate`."""
    _run("interpolate")


def figures() -> None:
    """`crystalgrid-figures`."""
    _run("figures")


def _run(module: str) -> None:
    run_command(lambda: _import(module).cli())


def _import(module: str) -> Any:
    """A module. There is nothing to save yet, and torch and numpy go on after a KeyboardInterrupt, half imported."""
    before = signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    imported = import_module(f".{module}", __package__)
    signal.signal(signal.SIGINT, before)
    signal.signal(signal.SIGTERM, _tidy_and_stop)
    return imported


def _stop(number: int, _: object) -> None:
    print("error: interrupted", file=sys.stderr, flush=True)
    os._exit(128 + number)


def _tidy_and_stop(number: int, _: object) -> None:
    """As after Ctrl-C, what was being written is removed."""
    print("error: interrupted", file=sys.stderr, flush=True)
    sys.exit(128 + number)
