"""Elements of chemical symbols, in the spellings that files have."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from ..crystal import ATOMIC_NUMBERS, MAX_Z

ISOTOPES = ("D", "T")
ISOTOPES_TOLD = "deuterium or tritium is read as hydrogen"
SYMBOL = re.compile(r"([A-Za-z]{1,2})(?![A-Za-z])")


def elements(symbols: Iterable[str]) -> tuple[np.ndarray, str]:
    """Return atomic numbers [n] of symbols such as Cl, CL, cl, Cl1- or Fe_pv, and a note if some are isotopes.

    Raises ValueError that names the first symbol that is no element of Z 1 to 94.
    """
    listed = [str(symbol).strip() for symbol in symbols]
    number_of = {symbol: _element(symbol) for symbol in dict.fromkeys(listed)}
    numbers = np.array([number_of[symbol] for symbol in listed], dtype=np.int64)
    isotopes = any(number == 1 and symbol[:1].upper() in ISOTOPES for symbol, number in number_of.items())
    return numbers, ISOTOPES_TOLD if isotopes else ""


def _element(symbol: str) -> int:
    number = element(symbol)
    if number is None:
        raise ValueError(f"{symbol!r} is not an element of Z 1 to {MAX_Z}")
    return number


def element(symbol: str) -> int | None:
    """Return Z of a symbol such as Cl, CL, cl, Cl1- or Fe_pv; None if it is no element of Z 1 to 94."""
    match = SYMBOL.match(symbol)
    return ATOMIC_NUMBERS.get(match[1].capitalize()) if match else None
