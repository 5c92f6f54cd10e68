"""The parsing of command lines by tyro; a mistake is reported in one line."""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Callable
from contextlib import redirect_stderr
from typing import Any, cast

import tyro

from ..errors import InputError
from .mistakes import mistakes


def bind(command: Callable[..., Any] | dict[str, Callable[..., Any]], prog: str, words: list[str]) -> Callable[[], Any]:
    """Return a command, or one of several subcommands by name, bound to the arguments in `words`.

    prog: the program's name in the help text.

    Raises InputError with one line for words that do not fit, and SystemExit after --help.
    """
    printed = io.StringIO()
    try:
        with redirect_stderr(printed):
            if isinstance(command, dict):
                subcommands = {name: _deferred(subcommand) for name, subcommand in command.items()}
                bound = tyro.extras.subcommand_cli_from_dict(subcommands, prog=prog, args=words)
            else:
                bound = tyro.cli(_deferred(command), prog=prog, args=words)
    except SystemExit as stop:
        if not stop.code:  # --help
            raise
        raise InputError(f"{mistakes(printed.getvalue())}; --help lists the arguments") from None
    return cast(Callable[[], Any], bound)


def check_positive(**options: float | None) -> None:
    """Raise InputError unless each option that is given is positive and finite."""
    for name, value in options.items():
        if value is not None and not 0 < value < math.inf:
            raise InputError(f"--{name.replace('_', '-')}: wanted a positive number, got {value}")


def _deferred(command: Callable[..., Any]) -> Callable[..., Callable[[], Any]]:
    """Return a function of the same signature and documentation that binds its arguments and calls nothing."""

    @functools.wraps(command)
    def deferred(*args: Any, **kwargs: Any) -> Callable[[], Any]:
        return functools.partial(command, *args, **kwargs)

    return deferred
