"""The filters that leave crystals out, and their reasons."""

from __future__ import annotations

import numpy as np

from ..crystal import FARTHEST, LEAST_VOLUME
from ..errors import InputError
from ..geometry.cell import Cell
from ..geometry.primitive import primitive_cell
from .crystalset import CrystalSet
from .results import Note, ReadResult, Skipped

MAX_SIDE = 10.0
"""The length in Å below which the longest side of a cell must be, as in section 3.1."""
NO_ELEMENT = "species that is not an element of Z 1 to 94"
CLOSEST = 0.45
"""Å; nearer atoms are in one place. Of 84,875 crystals of the Materials Project none has any nearer; H2 has 0.74."""
SINGULAR = "singular lattice"
REDUCED = "the cell was reduced to the primitive one"


def check_max_side(max_side: float) -> None:
    """Raise InputError unless `max_side` is a positive length."""
    if not max_side > 0:
        raise InputError(f"max-side: wanted a positive number of Å, got {max_side}")


def filter_crystals(crystals: CrystalSet, file: str, max_side: float, closest: float = CLOSEST) -> ReadResult:
    """Keep crystals that are finite, of Z 1 to 94, without atoms in one place, in a cell shorter than `max_side` Å.

    A cell that is as long or longer is reduced to its primitive cell first, which is noted. Atoms nearer than `closest`
    Å are in one place.
    """
    reasons, details = np.full((2, len(crystals)), "", dtype=object)
    for reason, faulty in reversed(_faults(crystals)):  # the first fault that a crystal has is its reason
        reasons[faulty] = reason
    for singular in np.flatnonzero(reasons == SINGULAR):
        details[singular] = _spanned(crystals.lattice[singular])
    longest = np.linalg.norm(np.where(np.isfinite(crystals.lattice), crystals.lattice, 0), axis=2).max(
        axis=1, initial=0
    )
    long = np.flatnonzero((reasons == "") & ~(longest < max_side))
    reduced = {int(b): primitive_cell(Cell(*_arrays(crystals, int(b)))) for b in long}
    for b, cell in reduced.items():
        side = float(np.linalg.norm(cell.lattice, axis=1).max())
        if not side < max_side:
            reasons[b], details[b] = f"longest side of {max_side:g} Å or more", f"{side:.2f} Å in its primitive cell"
    notes = [Note(str(crystals.ids[b]), REDUCED) for b in reduced if reasons[b] == ""]
    if notes:
        parts = (reduced.get(b) or _arrays(crystals, b) for b in range(len(crystals)))
        crystals = CrystalSet.from_arrays(parts, crystals.ids).with_splits(crystals.splits)
    for b in np.flatnonzero(reasons == "")[close_atoms(crystals[reasons == ""], closest)]:
        reasons[b] = f"two atoms less than {closest:g} Å apart"
    kept = reasons == ""
    skipped = [Skipped(file, str(crystals.ids[b]), reasons[b], details[b]) for b in np.flatnonzero(~kept)]
    return ReadResult(crystals[kept], skipped, tuple(notes), int(kept.sum()) * (file,))


def _spanned(lattice: np.ndarray) -> str:
    """Return in words what the vectors of a lattice [3, 3] span."""
    a, b, c = np.linalg.norm(lattice, axis=1)
    return f"vectors of {a:.4g}, {b:.4g} and {c:.4g} Å span {abs(np.linalg.det(lattice)):.3g} Å³"


def _arrays(crystals: CrystalSet, b: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return lattice, frac_coords and numbers of one crystal, which need not be valid."""
    atoms = slice(crystals.offsets[b], crystals.offsets[b + 1])
    return crystals.lattice[b], crystals.frac_coords[atoms], crystals.numbers[atoms]


def close_atoms(crystals: CrystalSet, closest: float = CLOSEST) -> np.ndarray:
    """Return [B] bool, whether two atoms of a crystal are less than `closest` Å apart, across the cell's faces too.

    Atoms are sorted along one axis and compared with the next ones in that order, across the cell's end, which excludes
    most pairs. Wrapping differences is right: lattice planes are farther apart than twice that, or the cell is too
    flat.
    """
    axis, spacing = _widest_axis(crystals.lattice)
    owner, counts = crystals.crystal_of_atom, np.diff(crystals.offsets)
    heights = crystals.frac_coords[np.arange(len(owner)), axis[owner]] % 1.0
    order = np.lexsort((heights, owner))  # of the atoms of one crystal after another
    heights, coordinates = heights[order], crystals.frac_coords[order]
    close = np.zeros(len(crystals), dtype=bool)
    lower, step = np.arange(len(owner)), 0
    while len(lower):
        step += 1
        lower = lower[step < counts[owner[lower]]]
        first = crystals.offsets[owner[lower]]
        upper = first + (lower - first + step) % counts[owner[lower]]
        near = (heights[upper] - heights[lower]) % 1.0 * spacing[owner[lower]] < closest
        lower, upper = lower[near], upper[near]
        apart = coordinates[upper] - coordinates[lower]
        apart -= np.rint(apart)
        squares = (np.einsum("ni,nij->nj", apart, crystals.lattice[owner[lower]]) ** 2).sum(axis=1)
        close[owner[lower[squares < closest**2]]] = True
    return close


def _widest_axis(lattice: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for lattices [B, 3, 3] the axis, 0 to 2, whose planes are farthest apart, and their spacing in Å."""
    a, b, c = np.moveaxis(lattice, 1, 0)
    normals = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=1)
    volume = np.abs(np.einsum("bi,bi->b", a, normals[:, 0]))
    spacings = volume[:, None] / np.linalg.norm(normals, axis=2)
    return spacings.argmax(axis=1), spacings.max(axis=1, initial=0)


def _faults(crystals: CrystalSet) -> list[tuple[str, np.ndarray]]:
    """Return each fault with a mask [B] of the crystals that have it."""

    def any_atom(faulty: np.ndarray) -> np.ndarray:
        return np.bincount(crystals.crystal_of_atom[faulty], minlength=len(crystals)) > 0

    lattice = crystals.lattice
    with np.errstate(all="ignore"):  # lattices may hold NaN and infinity
        lengths = np.linalg.norm(lattice, axis=2)
        volume = np.abs(np.einsum("bi,bi->b", lattice[:, 0], np.cross(lattice[:, 1], lattice[:, 2])))
        singular = ~(volume >= 1e-6 * lengths.prod(axis=1)) | (lengths.min(axis=1) == 0)
    return [
        ("no atoms", np.diff(crystals.offsets) == 0),
        ("NaN or infinity in the lattice", ~np.isfinite(lattice).all(axis=(1, 2))),
        (SINGULAR, singular),
        (f"less than {LEAST_VOLUME} Å³ per atom", ~(volume >= LEAST_VOLUME * np.diff(crystals.offsets))),
        ("NaN or infinity in the positions", any_atom(~np.isfinite(crystals.frac_coords).all(axis=1))),
        (f"an atom more than {FARTHEST:g} cells away", any_atom((np.abs(crystals.frac_coords) > FARTHEST).any(axis=1))),
        (NO_ELEMENT, any_atom(crystals.numbers == 0)),
    ]
