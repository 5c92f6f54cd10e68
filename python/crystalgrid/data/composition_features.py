"""Features of compositions: shares of elements, and statistics of what elements are, as of Magpie."""

from __future__ import annotations

import numpy as np

from ..geometry.elements import ATOMIC_WEIGHTS, COVALENT_RADII, ELECTRONEGATIVITIES, MENDELEEV_NUMBERS, SYMBOLS
from .crystalset import CrystalSet


def element_shares(crystals: CrystalSet) -> np.ndarray:
    """Return the share of atoms of each element in B crystals, [B, 94], Z = 1 first."""
    counts = np.zeros((len(crystals), len(SYMBOLS) + 1))
    np.add.at(counts, (crystals.crystal_of_atom, crystals.numbers), 1)
    shares: np.ndarray = counts[:, 1:] / counts.sum(axis=1, keepdims=True)
    return shares


def composition_features(crystals: CrystalSet) -> np.ndarray:
    """Return the shares of elements, then mean, deviation, least and most of each elemental property, [B, 94 + 4 P].

    The properties are atomic number and weight, Mendeleev number, covalent radius and electronegativity.
    """
    shares = element_shares(crystals)
    negativity = np.where(np.isfinite(ELECTRONEGATIVITIES), ELECTRONEGATIVITIES, 0)[1:]
    numbers = np.arange(1, len(SYMBOLS) + 1)
    properties = np.stack([numbers, ATOMIC_WEIGHTS[1:], MENDELEEV_NUMBERS[1:], COVALENT_RADII[1:], negativity])
    mean = shares @ properties.T
    deviation = np.sqrt(np.clip(shares @ (properties**2).T - mean**2, 0, None))
    present = shares[:, None] > 0
    least = np.where(present, properties, np.inf).min(axis=2)
    most = np.where(present, properties, -np.inf).max(axis=2)
    return np.concatenate([shares, mean, deviation, least, most], axis=1)
