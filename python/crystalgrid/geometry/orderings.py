"""Orderings of a crystal: a part of the sites of one element gets another element, by which two orbits differ."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np

from .canonical_unit import SAME_POINT, SYMPREC, CanonicalUnit, find_canonical_unit
from .elements import MENDELEEV_NUMBERS
from .normaliser import is_whole, orbit_of
from .type_name import type_name
from .wyckoff import StandardGroup, standard_group

MOST_SITES = 8
"""The most sites of a Wyckoff orbit in the primitive cell of which a part is looked for: they have up to 2^7 parts."""


class Ordering(NamedTuple):
    """A crystal of which a part of one element's sites has another element."""

    unit: CanonicalUnit
    """The crystal, with a stand-in for the other element."""
    stand_in: int
    """Its atomic number: of the elements that the crystal lacks, the most like the one it replaces."""
    replaced: int
    """The atomic number of the element whose sites the two elements share."""
    type: str
    """Its `type_name`."""


class Part(NamedTuple):
    """Sites that may have another element than the others of their element have."""

    orbit: int
    """The Wyckoff orbit that they are of."""
    sites: tuple[int, ...]
    """Indices of `primitive_sites` of the orbit; none for the whole orbit."""


def find_ordering(unit: CanonicalUnit, seed: int, symprec: float = SYMPREC) -> Ordering | None:
    """Return an ordering of a crystal in the same primitive cell, chosen at random; None if there is none."""
    group = standard_group(unit.space_group)
    orbits = [orbit_of(group, point, SAME_POINT) for point in unit.points]
    parts = parts_of(group, orbits, unit.numbers)
    if not parts:
        return None
    part = parts[np.random.default_rng(seed).integers(len(parts))]
    replaced, present = int(unit.numbers[part.orbit]), set(unit.numbers.tolist())
    difference = np.abs(MENDELEEV_NUMBERS - MENDELEEV_NUMBERS[replaced])
    stand_in = next(int(z) for z in difference.argsort(kind="stable") if z > 0 and int(z) not in present)
    points = np.concatenate(orbits)
    numbers = np.repeat(unit.numbers, [len(sites) for sites in orbits])
    orbit = orbits[part.orbit]
    changed = primitive_sites(group, orbit)[list(part.sites)] if part.sites else orbit
    numbers[is_same_site(group, points[:, None], changed).any(1)] = stand_in
    ordered = find_canonical_unit(unit.lattice, points, numbers, symprec)
    return ordered and Ordering(ordered, stand_in, replaced, type_name(ordered))


def parts_of(group: StandardGroup, orbits: list[np.ndarray], numbers: np.ndarray) -> list[Part]:
    """Return the parts of an element's sites that may have another one: whole orbits, and the `splits` of each.

    orbits: the Wyckoff orbits, O in all; numbers: [O], their elements.
    """
    found = [Part(o, ()) for o, number in enumerate(numbers) if (numbers == number).sum() > 1]
    return found + [Part(o, part) for o, orbit in enumerate(orbits) for part in splits(site_permutations(group, orbit))]


def splits(permutations: np.ndarray) -> list[tuple[int, ...]]:
    """Return the parts in which a Wyckoff orbit of M sites may split in two; of parts that are alike, the first.

    The operations that keep such a part bring each of its sites onto each other one, and each of the others onto each
    other one, so that both are Wyckoff orbits. A part holds the first site, and no more sites than the rest.

    permutations: [G, M], the sites onto which each operation brings the sites. Of more than MOST_SITES there are none.
    """
    size, found = permutations.shape[1], []
    sites, seen = frozenset(range(size)), set[frozenset[int]]()
    for number in range(1, size // 2 + 1) if size <= MOST_SITES else ():
        for others in combinations(range(1, size), number - 1):
            part = frozenset((0, *others))
            if part in seen:
                continue
            images = [frozenset(image) for image in permutations[:, list(part)].tolist()]
            seen.update(images, (sites - image for image in images))  # the rest may have the other element as well
            keeping = permutations[[image == part for image in images]]
            if all(len(np.unique(keeping[:, min(orbit)])) == len(orbit) for orbit in (part, sites - part)):
                found.append(tuple(sorted(part)))
    return found


def site_permutations(group: StandardGroup, orbit: np.ndarray) -> np.ndarray:
    """Return onto which site each operation brings the sites of an orbit in the primitive cell, [G, M], each once."""
    sites = primitive_sites(group, orbit)
    images = np.einsum("gij,mj->gmi", group.rotations, sites) + group.translations[:, None]
    onto = is_same_site(group, images[:, :, None], sites).argmax(2)
    unique: np.ndarray = np.unique(onto, axis=0)
    return unique


def primitive_sites(group: StandardGroup, orbit: np.ndarray) -> np.ndarray:
    """Return one point of an orbit [N, 3] of the conventional cell for each site of the primitive cell, [M, 3]."""
    first = is_same_site(group, orbit[:, None], orbit).argmax(1)
    sites: np.ndarray = orbit[np.unique(first)]
    return sites


def is_same_site(group: StandardGroup, points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return which points [..., 3] are others [..., 3] but for a lattice vector, centring included."""
    difference = (points - others)[..., None, :] - group.centring
    return np.asarray(is_whole(difference, 2 * SAME_POINT).any(-1))
