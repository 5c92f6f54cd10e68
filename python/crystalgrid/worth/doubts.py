"""Doubts: why the energy above the hull of a relaxed crystal may not be believed, though it is low."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..crystal import Crystal
from ..geometry.elements import COVALENT_RADII
from .distances import between_different_atoms, pair_distances, radii_sums
from .hull import AboveHull

FAR_BELOW = -0.3
"""eV/atom; no crystal is so much more stable than all known ones, but potentials fail so."""
VOLUME_CHANGES = -0.35, 0.5
"""The changes of volume beyond which a relaxation has collapsed or blown up a crystal."""
CLOSEST, FARTHEST = 0.55, 2.0
"""The least distance of two atoms, and the greatest one of an atom to its nearest, in sums of covalent radii."""
NOBLE_GASES = [2, 10, 18, 36, 54, 86]


def doubts(after: Crystal, volume_change: float, above: AboveHull | None) -> Iterator[str]:
    """Yield each reason to doubt a relaxed crystal, in words.

    volume_change: the relative change of volume while it was relaxed. above: its energy above the hull, if known.
    """
    elements = np.unique(after.numbers)
    if len(elements) == 1:
        yield "a single element"
    if not VOLUME_CHANGES[0] <= volume_change <= VOLUME_CHANGES[1]:
        yield f"its volume changed by {100 * volume_change:+.0f} %"
    yield from _distance_doubts(after)
    if above is not None and above.energy < FAR_BELOW:
        yield f"{-above.energy:.2f} eV/atom below the hull"
    if above is not None and 1 < len(elements) > above.compounds:
        number = f"only {above.compounds}" if above.compounds else "no"
        yield f"{number} known compound{'s' if above.compounds > 1 else ''} of its {len(elements)} elements"


def _distance_doubts(after: Crystal) -> Iterator[str]:
    """Yield whether atoms are on top of each other, or one is far from all others."""
    shares = pair_distances(after) / radii_sums(after, COVALENT_RADII)
    if len(after) > 1 and (closest := between_different_atoms(shares).min()) < CLOSEST:
        yield f"atoms at {closest:.2f} of the sum of their radii"
    nearest = shares.min(axis=1)[~np.isin(after.numbers, NOBLE_GASES)]
    if len(nearest) and nearest.max() > FARTHEST:
        yield f"an atom {nearest.max():.1f} times the sum of radii from all others"
