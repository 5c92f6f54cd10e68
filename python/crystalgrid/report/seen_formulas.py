"""Crystals whose reduced formula a model was trained on: results on them say less of other crystals."""

from __future__ import annotations

import sys

import numpy as np

from ..artifacts.formulas import trained_formulas
from ..data.crystalset import CrystalSet
from ..data.formulas import share_formula

SEEN, UNSEEN = "seen_formulas", "unseen_formulas"
"""The keys of the metrics of crystals whose formula the model was trained on, and of the others."""


def seen_by(model: str, crystals: CrystalSet) -> np.ndarray | None:
    """Return [B] bool, whether a model was trained on a crystal of the same reduced formula; None if it does not say.

    Prints a warning with their number if there are some.
    """
    hashes = trained_formulas(model)
    if hashes is None:
        return None
    seen = share_formula(crystals, hashes)
    if seen.any():
        print(
            f"warning: {seen.sum()} of {len(crystals)} crystals share a reduced formula with crystals that {model} was "
            "trained on",
            file=sys.stderr,
        )
    return seen
