"""The check of crystals: what each is, whether it is valid or why not, and which others are the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np

from .._conversions import is_ase, is_pymatgen
from ..artifacts.released import released_models
from ..crystal import Crystal, CrystalLike, as_crystal
from ..data.crystalset import CrystalSet
from ..data.formulas import formula_hashes, share_formula
from ..data.reader import read_files
from ..data.sources import find_files, of_known_format
from ..errors import InputError
from ..geometry.space_group import symbol_of
from ..pool import Workers
from .novelty import novelty
from .oxidation import oxidation_states
from .structure_type import structure_types
from .validity import SYMPREC, Validity, reduced_counts, validity

Crystals: TypeAlias = Sequence[CrystalLike] | CrystalSet


class Checked(NamedTuple):
    """The result for one crystal, by itself and among others."""

    id: str
    formula: str
    """The reduced formula."""
    space_group: str
    """The Hermann-Mauguin symbol within 0.1 Å; empty if none can be determined."""
    space_group_number: int
    """From 1 to 230; 0 if none can be determined."""
    structure_type: str
    """Space group and Wyckoff letters of each element: see `structure_type`."""
    atoms: int
    """The number of atoms in the cell as given."""
    n_elements: int
    volume_per_atom: float
    """Å³."""
    density: float
    """g/cm³."""
    smallest_distance: float
    """Å, from an atom to the nearest other one or image of its own."""
    radii_share: float
    """The smallest ratio of a distance to the sum of the covalent radii."""
    cdvae_valid: bool
    """CDVAE's rules: atoms at least 0.5 Å apart, and `smact_valid`."""
    smact_valid: bool
    """One element, all metals, or neutral by smact's oxidation states of 2014."""
    lemat_charge: bool
    """LeMat-GenBench's rules, each by itself."""
    lemat_distance: bool
    lemat_plausible: bool
    lemat_valid: bool
    """All three of them."""
    oxidation_states: str
    """The likeliest of its composition that balance, such as 'Li+1 Mn+3 O-2'; empty if none do."""
    reason: str
    """The rules that it fails, in words; empty if it passes all."""
    same_as: str
    """The id of the crystal that stands for all that are the same: the first that is valid; empty for itself."""
    known_as: str
    """The id of the known crystal that is the same; empty if none is."""
    formula_known: bool
    """Whether a known crystal has the reduced formula."""


def check(crystals: Crystals, against: Crystals | Path | str | None = None, workers: Workers = 1) -> list[Checked]:
    """Return what each crystal is, whether published rules call it valid, and whether it is new.

    crystals: of this package, pymatgen's structures or ASE's atoms. against: known crystals, the file or folder that
    holds them, or the name of a released generator, for those that it learned from. Sameness is that of pymatgen's
    `StructureMatcher` with its default tolerances.

    Raises InputError for what is no list of crystals, and for a file that cannot be read.
    """
    drawn = as_set(crystals)
    reference = (
        drawn[:0] if against is None else read_set(against) if isinstance(against, str | Path) else as_set(against)
    )
    return checked(drawn, reference, workers)


def checked(crystals: CrystalSet, known: CrystalSet, workers: Workers) -> list[Checked]:
    """Return the result of each of B crystals among the others and the known ones."""
    verdicts = validity(crystals, workers)
    types = structure_types(crystals, SYMPREC, workers)
    same_as, known_as = novelty(crystals, known, workers)
    same_as = first_valid(crystals.ids, same_as, [verdict.lemat_valid for verdict in verdicts])
    formula_known = share_formula(crystals, formula_hashes(known))
    return [
        _row(crystals, i, verdict, types[i], str(same_as[i]), str(known_as[i]), bool(formula_known[i]))
        for i, verdict in enumerate(verdicts)
    ]


def first_valid(ids: np.ndarray, same_as: np.ndarray, valid: Sequence[bool]) -> np.ndarray:
    """Return the id of the first valid crystal of those that are the same, for each of B crystals; empty for itself.

    The matcher compares crystals at equal volumes: a squeezed crystal must not stand for one that is right. If none of
    a group is valid, its first stands for it. same_as: the id of the first of each group, empty for itself.
    """
    group = [str(first or id) for id, first in zip(ids, same_as, strict=True)]
    chosen = {name: str(id) for id, name, is_valid in reversed(list(zip(ids, group, valid, strict=True))) if is_valid}
    standing = [chosen.get(name, name) for name in group]
    return np.array(["" if str(id) == name else name for id, name in zip(ids, standing, strict=True)], dtype=object)


def _row(
    crystals: CrystalSet, i: int, verdict: Validity, type_name: str, same_as: str, known_as: str, formula_known: bool
) -> Checked:
    crystal = crystals[i]
    return Checked(
        id=str(crystals.ids[i]),
        formula=crystal.formula,
        space_group=symbol_of(verdict.space_group) if verdict.space_group else "",
        space_group_number=verdict.space_group,
        structure_type=type_name,
        atoms=len(crystal),
        n_elements=len(np.unique(crystal.numbers)),
        volume_per_atom=crystal.volume / len(crystal),
        density=verdict.density,
        smallest_distance=verdict.smallest_distance,
        radii_share=verdict.radii_share,
        cdvae_valid=verdict.cdvae_valid,
        smact_valid=verdict.smact_valid,
        lemat_charge=verdict.lemat_charge,
        lemat_distance=verdict.lemat_distance,
        lemat_plausible=verdict.lemat_plausible,
        lemat_valid=verdict.lemat_valid,
        oxidation_states=oxidation_states(reduced_counts(crystal)),
        reason=verdict.reason,
        same_as=same_as,
        known_as=known_as,
        formula_known=formula_known,
    )


def as_set(crystals: Crystals) -> CrystalSet:
    """Return crystals of any library as a set, whose ids are 0, 1, … unless they have some."""
    if isinstance(crystals, CrystalSet):
        return crystals
    if isinstance(crystals, Crystal) or is_pymatgen(crystals) or is_ase(crystals):
        raise InputError(
            f"crystals: wanted a list of crystals, got a {type(crystals).__name__}; put it into one, [crystal]"
        )
    if isinstance(crystals, str | Path) or not isinstance(crystals, Sequence):
        raise InputError(f"crystals: wanted a list of crystals, got {crystals!r:.60}; crystalgrid.read reads files")
    return CrystalSet.from_crystals([as_crystal(crystal) for crystal in crystals])


def read_set(source: Path | str) -> CrystalSet:
    """Return the crystals of a file or folder, or of a released generator by its name, with their ids.

    A file or folder of that name goes before. Raises InputError if there are no crystals.
    """
    if not Path(source).exists() and (model := released_models().get(str(source))):
        from ..generation.training_crystals import training_crystals

        return training_crystals(model)
    result = read_files(of_known_format(find_files(source)), np.inf)
    if len(result.crystals) == 0:
        raise InputError(f"{source}: no crystals that can be read; {result.skipped[0]}")
    return result.crystals
