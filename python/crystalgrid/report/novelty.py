"""Novelty: which crystals are the same as others, and which are known already."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..crystal import Crystal
from ..data.crystalset import CrystalSet
from ..data.split import reduced_formulas
from ..pool import in_processes
from ..progress import progress

if TYPE_CHECKING:
    from pymatgen.core import Structure

FEW = 16
"""Crystals that are compared sooner than processes have started."""


def novelty(crystals: CrystalSet, known: CrystalSet, workers: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Of each of B crystals, the id of the first that is the same, and that of a known one; both [B] str.

    Empty where no earlier crystal is the same, and where none is known. The same are crystals that pymatgen's
    `StructureMatcher` brings onto each other within its usual tolerances, whatever cells they are given in: at equal
    volumes, atoms within 0.3 (volume per atom)^(1/3), sides within 20 %, angles within 5 degrees.
    """
    same_as, known_as = np.full((2, len(crystals)), "", dtype=object)
    groups, alike = _by_formula(crystals), _by_formula(known)
    parts = [(crystals[group], known[alike.get(formula, [])]) for formula, group in groups.items()]
    compared = in_processes(_compared, parts, workers if len(crystals) > FEW else 1)
    for group, found in zip(groups.values(), progress(compared, "comparing", len(parts)), strict=True):
        same_as[group], known_as[group] = zip(*found, strict=True)
    return same_as, known_as


def _by_formula(crystals: CrystalSet) -> dict[str, list[int]]:
    """Indices of the crystals of each reduced formula."""
    groups: dict[str, list[int]] = {}
    for index, formula in enumerate(reduced_formulas(crystals)):
        groups.setdefault(formula, []).append(index)
    return groups


class First(NamedTuple):
    """Of several crystals that are the same, the first."""

    name: str
    known_as: str
    structure: Structure


def _compared(crystals: CrystalSet, known: CrystalSet) -> list[tuple[str, str]]:
    """Of crystals of one reduced formula, as which earlier one each is, and as which known one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of elements that have no electronegativity
        others = [_reduced(crystal) for crystal in known]
        firsts: list[First] = []
        found: list[tuple[str, str]] = []
        for name, crystal in zip(crystals.ids, crystals, strict=True):
            structure = _reduced(crystal)
            same = _match(structure, [first.structure for first in firsts])
            if same is None:
                other = _match(structure, others)
                firsts.append(First(name, "" if other is None else known.ids[other], structure))
                found.append(("", firsts[-1].known_as))
            else:
                found.append((firsts[same].name, firsts[same].known_as))
    return found


def _reduced(crystal: Crystal) -> Structure:
    """Its primitive cell, sought in a cell of the shortest vectors, where pymatgen finds it more often."""
    structure = crystal.to_pymatgen()
    with suppress(ValueError):  # of lattices that are all but singular
        structure = structure.get_reduced_structure()
    return structure.get_primitive_structure()


def _match(structure: Structure, others: Sequence[Structure]) -> int | None:
    """Which is the first that is the same."""
    from pymatgen.analysis.structure_matcher import StructureMatcher

    matcher = StructureMatcher(primitive_cell=False)
    same = (
        index
        for index, other in enumerate(others)
        if len(other) == len(structure) and matcher.fit(structure, other, skip_structure_reduction=True)
    )
    return next(same, None)
