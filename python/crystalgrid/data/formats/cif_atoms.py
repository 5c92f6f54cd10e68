"""The atoms that symmetry operations make of the sites of a CIF."""

from __future__ import annotations

import numpy as np

from ...crystal import SYMBOLS
from .cif_sites import Site

SPECIAL = 0.3
"""The distance in Å below which an image is the atom itself, whose position was rounded, as 0.333 for 1/3."""
SAME = 0.1
"""The distance in Å below which two sites of one element are the same site, listed twice."""


def merged(sites: list[Site], lattice: np.ndarray) -> list[Site]:
    """Return the sites less those that are listed again, in the same place or a lattice vector away."""
    kept: list[Site] = []
    for site in sites:
        if not any(_is_again(site, other, lattice) for other in kept if other.number == site.number):
            kept.append(site)
    return kept


def _is_again(site: Site, other: Site, lattice: np.ndarray) -> bool:
    apart = site.frac_coords - other.frac_coords
    # Wrapping is right: whatever the cell, a vector this short is the nearest of its images.
    return float(np.linalg.norm((apart - np.rint(apart)) @ lattice)) < SAME


def expanded(
    sites: list[Site], rotations: np.ndarray, translations: np.ndarray, lattice: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return fractional coordinates [n, 3] and numbers [n] of all atoms in the cell."""
    numbers: list[int] = []
    done = np.zeros((0, 3))
    for site in sites:
        images = site.frac_coords @ rotations.transpose(0, 2, 1) + translations
        again = np.array(numbers)[(_distances(images[:1], done, lattice) < SAME).any(axis=0)]
        if len(again):
            if (again == site.number).all():
                continue  # an image of a site that was listed before
            raise ValueError(f"two atoms in one place: {site.label} and one of {SYMBOLS[again[0] - 1]}")
        orbit = _orbit(site.frac_coords, images, rotations, translations, lattice)
        _check_multiplicity(site, len(orbit), len(rotations))
        numbers += [site.number] * len(orbit)
        done = np.concatenate([done, orbit])
    return done, np.array(numbers, dtype=np.int64)


def _check_multiplicity(site: Site, n_atoms: int, order: int) -> None:
    """Raise ValueError unless a site stands for as many atoms in the cell as the file states.

    Some programs write the order of the site's symmetry instead, the number of all operations over that of atoms.
    """
    if not np.isnan(site.multiplicity) and site.multiplicity not in (n_atoms, order // n_atoms):
        claim = f"has multiplicity {site.multiplicity:g}"
    elif not np.isnan(site.multiplicity_of_letter) and site.multiplicity_of_letter != n_atoms:
        claim = f"is on a Wyckoff position of multiplicity {site.multiplicity_of_letter:g}"
    else:
        return
    raise ValueError(f"its site {site.label} {claim}, its symmetry operations make {n_atoms} of it")


def _orbit(
    point: np.ndarray, images: np.ndarray, rotations: np.ndarray, translations: np.ndarray, lattice: np.ndarray
) -> np.ndarray:
    """Return the different images [m, 3] of a point, once it is put where the operations that all but keep it meet."""
    apart = images - point
    whole = np.rint(apart)
    keep = np.linalg.norm((apart - whole) @ lattice, axis=1) < SPECIAL
    if keep.sum() == 1:  # two images could only coincide if a further operation kept the point
        general: np.ndarray = images % 1.0
        return general
    point = (images[keep] - whole[keep]).mean(axis=0)
    return _different((point @ rotations.transpose(0, 2, 1) + translations) % 1.0, lattice)


def _different(images: np.ndarray, lattice: np.ndarray) -> np.ndarray:
    """Return the images less those that lie on an earlier one."""
    first = (_distances(images, images, lattice) < SAME).argmax(axis=1)
    different: np.ndarray = images[np.unique(first)]
    return different


def _distances(a: np.ndarray, b: np.ndarray, lattice: np.ndarray) -> np.ndarray:
    """Return [A, B] Å between points, where less than `SAME`, and otherwise at least that."""
    apart = a[:, None] - b
    apart = (apart - np.rint(apart)).reshape(-1, 3) @ lattice
    distances: np.ndarray = np.sqrt(np.einsum("ni,ni->n", apart, apart)).reshape(len(a), len(b))
    return distances
