"""Arguments of the commands: parsed by tyro, and one line for those that do not fit."""

from __future__ import annotations

import functools
import io
import math
import re
from collections.abc import Callable
from contextlib import redirect_stderr
from typing import Any

import tyro

from ..errors import InputError

BOX = re.compile(r"[│╭╮╰╯]")
RULE = re.compile(r"─{4,}")


def parsed(
    command: Callable[..., Any] | dict[str, Callable[..., Any]], prog: str, words: list[str]
) -> Callable[[], Any]:
    """Return `command`, or one of several by their names, bound to the `words` of a command line.

    Raises InputError where that does not fit; what tyro prints then is a box of many lines.
    """
    told = io.StringIO()
    try:
        with redirect_stderr(told):
            if isinstance(command, dict):
                later = {name: _later(one) for name, one in command.items()}
                return tyro.extras.subcommand_cli_from_dict(later, prog=prog, args=words)
            return tyro.cli(_later(command), prog=prog, args=words)
    except SystemExit as stop:
        if not stop.code:  # --help
            raise
        raise InputError(_reason(told.getvalue())) from None


def check_positive(**options: float | None) -> None:
    """Options that count or measure something must be positive and finite where they are given."""
    for name, value in options.items():
        if value is not None and not 0 < value < math.inf:
            raise InputError(f"--{name.replace('_', '-')}: wanted a positive number, got {value}")


def _later(command: Callable[..., Any]) -> Callable[..., Callable[[], Any]]:
    """The same signature and documentation, but calling it only takes the arguments."""

    @functools.wraps(command)
    def bound(*args: Any, **kwargs: Any) -> Callable[[], Any]:
        return functools.partial(command, *args, **kwargs)

    return bound


def _reason(box: str) -> str:
    """The first remark in a box, without its title."""
    lines = BOX.sub("", box).splitlines()
    reason = " ".join(RULE.split("\n".join(lines[1:] or lines))[0].partition("Got errors:")[0].split())
    return f"{reason.rstrip('.')}; --help says what there is"
