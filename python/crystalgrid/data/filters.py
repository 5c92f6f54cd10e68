"""Filters: which crystals are left out, and why."""

from __future__ import annotations

import numpy as np

from ..crystal import FARTHEST, LEAST_VOLUME
from ..errors import InputError
from .crystalset import CrystalSet
from .results import ReadResult, Skipped

MAX_SIDE = 10.0
"""Å; cells whose longest side is shorter are kept, as in section 3.1."""


def check_max_side(max_side: float) -> None:
    """Raise InputError unless `max_side` is a positive length."""
    if not max_side > 0:
        raise InputError(f"max-side: wanted a positive number of Å, got {max_side}")


def filter_crystals(crystals: CrystalSet, file: str, max_side: float) -> ReadResult:
    """Keep crystals that are finite, of Z 1 to 94, in a cell that spans space and is shorter than `max_side` Å."""
    reasons = np.full(len(crystals), "", dtype=object)
    for reason, faulty in reversed(_faults(crystals, max_side)):  # the first fault that a crystal has is its reason
        reasons[faulty] = reason
    skipped = [Skipped(file, str(crystals.ids[b]), str(reasons[b])) for b in np.flatnonzero(reasons != "")]
    return ReadResult(crystals[reasons == ""], skipped)


def _faults(crystals: CrystalSet, max_side: float) -> list[tuple[str, np.ndarray]]:
    """Return each fault with a mask [B] of the crystals that have it."""

    def any_atom(faulty: np.ndarray) -> np.ndarray:
        return np.bincount(crystals.crystal_of_atom[faulty], minlength=len(crystals)) > 0

    lattice = crystals.lattice
    with np.errstate(all="ignore"):  # lattices may hold NaN and infinity
        sides = np.linalg.norm(lattice, axis=2)
        volume = np.abs(np.einsum("bi,bi->b", lattice[:, 0], np.cross(lattice[:, 1], lattice[:, 2])))
        singular = ~(volume >= 1e-6 * sides.prod(axis=1)) | (sides.min(axis=1) == 0)
    return [
        ("no atoms", np.diff(crystals.offsets) == 0),
        ("NaN or infinity in the lattice", ~np.isfinite(lattice).all(axis=(1, 2))),
        ("singular lattice", singular),
        (f"less than {LEAST_VOLUME} Å³ per atom", ~(volume >= LEAST_VOLUME * np.diff(crystals.offsets))),
        ("NaN or infinity in the positions", any_atom(~np.isfinite(crystals.frac_coords).all(axis=1))),
        (f"an atom more than {FARTHEST:g} cells away", any_atom((np.abs(crystals.frac_coords) > FARTHEST).any(axis=1))),
        ("species that is not an element of Z 1 to 94", any_atom(crystals.numbers == 0)),
        (f"longest side of {max_side:g} Å or more", ~(sides.max(axis=1) < max_side)),
    ]
