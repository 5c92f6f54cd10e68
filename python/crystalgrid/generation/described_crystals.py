"""Crystals as the orbits that an autoencoder of crystals encodes, whatever cell they are given in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from ..artifacts.generator_info import LATENT_SYMPREC
from ..crystal import SYMBOLS, Crystal
from ..geometry.canonical_unit import CanonicalUnit, find_canonical_unit, slots_of
from ..geometry.lattices import parameters
from ..geometry.wyckoff import standard_group
from ..nets.generators.wyckoff_words import SLOTS
from ..nets.latent.crystal_latent import Described


class Limits(NamedTuple):
    """The limits of the crystals that an autoencoder can encode."""

    orbits: int
    """The most orbits."""
    atoms: int
    """The most atoms in the primitive cell."""
    elements: frozenset[int]
    """The atomic numbers that its training crystals had."""


def canonical_units(crystals: Sequence[Crystal], limits: Limits) -> tuple[dict[int, CanonicalUnit], dict[int, str]]:
    """Return the canonical unit of each crystal that can be encoded, by its index, and why the others cannot be."""
    units: dict[int, CanonicalUnit] = {}
    reasons: dict[int, str] = {}
    for index, crystal in enumerate(crystals):
        unit = find_canonical_unit(crystal.lattice, crystal.frac_coords, crystal.numbers, LATENT_SYMPREC)
        if unit is None:
            reasons[index] = "has no symmetry that can be determined; atoms may nearly coincide"
        elif reason := beyond(unit, limits):
            reasons[index] = reason
        else:
            units[index] = unit
    return units, reasons


def beyond(unit: CanonicalUnit, limits: Limits) -> str:
    """Return which of the limits a crystal exceeds, in words; empty if none."""
    group = standard_group(unit.space_group)
    n_atoms = sum(group.positions[letter].multiplicity for letter in unit.letters) // len(group.centring)
    unknown = sorted(set(unit.numbers.tolist()) - limits.elements)
    if unknown:
        return f"has {', '.join(SYMBOLS[z - 1] for z in unknown)}, which the model has never seen"
    if n_atoms > limits.atoms:
        return f"has {n_atoms} atoms in its primitive cell; the model takes {limits.atoms} at most"
    if len(unit.letters) > limits.orbits:
        return f"has {len(unit.letters)} orbits; the model takes {limits.orbits} at most"
    if len(set(unit.numbers.tolist())) > SLOTS:
        return f"has {len(set(unit.numbers.tolist()))} elements; the model takes {SLOTS} at most"
    return ""


def describe(units: Sequence[CanonicalUnit]) -> Described:
    """Return canonical units as an autoencoder of crystals encodes them."""
    count, n_orbits = len(units), max(len(unit.letters) for unit in units)
    letters, slots = np.full((count, n_orbits), -1), np.zeros((count, n_orbits), np.int64)
    elements, points = np.zeros((count, SLOTS), np.int64), np.zeros((count, n_orbits, 3))
    for row, unit in enumerate(units):
        size = len(unit.letters)
        slot, named = slots_of(unit.numbers)
        letters[row, :size], slots[row, :size], points[row, :size] = unit.letters, slot, unit.points % 1
        elements[row, : len(named)] = named
    lattice = torch.from_numpy(np.stack([unit.lattice for unit in units]))
    return Described(
        torch.tensor([unit.space_group for unit in units]),
        torch.from_numpy(letters),
        torch.from_numpy(slots),
        torch.from_numpy(elements),
        torch.from_numpy(points).float(),
        parameters(lattice).float(),
    )
