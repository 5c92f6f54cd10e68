"""Options that are given more than once on a command line, of which parsers would silently take the last."""

import re

from ..errors import InputError

LONG_NAMES = {"-o": "--out", "-n": "--number", "--n": "--number"}
"""The long name of each option that has several names."""


def check_given_once(words: list[str]) -> None:
    """Raise InputError if an option is among the words of a command line more than once."""
    seen = set()
    for word in words:
        if not re.match("--?[a-zA-Z]", word):  # a value, which may be a negative number
            continue
        option = word.partition("=")[0].replace("_", "-")
        name = LONG_NAMES.get(option, option)
        if name in seen:
            raise InputError(f"{option}: given more than once; give it once")
        seen.add(name)
