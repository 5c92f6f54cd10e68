"""The relaxation of crystals by a potential: energies above the hull, how far atoms moved, and what is doubtful."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..crystal import Crystal
from ..data.crystalset import CrystalSet
from ..errors import InputError
from ..geometry.space_group import symbol_of
from ..pool import Workers, in_processes
from ..progress import progress
from .check import Crystals, as_set
from .doubts import doubts
from .hull import AboveHull, Hull, decomposition_text
from .journal import Row
from .references import SHIPPED, load_hull
from .relaxing import RelaxOptions, check_options, default_optimizer, relax_crystal

DIED = "the process that relaxed it died, perhaps because memory ran out"


class Relaxed(NamedTuple):
    """The result for one crystal; what is not known is None."""

    id: str
    formula: str
    """The reduced formula."""
    crystal: Crystal
    """The crystal as relaxed; as it was if it could not be relaxed."""
    energy_per_atom: float | None
    """eV, by the potential."""
    energy_above_hull: float | None
    """eV/atom; None if an element has no reference energy."""
    decomposition: str
    """The most stable mixture of its composition, such as 'Li2O + 2 MnO2', per formula unit."""
    energy_drop: float | None
    """The energy that relaxing gained, eV/atom."""
    rms_moved: float | None
    """Å, the root mean square of the atoms' displacements in the mean cell, without drift."""
    same_after: bool | None
    """Whether pymatgen's StructureMatcher calls the crystal before and after the same."""
    space_group_after: str
    """The Hermann-Mauguin symbol within 0.1 Å."""
    volume_change: float | None
    """The relative change of volume."""
    largest_force: float | None
    """eV/Å, on an atom of the relaxed crystal."""
    converged: bool | None
    steps: int | None
    energy_above_hull_second: float | None
    """eV/atom, by the second potential and its hull."""
    disagreement: float | None
    """eV/atom, the distance between the two energies above the hulls."""
    doubtful: str
    """Why its energy should not be believed; empty if nothing speaks against it."""
    relax_error: str
    """Why it was not relaxed; empty if it was."""

    @property
    def worse(self) -> float:
        """The higher of the energies above the hulls; infinite if there is none."""
        energies = [e for e in (self.energy_above_hull, self.energy_above_hull_second) if e is not None]
        return max(energies, default=float("inf"))


class Hulls(NamedTuple):
    """The hulls of the potential and of the second one, each of energies by the same potential."""

    first: Hull | None
    second: Hull | None


def relax(
    crystals: Crystals,
    calculator: str = "chgnet",
    hull: str | Path | None = None,
    *,
    second: str = "",
    second_hull: str | Path | None = None,
    fmax: float = 0.05,
    steps: int = 500,
    symmetry: bool = True,
    optimizer: str | None = None,
    batched: bool = False,
    workers: Workers = 1,
) -> list[Relaxed]:
    """Return what becomes of crystals whose cells and atoms move to lower energy by a potential.

    crystals: of this package, pymatgen's structures or ASE's atoms. calculator: "chgnet", "7net-0", "7net-l3i5", or
    "module:function", whose function makes an ASE calculator. hull: a file of reference energies by the same potential;
    by default those that ship for it, if any. second: a potential that gives the relaxed crystals another energy, with
    its hull. fmax: eV/Å. symmetry: keep the space group. optimizer: "bfgs", the default, "lbfgs" or "fire". batched:
    relax many at once through torch-sim, on a GPU if torch finds one, by "fire"; the function of "module:function" then
    makes a ModelInterface of torch-sim.

    Raises InputError for a potential that cannot be had, for other bad options, and for a second one without a hull.
    """
    optimizer = optimizer or default_optimizer(batched)
    options = RelaxOptions(calculator, second, fmax, steps, symmetry, optimizer, batched)
    check_options(options)
    drawn = as_set(crystals)
    hulls = chosen_hulls(options, hull, second_hull)
    rows = dict(progress(relaxed_rows(drawn, options, workers), "relaxing", len(drawn)))
    return [result(str(drawn.ids[i]), drawn[i], rows[i], hulls) for i in range(len(drawn))]


def chosen_hulls(options: RelaxOptions, hull: str | Path | None, second_hull: str | Path | None) -> Hulls:
    """Return the hulls that were named, or those that ship for the potentials."""
    names = [
        name or (calculator if calculator in SHIPPED else None)
        for name, calculator in ((hull, options.calculator), (second_hull, options.second))
    ]
    if options.second and names[1] is None:
        raise InputError(
            f"second: no reference energies of {options.second} come with the package; wanted a file of them, too, "
            "second_hull or --second-hull, which `crystalgrid hull build` writes"
        )
    return Hulls(*(None if name is None else load_hull(name) for name in names))


def relaxed_rows(
    crystals: CrystalSet, options: RelaxOptions, workers: Workers, trajectories: Iterable[Path | None] | None = None
) -> Iterator[tuple[int, Row]]:
    """Yield the number and the row of each of B crystals as it is done, as `relax_crystal` makes it.

    The row of a crystal that kills its process says so. Batches have no trajectories.
    """
    if options.batched:
        from .batched import batched_rows

        yield from batched_rows(crystals, options, workers)
        return
    paths = [None] * len(crystals) if trajectories is None else trajectories
    jobs = ((crystal, options, path) for crystal, path in zip(crystals, paths, strict=True))
    yield from enumerate(in_processes(relax_crystal, jobs, workers if len(crystals) > 1 else 1, after_death=_died))


def _died(*_: object) -> Row:
    return {"relax_error": DIED}


def result(id: str, before: Crystal, row: Row, hulls: Hulls) -> Relaxed:
    """Return the result for a crystal from its row."""
    if row["relax_error"]:
        return not_relaxed(id, before, row["relax_error"])
    relaxed = Crystal(row["lattice"], row["frac_coords"], before.numbers)
    volume_change = relaxed.volume / before.volume - 1
    above = _above(hulls.first, relaxed, row["energy_per_atom"])
    second = _above(hulls.second, relaxed, row.get("energy_second"))
    doubtful = list(doubts(relaxed, volume_change, above))
    if hulls.second is not None and second is None:
        doubtful.append(row.get("second_error") or "the second hull has no reference of its elements")
    return Relaxed(
        id=id,
        formula=before.formula,
        crystal=relaxed,
        energy_per_atom=row["energy_per_atom"],
        energy_above_hull=None if above is None else above.energy,
        decomposition="" if above is None else decomposition_text(before.formula, above.decomposition),
        energy_drop=row["energy_drop"],
        rms_moved=row["rms_moved"],
        same_after=row["same_after"],
        space_group_after=symbol_of(row["space_group_after"]),
        volume_change=volume_change,
        largest_force=row["largest_force"],
        converged=row["converged"],
        steps=row["steps"],
        energy_above_hull_second=None if second is None else second.energy,
        disagreement=None if above is None or second is None else abs(above.energy - second.energy),
        doubtful="; ".join(doubtful),
        relax_error="",
    )


def not_relaxed(id: str, crystal: Crystal, reason: str) -> Relaxed:
    """Return the result for a crystal that was not relaxed."""
    unknown: dict[str, Any] = dict.fromkeys(Relaxed._fields)
    unknown |= dict.fromkeys(("decomposition", "space_group_after", "doubtful"), "")
    return Relaxed(**unknown | {"id": id, "formula": crystal.formula, "crystal": crystal, "relax_error": reason})


def _above(hull: Hull | None, crystal: Crystal, energy: float | None) -> AboveHull | None:
    return None if hull is None or energy is None else hull.above(crystal.numbers, energy)
