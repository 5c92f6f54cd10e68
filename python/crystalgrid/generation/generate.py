"""Crystals that meet conditions, drawn by a generator."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from ..crystal import Crystal, CrystalLike
from .conditions import Names
from .crystal_model import CrystalModel
from .open_generator import open_generator

Range = str | float | tuple[float | None, float | None]
"""A range: a text such as "2:4", a number, or a pair; an end that is None or absent is no limit."""
Sites = str | Sequence[str | int]
"""Sites of a crystal, by element or by number, in the order of their Wyckoff letters and then of Mendeleev numbers."""
GENERATOR = "mp10a"
"""The generator that draws if none is named."""


def generate(
    n: int = 1,
    model: str | Path | CrystalModel = GENERATOR,
    *,
    formula: str | None = None,
    z: int | Sequence[int] | None = None,
    elements: Names | None = None,
    among: Names | None = None,
    without: Names | None = None,
    n_elements: Range | None = None,
    space_group: int | str | Sequence[int | str] | None = None,
    crystal_system: Names | None = None,
    atoms: Range | None = None,
    density: Range | None = None,
    volume_per_atom: Range | None = None,
    largest_z: Range | None = None,
    structures: str = "any",
    like: CrystalLike | str | Path | None = None,
    strength: float | None = None,
    fix: int | Sites | None = None,
    best: int | None = None,
    seed: int = 0,
) -> list[Crystal]:
    """Return crystals that a generator draws, each of which meets all conditions; those that are None are free.

    They are primitive cells, and depend on the seed and the conditions alone: the first of many are those of few.

    n: the number of crystals. model: the name of a released generator, the path of a run or of an exported file, or
    what `crystalgrid.load` returned.
    formula: such as LiFePO4 or Ca(OH)2; z: formula units in the primitive cell, one number or several
    (crystallographers count those in the conventional cell: z=1 of rock salt is their Z = 4).
    elements: symbols, all of them and no other; among: no others than these; without: none of these.
    n_elements, atoms (of the primitive cell), density (g/cm³), volume_per_atom (Å³), largest_z: ranges.
    space_group: numbers or symbols, any of them; crystal_system: such as cubic.
    structures: "known": structure types of training crystals; "new": none of these; "any": both, as in nature; "free":
    new ones that are drawn freely, not as orderings of known ones.
    like: a crystal, or a file with one, to draw near: of its structure type, moved, with other elements.
    strength: how far it is moved, from 0, not at all, to 1, as far as a new crystal of its type; None: 0.3.
    fix: elements or numbers of sites whose element and fractional coordinates stay.
    best: return the likeliest different crystals alone, this many: of all candidates of a formula, or else of n draws,
    n being no smaller.

    Raises InputError for a value that says nothing, and for conditions that exclude each other or cannot be met, with
    what comes nearest. Warns if fewer crystals than n met the conditions.
    """
    conditions = {
        "formula": formula, "z": z, "elements": elements, "among": among, "without": without,
        "n_elements": n_elements, "space_group": space_group, "crystal_system": crystal_system, "atoms": atoms,
        "density": density, "volume_per_atom": volume_per_atom, "largest_z": largest_z, "structures": structures,
    }  # fmt: skip
    generator = model if isinstance(model, CrystalModel) else _opened(model)
    return generator.generate(n, like=like, strength=strength, fix=fix, best=best, seed=seed, **conditions)


@lru_cache(maxsize=1)
def _opened(model: str | Path) -> CrystalModel:
    return open_generator(model)
