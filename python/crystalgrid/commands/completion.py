"""Completion of commands and options in bash and zsh, from the definitions that parse them."""

from __future__ import annotations

import inspect
import io
import json
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from typing import Annotated, Any, Literal, Union

import tyro

from ..errors import InputError
from ..files import shipped
from .table import NAMES, command

SHELLS = ("bash", "zsh")
SPECIFICATION = "COMPLETION_SPEC = "
"""The start of the line in tyro's scripts that lists the options with their help texts."""


def completion_script(name: str | None, words: list[str]) -> str:
    """Return a script for the shell that `words` name, for `crystalgrid-NAME`, or `crystalgrid` where name is None."""
    if len(words) != 1 or words[0] not in SHELLS:
        raise InputError(f"--print-completion: wanted {' or '.join(SHELLS)}, got {' '.join(words) or 'nothing'}")
    function = _one_of({name: _function(name) for name in NAMES}) if name is None else _function(name)
    prog = "crystalgrid" if name is None else f"crystalgrid-{name}"
    with redirect_stdout(io.StringIO()) as script, suppress(SystemExit):
        tyro.cli(function, prog=prog, args=["--tyro-write-completion", words[0], "-"])
    lines = script.getvalue().splitlines()
    # The script prints a line for each completion, of which one whose help text has line breaks would be several.
    return "\n".join(line.replace("\\n", " ") if line.startswith(SPECIFICATION) else line for line in lines)


def _one_of(functions: dict[str, Any]) -> Any:
    """Return a type whose values tyro makes by one of several subcommands."""
    subcommands = (
        Annotated[Any, tyro.conf.subcommand(name, constructor=function, prefix_name=False)]
        for name, function in functions.items()
    )
    return Union[tuple(subcommands)]  # noqa: UP007


def _function(name: str) -> Callable[..., Any]:
    """Return a function whose parameters are the arguments of a command, its subcommand among them."""
    if name == "sample":
        return _with_parameters(_sampler_options())
    named = command(name)
    if not isinstance(named, dict):
        return named
    subcommand: Any = Annotated[_one_of(named), tyro.conf.arg(name="")]  # without its name before those of its options
    return _with_parameters({"subcommand": (subcommand, inspect.Parameter.empty)})


def _with_parameters(parameters: dict[str, tuple[Any, Any]]) -> Callable[..., Any]:
    """Return a function of keyword parameters, given by name with their types and defaults."""

    def function(**_: Any) -> None: ...

    function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=type)
            for name, (type, default) in parameters.items()
        ]
    )
    function.__annotations__ = {name: type for name, (type, _) in parameters.items()}
    return function


def _sampler_options() -> dict[str, tuple[Any, Any]]:
    """Return types and defaults of the options that the C++ sampler has, which a table defines."""
    table = json.loads((shipped("export") / "options.json").read_text("utf-8"))
    options: dict[str, tuple[Any, Any]] = {"model": (tyro.conf.Positional[str], inspect.Parameter.empty)}
    for option in (option for group in table["groups"] for option in group["options"]):
        name, kind = option["name"], option["kind"]
        default = False if kind == "flag" else str(option.get("default", ""))
        value: Any = Literal[(*option["choices"], default)] if kind == "choice" else type(default)
        aliases = [f"-{option['short']}"] if "short" in option else []
        if name != "help":  # which every command has
            arg = tyro.conf.arg(name=name, help=option["help"], aliases=aliases)
            options[name.replace("-", "_")] = Annotated[value, arg, tyro.conf.FlagCreatePairsOff], default
    return options
