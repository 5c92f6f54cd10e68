"""The table of commands."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

NAMES = (
    "data", "train", "prior", "evaluate", "export", "sample", "recover", "check", "relax", "hull", "report",
    "encode", "decode", "interpolate", "neighbours", "map", "optimise",
    "figures", "draw", "release",
)  # fmt: skip
"""The commands in the order of their use; each is a module beside this one, with its function in COMMAND."""


def command(name: str) -> Callable[..., Any] | dict[str, Callable[..., Any]]:
    """Return the function of a command, or its subcommands by name."""
    found: Callable[..., Any] | dict[str, Callable[..., Any]] = import_module(f".{name}", __package__).COMMAND
    return found
