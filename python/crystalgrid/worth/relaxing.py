"""The relaxation of one crystal, cell and positions, by a potential through ASE."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from numbers import Integral, Real
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..crystal import SYMBOLS, SYMPREC, Crystal
from ..errors import InputError
from ..geometry.space_group import space_group
from ..pool.threads import one_thread
from .journal import Row
from .potentials import Potential, potential

OPTIMIZERS = ("bfgs", "lbfgs", "fire")
MOST_STRETCHED = 4.0
"""A relaxation is stopped as exploded or collapsed when the volume has changed by this factor."""
LEAST_VOLUME = 2.0
"""Å³ per atom; of denser crystals no potential knows anything, and their many neighbours take it minutes a step."""
TOLERANCE = 0.1
"""Å; atoms of a crystal that was relaxed may be so far from where symmetry puts them."""
MOST_LETTERS = 200
"""The letters of a potential's error that are kept."""


class NotRelaxedError(Exception):
    """The reason why a crystal could not be relaxed."""


class RelaxOptions(NamedTuple):
    """The settings by which crystals are relaxed."""

    calculator: str = "chgnet"
    """The potential: see `potential`."""
    second: str = ""
    """A potential that gives the relaxed crystal a second energy; empty for none."""
    fmax: float = 0.05
    """eV/Å; a crystal has converged when all forces, and those on the cell, are smaller."""
    steps: int = 500
    """The most steps; with 0 the crystal is left as it stands."""
    symmetry: bool = True
    """Whether the space group within 0.01 Å is kept."""
    optimizer: str = "bfgs"
    batched: bool = False
    """Whether many crystals are relaxed at once by a model of torch-sim, whose optimizer is "fire"."""


def default_optimizer(batched: bool) -> str:
    """Return the optimizer that is taken if none is named: the fastest for cells of up to 100 atoms."""
    return "fire" if batched else "bfgs"


def check_options(options: RelaxOptions) -> None:
    """Raise InputError for options that no crystal can be relaxed with; load the potentials."""
    if not isinstance(options.fmax, Real) or not 0 < options.fmax < math.inf:
        raise InputError(f"fmax: wanted a positive number in eV/Å, got {options.fmax!r}")
    if not isinstance(options.steps, Integral) or options.steps < 0:
        raise InputError(f"steps: wanted a whole number, 0 or more, got {options.steps!r}")
    if options.optimizer not in OPTIMIZERS:
        raise InputError(f"optimizer: wanted one of {', '.join(OPTIMIZERS)}, got {options.optimizer!r}")
    if options.batched and options.optimizer != "fire":
        raise InputError(f"optimizer: batches of crystals are relaxed by fire alone, got {options.optimizer!r}")
    potentials_of(options)


def potentials_of(options: RelaxOptions) -> list[Potential]:
    """Return the potential that relaxes crystals and, if there is one, the potential of the second energy."""
    if options.batched:
        from .batched_potentials import batched_potential as first
    else:
        first = potential
    return [first(options.calculator), *([] if options.second == "" else [potential(options.second)])]


