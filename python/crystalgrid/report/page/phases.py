"""The phase diagrams of a page: what is known of two or three elements, and the convex hull of its energies."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from ...crystal import MAX_Z, SYMBOLS
from ...data.crystalset import CrystalSet
from ...geometry.elements import ELECTRONEGATIVITIES, reduced_formula
from ...worth.hull import Hull

SIZES = (2, 3)
"""The numbers of elements whose phases can be drawn on paper."""
BELOW = -1e-9
"""The upward component of a normal below which a facet looks down, so that it is part of the hull."""


def phase_diagrams(crystals: CrystalSet, has_energy: np.ndarray, hull: Hull | None) -> dict[str, Any]:
    """Return the diagrams of all chemical systems of two or three elements that crystals of known energy are in.

    has_energy: [B] bool. Each diagram, by a name such as Li-Mn-O, has its `elements`; the `crystals` in it, each an
    index and the shares of the elements; `phases`, each with its formula, shares of the elements and formation energy
    in eV/atom; and `ties`, pairs of phases that are stable together. Without a hull that has the elements there are no
    phases, and `references` is empty; otherwise it has the energies of the elements in eV/atom.
    """
    diagrams: dict[str, Any] = {}
    for i in np.flatnonzero(has_energy).tolist():
        atoms = crystals[i].numbers
        numbers = np.unique(atoms)
        if len(numbers) in SIZES:
            ordered = sorted(numbers.tolist(), key=lambda z: (ELECTRONEGATIVITIES[z], z))
            name = "-".join(SYMBOLS[z - 1] for z in ordered)
            if name not in diagrams:
                diagrams[name] = {
                    "elements": [SYMBOLS[z - 1] for z in ordered],
                    "crystals": [],
                    **_known(ordered, hull),
                }
            diagrams[name]["crystals"].append([i, *shares(atoms, ordered)])
    return diagrams


def shares(numbers: np.ndarray, elements: list[int]) -> list[float]:
    """Return the share of each element in atoms [N]."""
    return [round(float((numbers == z).mean()), 5) for z in elements]


def _known(elements: list[int], hull: Hull | None) -> dict[str, Any]:
    """Return the phases of elements, the ties on their hull, and the energies of the elements."""
    nothing: dict[str, Any] = {"references": [], "phases": [], "ties": []}
    if hull is None:
        return nothing
    others = np.setdiff1d(np.arange(MAX_Z + 1), elements)
    among = ~hull.counts[:, others].any(axis=1)
    counts, energies = hull.counts[among][:, elements], hull.energies[among]
    fractions = counts / counts.sum(axis=1, keepdims=True)
    single = (counts > 0).sum(axis=1) == 1
    if single.sum() < len(elements):
        return nothing
    references = fractions[single].T @ energies[single]
    formation = energies - fractions @ references
    phases = [
        {"formula": reduced_formula(np.repeat(elements, row)), "shares": share.round(5).tolist(), "energy": round(e, 4)}
        for row, share, e in zip(counts, fractions, formation.tolist(), strict=True)
    ]
    return {"references": references.round(5).tolist(), "phases": phases, "ties": lower_hull(fractions, formation)}


def lower_hull(fractions: np.ndarray, formation: np.ndarray) -> list[list[int]]:
    """Return the edges of the lower convex hull, as sorted pairs of indices.

    fractions: [F, 2 or 3] shares of the elements; formation: [F] formation energies in eV/atom. Phases of positive
    energy are never on it.
    """
    low = np.flatnonzero(formation <= 0)
    points = np.concatenate([fractions[low, 1:], formation[low, None]], axis=1)
    corners = fractions[low].max(axis=1) == 1
    # A point above each element closes the hull from above, so that there is one without any compound, too.
    raised = np.concatenate([points, points[corners] + np.eye(points.shape[1])[-1]])
    try:
        facets = ConvexHull(raised)
    except QhullError:  # numbers that are not finite, or of no use
        return []
    down = facets.simplices[facets.equations[:, -2] < BELOW]
    pairs = {tuple(sorted((int(low[a]), int(low[b])))) for facet in down for a in facet for b in facet if a != b}
    return sorted(map(list, pairs))
