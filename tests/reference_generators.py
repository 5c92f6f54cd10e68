"""Slow and obvious twins of what generators of crystals compute, straight from the definitions."""

import cmath
import itertools
import math

import numpy as np

from crystalgrid import Crystal
from crystalgrid.geometry.elements import element_features


def closest_contact(crystal: Crystal, radii: np.ndarray, gap: float, images: int = 2) -> float:
    """Return the least distance of two different atoms over the sum of their radii and a gap, in Å; radii: [95]."""
    shifts = np.array(list(itertools.product(range(-images, images + 1), repeat=3)))
    least = np.inf
    for i, j in itertools.combinations(range(len(crystal)), 2):
        difference = crystal.frac_coords[j] - crystal.frac_coords[i]
        distance = np.linalg.norm((difference - np.rint(difference) + shifts) @ crystal.lattice, axis=1).min()
        least = min(least, distance / (radii[crystal.numbers[i]] + radii[crystal.numbers[j]] + gap))
    return float(least)


def equally_near(types, dressed) -> list[tuple[float, list[int]]]:
    """Mean difference per atom of dressed types' elements to the nearest known crystals of each type, and their rows.

    It is NaN, and there are no rows, for new types. types: StructureTypes; dressed: Dressed.
    """
    features, of_type = element_features(), {}
    offsets, letters, slots = (values.tolist() for values in (types.orbit_offsets, types.letters, types.slots))
    for row, group in enumerate(types.space_group.tolist()):
        orbits = tuple(zip(*(values[offsets[row] : offsets[row + 1]] for values in (letters, slots)), strict=True))
        of_type.setdefault((group, orbits), []).append(row)
    nearest = []
    for group, letters, slots, elements in zip(*(values.tolist() for values in dressed[:4]), strict=True):
        orbits = tuple((letter, slot) for letter, slot in zip(letters, slots, strict=True) if letter >= 0)
        distance_of = {}
        for row in of_type.get((group, orbits), []):
            counts = types.counts[row].tolist()
            pairs = zip(counts, elements, types.elements[row].tolist(), strict=True)
            total = sum(n * np.abs(features[z] - features[other]).sum() for n, z, other in pairs)
            distance_of[row] = total / sum(counts)
        least = min(distance_of.values(), default=np.nan)
        nearest.append((least, [row for row, distance in distance_of.items() if np.isclose(distance, least)]))
    return nearest


def distance_to_possible(elements: list[int], counts: list[int], possible: list[int]) -> float:
    """Least mean difference per atom between the elements of slots and possible ones, each of which has one slot."""
    features = element_features()
    totals = (
        sum(n * np.abs(features[z] - features[o]).sum() for n, z, o in zip(counts, elements, others, strict=True))
        for others in itertools.permutations(possible, len(elements))
    )
    return min(totals) / sum(counts)


def apportioned(odds: list[float], numbers: list[int], most: int) -> list[tuple[int, int]]:
    """Candidates with their places, given one by one to that whose odds over the places it then has are highest."""
    given, order = [0] * len(odds), []
    while len(order) < min(most, sum(numbers)):
        share = [odds[i] / (given[i] + 1) if given[i] < numbers[i] else -1 for i in range(len(odds))]
        candidate = share.index(max(share))
        order.append((candidate, given[candidate]))
        given[candidate] += 1
    return order


def structure_factor_size(frac_coords: np.ndarray, numbers: np.ndarray, hkl: tuple[int, int, int]) -> float:
    """Return the size of a structure factor of atoms that weigh the root of Z, as a share of the largest possible."""
    total = sum(
        z**0.5 * cmath.exp(2j * math.pi * np.dot(hkl, point)) for point, z in zip(frac_coords, numbers, strict=True)
    )
    return abs(total) / sum(z**0.5 for z in numbers)


def splitting_parts(cell: tuple[np.ndarray, np.ndarray, np.ndarray]) -> list[tuple[int, int]]:
    """Sizes of orbits, and of their parts that split them in two orbits if they get another element, counted once.

    cell: lattice, fractional coordinates and numbers of a primitive cell. Parts that an operation of the crystal brings
    onto each other are alike, and so are a part and the rest. spglib finds all symmetry.
    """
    import spglib

    lattice, frac_coords, numbers = cell
    symmetry = spglib.get_symmetry(cell, symprec=0.01)
    found = []
    for first in np.unique(symmetry["equivalent_atoms"]):
        sites = np.flatnonzero(symmetry["equivalent_atoms"] == first).tolist()
        alike: set[frozenset[int]] = set()
        for size in range(1, len(sites) // 2 + 1):
            for part in itertools.combinations(sites, size):
                coloured, rest = np.array(numbers), [site for site in sites if site not in part]
                coloured[list(part)] = 119
                orbits = spglib.get_symmetry((lattice, frac_coords, coloured), symprec=0.01)["equivalent_atoms"]
                splits = len(set(orbits[list(part)])) == 1 and len(set(orbits[rest])) == 1
                if not splits or frozenset(part) in alike:
                    continue
                found.append((len(sites), size))
                for rotation, translation in zip(symmetry["rotations"], symmetry["translations"], strict=True):
                    images = frac_coords[list(part)] @ rotation.T + translation
                    apart = images[:, None] - frac_coords
                    image = np.abs(apart - np.rint(apart)).max(2).argmin(1).tolist()
                    alike |= {frozenset(image), frozenset(sites) - frozenset(image)}
    return sorted(found)


def first_of_each(keys: list[int]) -> list[bool]:
    """Return whether each key is the first of its value."""
    return [key not in keys[:index] for index, key in enumerate(keys)]


def first_of_alike(keys: list[int], marks: list[list[float]], largest: float) -> list[bool]:
    """Return whether each crystal is kept, if one is left out that is alike to one that was kept before.

    Those alike have the same key, and no mark that differs by more than `largest`.
    """
    kept: list[int] = []
    for index, key in enumerate(keys):
        differences = [
            max(abs(mark - other) for mark, other in zip(marks[index], marks[before], strict=True))
            for before in kept
            if keys[before] == key
        ]
        if all(difference > largest for difference in differences):
            kept.append(index)
    return [index in kept for index in range(len(keys))]


def described(group: int, letters: list[int], slots: list[int]) -> tuple[int | tuple[int, int], ...]:
    """Return what tells structure types apart: the space group, and the letter and slot of each orbit in order."""
    return group, *((letter, slot) for letter, slot in zip(letters, slots, strict=True) if letter >= 0)
