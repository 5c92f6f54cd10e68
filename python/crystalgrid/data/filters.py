"""Filters: which crystals are left out, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ..crystal import FARTHEST, LEAST_VOLUME
from ..errors import InputError
from .crystalset import CrystalSet

MAX_SIDE = 10.0
"""Å; cells whose longest side is shorter are kept, as in section 3.1."""
NO_CRYSTALS = "no crystals in it"


class LeftOut(NamedTuple):
    """A crystal that was not kept."""

    file: str
    id: str
    """Which crystal of the file; empty where there is only one, or none could be told apart."""
    reason: str
    detail: str = ""

    def __str__(self) -> str:
        """One line; a file of one crystal names it."""
        named = f"/{self.id}." in f"/{self.file}."
        one = "" if named else self.id
        return " ".join(": ".join(filter(None, (self.file, one, self.reason, self.detail))).split())


class Found(NamedTuple):
    """What came of reading: the crystals kept, and the others."""

    crystals: CrystalSet
    left_out: list[LeftOut]


def merged(parts: Iterable[Found]) -> Found:
    """All that was found, one part after another."""
    parts = list(parts)
    return Found(CrystalSet.concatenate(p.crystals for p in parts), [one for p in parts for one in p.left_out])


def check_max_side(max_side: float) -> None:
    """Raise InputError unless `max_side` is a positive length."""
    if not max_side > 0:
        raise InputError(f"max-side: wanted a positive number of Å, got {max_side}")


def sift(crystals: CrystalSet, file: str, max_side: float) -> Found:
    """Keep ordered, finite crystals of Z 1 to 94 in a cell that spans space and is shorter than `max_side` Å."""
    reasons = np.full(len(crystals), "", dtype=object)
    for reason, bad in reversed(_faults(crystals, max_side)):  # the first that holds is given
        reasons[bad] = reason
    left_out = [LeftOut(file, str(crystals.ids[b]), str(reasons[b])) for b in np.flatnonzero(reasons != "")]
    return Found(crystals[reasons == ""], left_out)


def _faults(crystals: CrystalSet, max_side: float) -> list[tuple[str, np.ndarray]]:
    def any_atom(bad: np.ndarray) -> np.ndarray:
        return np.bincount(crystals.crystal_of_atom[bad], minlength=len(crystals)) > 0

    lattice = crystals.lattice
    with np.errstate(all="ignore"):  # NaN and infinity are what is looked for
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


def summary(kept: int, left_out: list[LeftOut]) -> str:
    """One line: how many were kept, and of the others how many for which reason."""
    line = f"kept {kept:,} of {kept + len(left_out):,} crystals"
    if not left_out:
        return line
    counts = Counter(one.reason for one in left_out).most_common()
    return f"{line} (left out: {', '.join(f'{count:,} {reason}' for reason, count in counts)})"


def nothing_kept(name: str, left_out: list[LeftOut]) -> str:
    """One line for the error that it is to keep no crystal."""
    if len(left_out) == 1:
        return str(left_out[0])
    return f"{name}: {summary(0, left_out)}, the first: {left_out[0]}"