def relax_crystal(crystal: Crystal, options: RelaxOptions, trajectory: Path | None = None) -> Row:
    """Return what became of a crystal as a row of JSON: see `Relaxed`; `relax_error` says why it could not be relaxed.

    trajectory: a file of extended XYZ for all steps.
    """
    start = time.process_time()
    try:
        with one_thread(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check_crystal(crystal, potentials_of(options))
            row = _relaxed(crystal, options, trajectory)
            return {**row, "seconds": time.process_time() - start}
    except NotRelaxedError as error:
        return {"relax_error": str(error)}
    except Exception as error:  # a potential fails in many ways on crystals that are none
        return {"relax_error": failure(options.calculator, error)}


def energy_as_it_stands(crystal: Crystal, calculator: str) -> Row:
    """Return the energy per atom of a crystal as it stands, in eV by a potential, or why it has none, as `error`."""
    try:
        with one_thread(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check_learned(crystal, potential(calculator))
            atoms: Any = crystal.to_ase()
            atoms.calc = potential(calculator).calculator
            return {"energy_per_atom": finite(atoms.get_potential_energy()) / len(atoms)}
    except NotRelaxedError as error:
        return {"error": str(error)}
    except Exception as error:  # as above
        return {"error": failure(calculator, error)}


def check_crystal(crystal: Crystal, models: list[Potential]) -> None:
    """Raise NotRelaxedError if a crystal is too dense, or has an element that one of the potentials has not learned."""
    for model in models:
        check_learned(crystal, model)
    if (volume := crystal.volume / len(crystal)) < LEAST_VOLUME:
        raise NotRelaxedError(f"too dense to relax: {volume:.2g} Å³ per atom, wanted at least {LEAST_VOLUME:g}")


def check_learned(crystal: Crystal, model: Potential) -> None:
    """Raise NotRelaxedError if a potential has not learned an element of a crystal."""
    if numbers := unlearned(crystal.numbers, model):
        symbols = " and ".join(SYMBOLS[z - 1] for z in numbers)
        raise NotRelaxedError(f"{model.name} has not learned {symbols}")


def check_volume(stretched: float, steps: int) -> None:
    """Raise NotRelaxedError if a crystal has come to too large or small a multiple of its first volume."""
    if not 1 / MOST_STRETCHED < stretched < MOST_STRETCHED:
        verb = "fell apart" if stretched > 1 else "collapsed"
        raise NotRelaxedError(f"{verb} to {stretched:.2g} times its volume in {steps} steps")


def failure(calculator: str, error: Exception) -> str:
    """Return in one line of at most 200 letters how a potential failed."""
    words = " ".join(str(error).split())
    return f"{calculator} failed: {type(error).__name__}: {words}"[:MOST_LETTERS]


def unlearned(numbers: np.ndarray, model: Potential) -> list[int]:
    """Return the atomic numbers that a potential has not learned, each once."""
    return [] if model.elements is None else sorted(set(numbers.tolist()) - model.elements)


def _relaxed(crystal: Crystal, options: RelaxOptions, trajectory: Path | None) -> Row:
    atoms: Any = crystal.to_ase()
    atoms.calc = potential(options.calculator).calculator
    atoms.get_forces()  # the energy comes with them; asked for before, it may be computed twice
    before = finite(atoms.get_potential_energy()) / len(atoms)
    if options.symmetry and options.steps:
        keep_symmetry(atoms, crystal)
    converged, steps = _optimize(atoms, options, trajectory)
    energy = finite(atoms.get_potential_energy()) / len(atoms)
    forces = atoms.get_forces(apply_constraint=False)
    after = Crystal(atoms.cell.array, atoms.get_scaled_positions(wrap=False), crystal.numbers)
    largest_force = finite(np.linalg.norm(forces, axis=1).max())
    return relaxed_row(crystal, after, before, energy, largest_force, converged, steps, options.second)


def relaxed_row(
    crystal: Crystal,
    after: Crystal,
    energy_before: float,
    energy: float,
    largest_force: float,
    converged: bool,
    steps: int,
    second: str,
) -> Row:
    """Return the row of a crystal that was relaxed; energies are in eV/atom, the largest force on an atom in eV/Å."""
    row = {
        "relax_error": "",
        "energy_per_atom": energy,
        "energy_drop": energy_before - energy,
        "steps": steps,
        "converged": converged,
        "largest_force": largest_force,
        "rms_moved": rms_moved(crystal, after),
        "same_after": steps == 0 or same(crystal, after),
        "space_group_after": space_group(after, TOLERANCE).number,
        "lattice": after.lattice.tolist(),
        "frac_coords": after.frac_coords.tolist(),
    }
    return row | _second_energy(after, second) if second else row


def _second_energy(crystal: Crystal, calculator: str) -> Row:
    """Return the energy in eV/atom by the second potential, or why it has none: what the first one found is kept."""
    atoms: Any = crystal.to_ase()
    atoms.calc = potential(calculator).calculator
    try:
        return {"energy_second": finite(atoms.get_potential_energy()) / len(atoms)}
    except NotRelaxedError as error:
        return {"second_error": f"{calculator}: {error}"}
    except Exception as error:  # as above
        return {"second_error": failure(calculator, error)}


def finite(value: Any) -> float:
    """Return a number; raise NotRelaxedError if it is not finite."""
    if not np.isfinite(value):
        raise NotRelaxedError(f"the potential gives {value}")
    return float(value)


def keep_symmetry(atoms: Any, crystal: Crystal) -> None:
    """Constrain the atoms to the space group that the crystal has within 0.01 Å, unless that is P1."""
    from ase import constraints

    fix_symmetry: Any = constraints.FixSymmetry
    if space_group(crystal, SYMPREC).number > 1:
        atoms.set_constraint(fix_symmetry(atoms, symprec=SYMPREC))


def _optimize(atoms: Any, options: RelaxOptions, trajectory: Path | None) -> tuple[bool, int]:
    """Move cell and positions to lower energies; return whether they converged, and the number of steps."""
    from ase import filters
    from ase.optimize import BFGS, FIRE, LBFGS

    optimizers: dict[str, Callable[..., Any]] = {"bfgs": BFGS, "lbfgs": LBFGS, "fire": FIRE}
    cell_filter: Any = filters.UnitCellFilter  # the matrix logarithms of FrechetCellFilter cost up to half of CHGNet
    optimizer = optimizers[options.optimizer](cell_filter(atoms), logfile=None)
    if trajectory is not None:
        trajectory.unlink(missing_ok=True)
        optimizer.attach(lambda: atoms.copy().write(trajectory, append=True, format="extxyz"))
    first = atoms.get_volume()
    converged = False
    for state in optimizer.irun(fmax=options.fmax, steps=options.steps):
        converged = bool(state)
        check_volume(finite(atoms.get_volume()) / first, optimizer.nsteps)
    return converged, int(optimizer.nsteps)


def same(before: Crystal, after: Crystal) -> bool:
    """Return whether pymatgen's matcher with its default tolerances brings two crystals onto each other."""
    from pymatgen.analysis.structure_matcher import StructureMatcher

    return bool(StructureMatcher().fit(before.to_pymatgen(), after.to_pymatgen()))


def rms_moved(before: Crystal, after: Crystal) -> float:
    """Return the root mean square in Å of the atoms' displacements in the mean cell, without their common drift."""
    moved = after.frac_coords - before.frac_coords
    displacements = (moved - moved.mean(axis=0)) @ (0.5 * (before.lattice + after.lattice))
    return float(np.sqrt((displacements**2).sum(axis=1).mean()))
