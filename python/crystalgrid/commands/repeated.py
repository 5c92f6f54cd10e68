"""Refuse options that are given more than once, of which parsers would silently take the last."""

import re

from ..errors import InputError

LONG_NAMES = {"-o": "--out", "-n": "--number", "--n": "--number"}
"""The long name of each option that has several names."""


def check_given_once(words: list[str]) -> None:
    """Raise InputError if an option is among the words of a command line more than once."""
    seen = set()
    for word in words:
        if re.match("-[a-zA-Z]", word):
            option = word[:2]  # its value may follow at once
        elif re.match("--[a-zA-Z]", word):
            option = word.partition("=")[0].replace("_", "-")
        else:  # a value, which may be a negative number
            continue
        name = LONG_NAMES.get(option, option.replace("--no-", "--", 1))
        if name in ("-h", "--help"):
            continue
        if name in seen:
            raise InputError(f"{option}: given more than once; give it once")
        seen.add(name)
