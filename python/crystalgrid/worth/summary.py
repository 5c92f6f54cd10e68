"""The summary of checked crystals as papers tabulate it, with counts and intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..data.crystalset import CrystalSet
from .check import Checked
from .shares import Share, share
from .validity import SYMPREC

RULES = ("cdvae_valid", "smact_valid", "lemat_charge", "lemat_distance", "lemat_plausible", "lemat_valid")
PROTOCOL = (
    f"shares of all crystals, unreadable ones included, with 95 % intervals by Wilson's score; space groups within "
    f"{SYMPREC} Å by moyopy, p1 of those that could be read; sameness by pymatgen's StructureMatcher with its default "
    "tolerances"
)


def summary(
    rows: Sequence[Checked], unreadable: int, known: CrystalSet, covered: Mapping[str, Share] | None = None
) -> dict[str, Any]:
    """Return shares, space groups and distances between distributions; what needs known crystals if there are any.

    unreadable: the number of crystals that could not be read, which have no property that is counted. covered: the
    shares of `coverage`, if they were counted.
    """
    missing = [False] * unreadable
    unique, novel = [not row.same_as for row in rows], [not row.known_as for row in rows]
    counted: dict[str, Share] = {rule: share([getattr(row, rule) for row in rows] + missing) for rule in RULES}
    counted |= {"unique": share(unique + missing), "p1": share(row.space_group_number == 1 for row in rows)}
    result: dict[str, Any] = {"n": len(rows) + unreadable, "unreadable": unreadable, "protocol": PROTOCOL}
    if len(known):
        unique_and_novel = [a and b for a, b in zip(unique, novel, strict=True)]
        counted |= {"novel": share(novel + missing), "unique_and_novel": share(unique_and_novel + missing)}
        counted |= covered or {}
        result |= _distances(rows, known)
    result |= {name: value.as_json() for name, value in counted.items()}
    groups = Counter(f"{row.space_group} ({row.space_group_number})" for row in rows if row.space_group)
    return result | {"space_groups": dict(groups.most_common())}


def _distances(rows: Sequence[Checked], known: CrystalSet) -> dict[str, float | None]:
    """Return Wasserstein distances of density and number of elements, of crystals that pass CDVAE's rules."""
    from scipy.stats import wasserstein_distance

    valid = [row for row in rows if row.cdvae_valid]
    if not valid:
        return {"d_rho": None, "d_elem": None}
    densities, n_elements = zip(*((c.density, len(np.unique(c.numbers))) for c in known), strict=True)
    return {
        "d_rho": float(wasserstein_distance([row.density for row in valid], densities)),
        "d_elem": float(wasserstein_distance([row.n_elements for row in valid], n_elements)),
    }


def lines(result: dict[str, Any]) -> list[str]:
    """Return the summary as lines to print."""
    with_n = {name: value for name, value in result.items() if isinstance(value, dict) and "number" in value}
    printed = [f"{name:17}{Share(value['number'], value['n'])}" for name, value in with_n.items()]
    printed += [f"{name:17}{result[name]:.3f}" for name in ("d_rho", "d_elem") if result.get(name) is not None]
    groups = ", ".join(f"{name} {number}" for name, number in list(result["space_groups"].items())[:5])
    return [
        f"{result['n']} crystals, {result['unreadable']} of them unreadable",
        *printed,
        f"space groups     {groups}",
    ]
