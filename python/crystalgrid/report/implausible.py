"""Results that make no sense: a warning in one line for each kind, with what to do about it."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ..artifacts.short_runs import advice
from ..crystal import SYMBOLS
from ..data.crystalset import CrystalSet

LEAST_RECALL = 0.1
"""The share of atoms that are found from which on a model is not said to have learned nothing."""
MOST_SYMBOLS = 8
"""The most elements that a warning names."""


def warn(text: str) -> None:
    """Print a warning on stderr."""
    print(f"warning: {text}", file=sys.stderr, flush=True)


def warn_of_recall(model: str, metrics: dict[str, Any]) -> None:
    """Warn if nearly no atoms were found in the densities that a model decodes."""
    recall = metrics["recall_0p5A"]
    if recall is None or recall >= LEAST_RECALL:
        return
    n_true = f"{metrics['n_true']:,}"
    found = f"no atom of {n_true} was found" if recall == 0 else f"{100 * recall:.1f} % of {n_true} atoms were found"
    warn(f"{model}: {found}, so that it has learned nothing of use; {advice(metrics['mode'])}")


def warn_of_contacts(distances: np.ndarray, least: float) -> None:
    """Warn of crystals with atoms too near to each other; distances: [B] Å, the smallest of each crystal."""
    near = distances[distances < least]
    if len(near):
        verb, pronoun = _words(len(near), "is")
        apart = f"two atoms less than {least:g} Å apart (the nearest {near.min():.1g} Å)"
        counted = f"{len(near)} of {len(distances)} crystals {verb}"
        warn(f"{counted} marked invalid, with {apart}; leave {pronoun} out, or {advice('repeated')}")


def warn_of_elements(crystals: CrystalSet, known: CrystalSet) -> None:
    """Warn of crystals with elements that no known crystal has, which a model cannot have learned."""
    unknown = np.setdiff1d(crystals.numbers, known.numbers)
    if len(unknown):
        having = len(np.unique(crystals.crystal_of_atom[np.isin(crystals.numbers, unknown)]))
        verb, pronoun = _words(having, "has")
        symbols = [SYMBOLS[z - 1] for z in unknown[:MOST_SYMBOLS]] + ["…"] * (len(unknown) > MOST_SYMBOLS)
        counted = f"{having} of {len(crystals)} crystals {verb}"
        named = f"elements that no known crystal has ({', '.join(symbols)})"
        warn(f"{counted} {named}; leave {pronoun} out, or {advice('repeated')}")


def _words(count: int, verb: str) -> tuple[str, str]:
    """Return a verb and a pronoun that agree with a count."""
    return (verb, "it") if count == 1 else ({"is": "are", "has": "have"}[verb], "them")
