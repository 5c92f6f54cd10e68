"""`crystalgrid sample`: read the options of the C++ sampler, find the model, and become the sampler.

The options are defined once, in export/options.json, from which the C++ program builds its parser too. Here their
values stay text: the C++ program checks them.
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any, NoReturn

from ..errors import InputError
from ..files import shipped
from .signals import importing

DRAWS = 64
"""The number of crystals if none is asked for, as in the table of options."""


def sample(prog: str, words: list[str]) -> None:
    """Sample structures from a model by the C++ sampler."""
    options = vars(parser(prog).parse_args(words))
    model = options.pop("model")
    if "target" in options:
        _sample_target(Path(model), options)
        return
    with importing():
        from ..artifacts.sampler import become_sampler
        from ..generation.like import like_as_text
        from ..generation.property_model import holds_property
    if holds_property(Path(model)):
        raise InputError(f"{model}: a run of the recipe property; wanted --target COLUMN=VALUE with it")
    become_sampler(model, as_words(like_as_text(options)))


def _sample_target(run: Path, options: dict[str, str]) -> None:
    """Write crystals of which the run of a learned property predicts the value that is asked for."""
    if others := options.keys() - {"target", "number", "seed", "out"}:
        raise InputError(f"--target: wanted -n, --seed and --out beside it alone, got --{min(others)}")
    column, _, value = options["target"].partition("=")
    try:
        number, seed, goal = int(options.get("number", DRAWS)), int(options.get("seed", 0)), float(value)
    except ValueError:
        raise InputError(
            f"--target: wanted COLUMN=VALUE as band_gap=1.5, and whole numbers for -n and --seed; got "
            f"{' '.join(as_words(options))}"
        ) from None
    with importing():
        from ..pool import chosen_workers
        from ..report.latent.optimised_folder import write_optimised
    workers = chosen_workers(None, None)
    write_optimised(run, Path(options["out"]), goal, None, number, None, seed, workers, column=column)


def parser(prog: str = "crystalgrid-sample") -> argparse.ArgumentParser:
    """Return the parser that the table of options defines; options that are not given are absent from its result."""
    table = json.loads((shipped("export") / "options.json").read_text("utf-8"))
    command = _Parser(
        prog, "%(prog)s MODEL --out OUT [options]", table["summary"],
        add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS,
    )  # fmt: skip
    command.add_argument("model", metavar="MODEL", help=f"{table['model']}, or the name of a released model")
    for group in table["groups"]:
        section = command.add_argument_group(group["title"])
        for option in group["options"]:
            _add_option(section, option)
    return command


def as_words(options: dict[str, Any]) -> list[str]:
    """Return options as the C++ program takes them."""
    return [f"--{name}" if value is True else f"--{name}={value}" for name, value in options.items()]


def _add_option(section: Any, option: dict[str, Any]) -> None:
    names = [f"-{option['short']}"] if "short" in option else []
    names.append(f"--{option['name']}")
    default = f" (default {option['default']})" if "default" in option else ""
    text = (option["help"] + default).replace("%", "%%")
    if option["name"] == "help":
        section.add_argument(*names, action="help", help=text)
    elif option["kind"] == "flag":
        section.add_argument(*names, dest=option["name"], action="store_true", help=text)
    else:
        required = option.get("required", False)
        section.add_argument(*names, dest=option["name"], metavar=option["metavar"], required=required, help=text)


COMMAND = sample


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        message = message.replace("the following arguments are required: ", "wanted ")
        message = re.sub("argument (.*): expected one argument", r"\1: wanted a value, got none", message)
        raise InputError(f"{message}; --help lists the arguments")
