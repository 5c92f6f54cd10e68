"""The reduced formulas that a model was trained on, as hashes (see `data.formulas`), in every form of a model.

Models that were made before formulas were kept have none.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .archive import read_formulas
from .checkpoint import checkpoint_of, read_checkpoint
from .find import find_model, is_exported
from .released import FORMULAS, WEIGHTS


def trained_formulas(model: str | Path) -> np.ndarray | None:
    """Return the hashes of the formulas that a model was trained on, [F] uint64; None if the model does not say."""
    path = find_model(model)
    if is_exported(path):
        return read_formulas(path)
    if (path / WEIGHTS).is_file():
        file = path / FORMULAS
        return np.load(file, allow_pickle=False) if file.is_file() else None
    return read_checkpoint(checkpoint_of(path)).formulas


def join_formulas(*parts: np.ndarray | None) -> np.ndarray:
    """Return the hashes in any of the parts, each once, in ascending order."""
    return np.unique(np.concatenate([np.zeros(0, np.uint64), *(part for part in parts if part is not None)]))
