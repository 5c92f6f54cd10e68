"""Coverage, as CDVAE counts it: how many known crystals have a like among those drawn, and the reverse.

Fingerprints are matminer's: CrystalNN's `ops` of each site, averaged over sites, and Magpie's of the composition,
scaled by mean and deviation over known crystals.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..crystal import Crystal
from ..data.crystalset import CrystalSet
from ..errors import require
from ..geometry.space_group import symmetry_dataset
from ..pool import Workers, in_processes
from ..progress import progress
from .shares import Share, share

FOR_SCALING = 1000
"""Known crystals whose compositions the fingerprints are scaled by; CDVAE's are scaled by those of MP-20."""
SAME_SITE = 1e-3
"""Å; the tolerance of the symmetry by which sites are known to have the same fingerprint."""
CHUNK_SIZE = 16
"""The number of crystals that a process gets at a time; no process is started for fewer."""
Structures = Sequence["list[float] | None"]
"""The fingerprint of each crystal's structure; None where CrystalNN finds none."""


class Cutoffs(NamedTuple):
    """The greatest distances of fingerprints at which crystals are alike: 0.4 and 10 for MP-20, by CDVAE."""

    structure: float
    """0.2 for Perov-5 and Carbon-24."""
    composition: float
    """4 for Perov-5 and Carbon-24."""


def coverage(
    draws: CrystalSet, unreadable: int, known: CrystalSet, cutoffs: Cutoffs, workers: Workers
) -> dict[str, Share]:
    """Return the shares of known crystals (cov_r) and of draws (cov_p) that have a like among the others.

    unreadable: the number of draws that could not be read, which are like none.
    """
    require("matminer", "coverage")
    fingerprints = [structure_fingerprints(crystals, workers) for crystals in (draws, known)]
    scale = Scale(composition_fingerprints(known[np.random.default_rng(0).permutation(len(known))[:FOR_SCALING]]))
    return shares_covered((draws, known), (fingerprints[0], fingerprints[1]), unreadable, scale, cutoffs)


def shares_covered(
    sets: tuple[CrystalSet, CrystalSet],
    structures: tuple[Structures, Structures],
    unreadable: int,
    scale: Scale,
    cutoffs: Cutoffs,
) -> dict[str, Share]:
    """Return cov_r and cov_p of draws and known crystals, `sets`, whose structures have these fingerprints.

    A crystal is covered if some other is near in structure and some, perhaps another, in composition. Draws without a
    fingerprint count; known crystals without one do not.
    """
    from scipy.spatial.distance import cdist

    found = [[i for i, row in enumerate(rows) if row is not None] for rows in structures]
    missing = [False] * (len(sets[0]) - len(found[0]) + unreadable)
    if not all(found):
        return {"cov_r": Share(0, len(found[1])), "cov_p": share(missing)}
    of_structure = [np.array([rows[i] for i in chosen]) for rows, chosen in zip(structures, found, strict=True)]
    of_composition = [scale(composition_fingerprints(s[chosen])) for s, chosen in zip(sets, found, strict=True)]
    distances = cdist(*of_structure), cdist(*of_composition)
    return {
        "cov_r": share(covered(distances, cutoffs, 0)),
        "cov_p": share([*covered(distances, cutoffs, 1), *missing]),
    }


def covered(distances: tuple[np.ndarray, np.ndarray], cutoffs: Cutoffs, axis: int) -> np.ndarray:
    """Return which have a partner along an axis within the cut-off of structures, and some in that of compositions.

    distances: of structures and of compositions, [draws, known].
    """
    near = [of_kind.min(axis=axis) <= cutoff for of_kind, cutoff in zip(distances, cutoffs, strict=True)]
    is_covered: np.ndarray = near[0] & near[1]
    return is_covered


def structure_fingerprints(crystals: CrystalSet, workers: Workers) -> Structures:
    """Return the fingerprint of each of B crystals' structures."""
    chunks = [(crystals[start : start + CHUNK_SIZE],) for start in range(0, len(crystals), CHUNK_SIZE)]
    results = in_processes(_fingerprints_of, chunks, workers if len(chunks) > 1 else 1)
    return [row for rows in progress(results, "fingerprints", len(chunks)) for row in rows]


def _fingerprints_of(crystals: CrystalSet) -> Structures:
    return [structure_fingerprint(crystal) for crystal in crystals]


def structure_fingerprint(crystal: Crystal) -> list[float] | None:
    """Return the fingerprint of a crystal's structure, or None where CrystalNN finds none.

    It is the mean over sites, of which those of one Wyckoff orbit have the same.
    """
    dataset = symmetry_dataset(crystal.lattice, crystal.frac_coords, crystal.numbers, SAME_SITE)
    first, counts = np.unique(range(len(crystal)) if dataset is None else dataset.orbits, return_counts=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # matminer and pymatgen warn of elements without data
            structure = crystal.to_pymatgen()
            sites = [_featurizers()[0].featurize(structure, int(i)) for i in first]
    except Exception:  # CrystalNN fails in many ways on crystals that are none
        return None
    fingerprint: list[float] = np.average(sites, axis=0, weights=counts).tolist()
    return fingerprint


def composition_fingerprints(crystals: CrystalSet) -> np.ndarray:
    """Return the Magpie fingerprints of B crystals, [B, 132], which are not scaled."""
    return np.array([_composition_fingerprint(crystal.formula) for crystal in crystals])


@cache
def _composition_fingerprint(formula: str) -> tuple[float, ...]:
    from pymatgen.core.composition import Composition

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # matminer warns of elements without data
        return tuple(_featurizers()[1].featurize(Composition(formula)))


@cache
def _featurizers() -> tuple[Any, Any]:
    from matminer.featurizers.composition.composite import ElementProperty
    from matminer.featurizers.site.fingerprint import CrystalNNFingerprint

    return CrystalNNFingerprint.from_preset("ops"), ElementProperty.from_preset("magpie")


class Scale:
    """The mean and the deviation of composition fingerprints; features that do not vary are left as they are."""

    def __init__(self, fingerprints: np.ndarray) -> None:
        self.mean, deviation = fingerprints.mean(axis=0), fingerprints.std(axis=0)
        self.deviation = np.where(deviation > 0, deviation, 1.0)

    def __call__(self, fingerprints: np.ndarray) -> np.ndarray:
        """Return scaled fingerprints."""
        scaled: np.ndarray = (fingerprints - self.mean) / self.deviation
        return scaled
