"""Validity: whether a crystal passes the rules that are published, each by itself, and why it does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..crystal import SYMBOLS, Crystal
from ..data.crystalset import CrystalSet
from ..errors import require
from ..geometry.elements import COVALENT_RADII
from ..geometry.space_group import symmetry_dataset
from ..pool import Workers, in_processes
from ..progress import progress
from .charge import lemat_charge
from .composition import Counts, smact_valid
from .distances import (
    CDVAE_CLOSEST,
    LEMAT_MARGIN,
    LEMAT_SHARE,
    atomic_radii,
    between_different_atoms,
    pair_distances,
    radii_sums,
)

if TYPE_CHECKING:
    from moyopy import MoyoDataset

SYMPREC = 0.1
"""Å; atoms of crystals that were read may be so far from where symmetry puts them."""
CDVAE_VOLUME = 0.1
"""Å³; CDVAE's rule rejects smaller cells."""
LEMAT_DENSITY, LEMAT_ATOMS_PER_VOLUME, LEMAT_SIDES = (0.01, 25.0), (1e-5, 0.5), (1.0, 100.0)
"""The ranges of g/cm³, atoms per Å³ and sides in Å that LeMat-GenBench calls plausible."""
LEMAT_VOLUME = 1.0
"""Å³; LeMat-GenBench's rule rejects cells that are not larger."""
CHUNK_SIZE = 64
"""The number of crystals that a process gets at a time; no process is started for fewer."""


class Validity(NamedTuple):
    """The verdict on a crystal by each published rule, and the figures that the rules look at."""

    cdvae_structure: bool
    """CDVAE's rule of distances: atoms at least 0.5 Å apart, a volume of at least 0.1 Å³."""
    smact_valid: bool
    """CDVAE's rule of composition: one element, all metals, or neutral by smact's oxidation states of 2014."""
    lemat_charge: bool
    lemat_distance: bool
    lemat_plausible: bool
    """The three rules of LeMat-GenBench: see `charge`, `distances` and the ranges above."""
    space_group: int
    """The number of the space group within 0.1 Å; 0 if none could be determined."""
    density: float
    """g/cm³."""
    smallest_distance: float
    """Å, from an atom to the nearest other one or image of its own."""
    radii_share: float
    """The smallest ratio of such a distance to the sum of the two covalent radii."""
    reason: str
    """The rules that it fails, in words; empty if it passes all."""

    @property
    def cdvae_valid(self) -> bool:
        """True if the crystal passes CDVAE's rules."""
        return self.cdvae_structure and self.smact_valid

    @property
    def lemat_valid(self) -> bool:
        """True if the crystal passes LeMat-GenBench's three rules."""
        return self.lemat_charge and self.lemat_distance and self.lemat_plausible


def validity(crystals: CrystalSet, workers: Workers = 1) -> list[Validity]:
    """Return the verdict on each of B crystals."""
    require("smact", "worth")
    chunks = [(crystals[start : start + CHUNK_SIZE],) for start in range(0, len(crystals), CHUNK_SIZE)]
    results = in_processes(_judge_all, chunks, workers if len(chunks) > 1 else 1)
    return [verdict for verdicts in progress(results, "judging", len(chunks)) for verdict in verdicts]


def _judge_all(crystals: CrystalSet) -> list[Validity]:
    return [judge(crystal) for crystal in crystals]


def judge(crystal: Crystal) -> Validity:
    """Return the verdict on one crystal."""
    counts = reduced_counts(crystal)
    distances = pair_distances(crystal)
    between = between_different_atoms(distances)
    dataset = symmetry_dataset(crystal.lattice, crystal.frac_coords, crystal.numbers, SYMPREC)
    faults = {
        "cdvae_structure": " and ".join(_cdvae_faults(crystal, between)),
        "smact_valid": "" if smact_valid(counts) else f"{crystal.formula} cannot be neutral by smact",
        "lemat_charge": "" if lemat_charge(crystal, counts) else f"charges of {crystal.formula} do not balance",
        "lemat_distance": _too_close(crystal, between),
        "lemat_plausible": " and ".join(_implausible(crystal, dataset)),
    }
    return Validity(
        **{rule: not fault for rule, fault in faults.items()},
        space_group=0 if dataset is None else dataset.number,
        density=crystal.density,
        smallest_distance=float(distances.min()),
        radii_share=float((distances / radii_sums(crystal, COVALENT_RADII)).min()),
        reason="; ".join(filter(None, faults.values())),
    )


def is_lemat_valid(crystal: Crystal) -> bool:
    """Return whether a crystal passes LeMat-GenBench's three rules."""
    return judge(crystal).lemat_valid


def reduced_counts(crystal: Crystal) -> Counts:
    """Return the elements of a crystal and their numbers in the reduced formula."""
    numbers, counts = np.unique(crystal.numbers, return_counts=True)
    return tuple(zip(numbers.tolist(), (counts // np.gcd.reduce(counts)).tolist(), strict=True))


def _cdvae_faults(crystal: Crystal, between: np.ndarray) -> Iterator[str]:
    if between.min() < CDVAE_CLOSEST:
        yield f"atoms {between.min():.2f} Å apart"
    if crystal.volume < CDVAE_VOLUME:
        yield f"a cell of {crystal.volume:.2g} Å³"


def _too_close(crystal: Crystal, between: np.ndarray) -> str:
    """Return the pair of atoms that is farthest below LeMat-GenBench's least distance; empty if none is."""
    least = LEMAT_SHARE * (radii_sums(crystal, atomic_radii()) + LEMAT_MARGIN)
    i, j = np.unravel_index((between - least).argmin(), least.shape)
    if between[i, j] >= least[i, j]:
        return ""
    first, second = (SYMBOLS[crystal.numbers[atom] - 1] for atom in (i, j))
    return f"{first} and {second} {between[i, j]:.2f} Å apart, wanted at least {least[i, j]:.2f} Å"


def _implausible(crystal: Crystal, dataset: MoyoDataset | None) -> Iterator[str]:
    """Yield what LeMat-GenBench's rule of plausibility rejects."""
    edges = np.linalg.norm(crystal.lattice, axis=1)
    if not LEMAT_DENSITY[0] <= crystal.density <= LEMAT_DENSITY[1]:
        yield f"{crystal.density:.3g} g/cm³, wanted {LEMAT_DENSITY[0]:g} to {LEMAT_DENSITY[1]:g}"
    if not LEMAT_ATOMS_PER_VOLUME[0] <= len(crystal) / crystal.volume <= LEMAT_ATOMS_PER_VOLUME[1]:
        least, most = (1 / n for n in reversed(LEMAT_ATOMS_PER_VOLUME))
        yield f"{crystal.volume / len(crystal):.3g} Å³ per atom, wanted {least:g} to {most:g}"
    if not crystal.volume > LEMAT_VOLUME:
        yield f"a cell of {crystal.volume:.3g} Å³"
    if edges.min() < LEMAT_SIDES[0] or edges.max() > LEMAT_SIDES[1]:
        yield f"sides from {edges.min():.3g} to {edges.max():.3g} Å, wanted {LEMAT_SIDES[0]:g} to {LEMAT_SIDES[1]:g}"
    if dataset is None:
        yield "no space group can be determined"
