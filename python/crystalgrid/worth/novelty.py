"""Novelty: which crystals are the same as earlier ones, and which as crystals of a known data set."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..crystal import Crystal
from ..data.crystalset import CrystalSet
from ..data.formulas import formula_hashes, share_formula
from ..data.split import reduced_formulas
from ..pool import Workers, in_processes
from ..progress import progress

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

MIN_FOR_PROCESSES = 17
"""The least number of crystals for which it pays to start processes."""


def novelty(crystals: CrystalSet, known: CrystalSet, workers: Workers = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return the ids of the first crystal and of the known one that each of B crystals is the same as, [B] str.

    An id is empty if no earlier crystal, or no known one, is the same. Crystals are the same if pymatgen's
    `StructureMatcher` brings them onto each other within its default tolerances, whatever cells they are given in: at
    equal volumes, atoms within 0.3 (volume per atom)^(1/3), sides within 20 %, angles within 5 degrees. Which of them
    are the same, and which are known, does not depend on the order in which they are listed.
    """
    same_as, known_as = np.full((2, len(crystals)), "", dtype=object)
    groups, known_groups = _by_formula(crystals), _by_formula(known)
    jobs = ((crystals[group], known[known_groups.get(formula, [])]) for formula, group in groups.items())
    results = in_processes(_compare, jobs, workers if len(crystals) >= MIN_FOR_PROCESSES else 1)
    for group, matches in zip(groups.values(), progress(results, "comparing", len(groups)), strict=True):
        same_as[group], known_as[group] = zip(*matches, strict=True)
    return same_as, known_as


class FormulaHalves(NamedTuple):
    """Different crystals, counted by whether a known crystal has the same reduced formula."""

    same_formula: int
    """Crystals whose formula is known, which say little of what a model does with formulas it has not seen."""
    same_formula_known: int
    """The number of them that are known crystals; the others are new structures of a known formula."""
    other_formula: int
    """Crystals whose formula is not known, which are new."""


def formula_halves(crystals: CrystalSet, known: CrystalSet, same_as: np.ndarray, known_as: np.ndarray) -> FormulaHalves:
    """Return the counts of crystals of known and of other formulas, of each crystal the first; see `novelty`."""
    is_first = same_as == ""
    shared = is_first & share_formula(crystals, formula_hashes(known))
    n_shared = int(shared.sum())
    return FormulaHalves(n_shared, int((shared & (known_as != "")).sum()), int(is_first.sum()) - n_shared)


def _by_formula(crystals: CrystalSet) -> dict[str, list[int]]:
    """Return the indices of the crystals of each reduced formula."""
    groups: dict[str, list[int]] = {}
    for index, formula in enumerate(reduced_formulas(crystals)):
        groups.setdefault(formula, []).append(index)
    return groups


def _compare(crystals: CrystalSet, known: CrystalSet) -> list[tuple[str, str]]:
    """Return the ids of the same earlier crystal and of the same known one, for crystals of one reduced formula.

    Being the same within tolerances is not transitive, so that groups depend on which crystals are compared. They are
    compared in an order that their contents give: however they are listed, the groups are the same.
    """
    if len(crystals) == 1 and len(known) == 0:
        return [("", "")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen warns of elements without an electronegativity
        structures = [reduced_structure(crystal) for crystal in crystals]
        sizes = {len(structure) for structure in structures}
        comparable = known[[any(len(crystal) % size == 0 for size in sizes) for crystal in known]]
        known_structures = [reduced_structure(crystal) for crystal in comparable]
    representatives: list[int] = []
    groups: list[list[int]] = []
    for index in sorted(range(len(crystals)), key=lambda i: _contents(crystals[i])):
        same = _first_match(structures[index], [structures[i] for i in representatives])
        if same is None:
            representatives.append(index)
            groups.append([index])
        else:
            groups[same].append(index)
    matches = [("", "")] * len(crystals)
    for representative, group in zip(representatives, groups, strict=True):
        match = _first_match(structures[representative], known_structures)
        known_as = "" if match is None else comparable.ids[match]
        for index in group:
            matches[index] = ("" if index == min(group) else crystals.ids[min(group)], known_as)
    return matches


def _contents(crystal: Crystal) -> tuple[float, bytes]:
    """Return a key that sorts crystals in an order that does not depend on how they are listed."""
    volume_per_atom = abs(float(np.linalg.det(crystal.lattice))) / len(crystal)
    return volume_per_atom, crystal.lattice.tobytes() + crystal.numbers.tobytes() + crystal.frac_coords.tobytes()


def reduced_structure(crystal: Crystal) -> Structure:
    """Return a crystal's primitive cell, sought in a cell of shortest vectors, where pymatgen finds it more often."""
    structure = crystal.to_pymatgen()
    with suppress(ValueError):  # pymatgen raises it for lattices that are nearly singular
        structure = structure.get_reduced_structure()
    return structure.get_primitive_structure()


def _first_match(structure: Structure, others: Sequence[Structure]) -> int | None:
    """Return the index of the first structure that is the same, or None."""
    from pymatgen.analysis.structure_matcher import StructureMatcher

    matcher = StructureMatcher(primitive_cell=False)
    matches = (
        index
        for index, other in enumerate(others)
        if len(other) == len(structure) and matcher.fit(structure, other, skip_structure_reduction=True)
    )
    return next(matches, None)
