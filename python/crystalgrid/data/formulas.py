"""Reduced formulas as 64-bit hashes, which a model keeps of the crystals that it was trained on."""

from __future__ import annotations

import hashlib

import numpy as np

from .crystalset import CrystalSet
from .split import reduced_formulas


def formula_hashes(crystals: CrystalSet) -> np.ndarray:
    """Return the hashes of the reduced formulas among B crystals, each once, in ascending order, [F] uint64.

    A hash is the first 8 bytes of the SHA-256 of the formula as `reduced_formulas` writes it, the first the highest.
    """
    return np.unique(_hashes(crystals))


def share_formula(crystals: CrystalSet, hashes: np.ndarray) -> np.ndarray:
    """Return [B] bool, whether the hash of a crystal's reduced formula is among `hashes`."""
    return np.isin(_hashes(crystals), hashes)


def _hashes(crystals: CrystalSet) -> np.ndarray:
    formulas, index = np.unique(reduced_formulas(crystals).astype(str), return_inverse=True)
    digests = [hashlib.sha256(formula.encode()).digest()[:8] for formula in formulas]
    hashes: np.ndarray = np.frombuffer(b"".join(digests), ">u8").astype(np.uint64)[index.reshape(-1)]
    return hashes
