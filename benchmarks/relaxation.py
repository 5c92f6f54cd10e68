"""Relaxation of crystals, cell and positions, with CHGNet through ASE, and how they compare with the hull."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch

from crystalgrid.crystal import Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.worth.hull import Hull
from crystalgrid.worth.shares import share

POTENTIAL = "CHGNet 0.3.0"
ON_HULL, NEAR_HULL = 1e-5, 0.1
"""eV/atom."""


@cache
def _calculator() -> Any:
    from chgnet.model import CHGNet, CHGNetCalculator

    torch.set_num_threads(1)
    return CHGNetCalculator(CHGNet.load(model_name="0.3.0", verbose=False), use_device="cpu")


def relax(crystal: Crystal, steps: int, fmax: float) -> dict[str, Any]:
    """Return what became of a crystal as a row of JSON: its energy in eV/atom, how far its atoms moved, or an error.

    steps: at most so many steps of FIRE; with 0 the energy is that of the crystal as it stands. fmax: eV/Å.
    """
    from ase.filters import FrechetCellFilter
    from ase.optimize import FIRE

    atoms = crystal.to_ase()
    atoms.calc = _calculator()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            before = float(atoms.get_potential_energy()) / len(atoms)
            optimizer = FIRE(FrechetCellFilter(atoms), logfile=None)
            converged = bool(optimizer.run(fmax=fmax, steps=steps)) if steps else False
            energy = float(atoms.get_potential_energy()) / len(atoms)
        after = Crystal(atoms.cell.array, atoms.get_scaled_positions(wrap=False), crystal.numbers)
    except Exception as error:  # a potential fails in many ways on crystals that are none
        return {"error": f"{type(error).__name__}: {error}"[:200]}
    if not np.isfinite(energy):
        return {"error": f"the energy is {energy}"}
    return {
        "energy_before": before,
        "energy": energy,
        "steps": optimizer.nsteps,
        "converged": converged,
        "same_after": same(crystal, after),
        "rms_moved": rms_moved(crystal, after),
        "lattice": after.lattice.tolist(),
        "frac_coords": after.frac_coords.tolist(),
    }


def same(before: Crystal, after: Crystal) -> bool:
    """Return whether pymatgen's matcher with its default tolerances brings two crystals onto each other."""
    from pymatgen.analysis.structure_matcher import StructureMatcher

    return bool(StructureMatcher().fit(before.to_pymatgen(), after.to_pymatgen()))


def rms_moved(before: Crystal, after: Crystal) -> float:
    """Return the root mean square in Å of the atoms' displacements in the mean cell, without their common drift."""
    moved = after.frac_coords - before.frac_coords
    displacements = (moved - moved.mean(axis=0)) @ (0.5 * (before.lattice + after.lattice))
    return float(np.sqrt((displacements**2).sum(axis=1).mean()))


def hull_of(crystals: CrystalSet, energies: Path) -> Hull:
    """Return the hull of the crystals whose energies in eV/atom are in a Parquet file, by their ids."""
    columns = pq.read_table(energies).to_pydict()
    energy_of = dict(zip(columns["immutable_id"], columns["energy_per_atom"], strict=True))
    missing = float("nan")
    return Hull(crystals, np.array([energy_of.get(id) or missing for id in crystals.ids], dtype=float))


def relaxed_lines(
    rows: list[dict[str, Any]], crystals: CrystalSet, hull: Hull, new: np.ndarray
) -> Iterator[tuple[str, object]]:
    """Yield the lines of the crystals that were relaxed, of which `new` are unique and novel."""
    above = [hull.above(crystals[i].numbers, row["energy"]) if "energy" in row else None for i, row in enumerate(rows)]
    energies = np.array([np.nan if a is None else a.energy for a in above])
    moved = [row["rms_moved"] for row in rows if "rms_moved" in row]
    near, on = energies <= NEAR_HULL, energies <= ON_HULL
    yield "failed", share("error" in row for row in rows)
    yield (
        "no reference for an element",
        share(a is None and "energy" in row for a, row in zip(above, rows, strict=True)),
    )
    yield "converged", share(row.get("converged") for row in rows)
    yield "same crystal after", share(row.get("same_after") for row in rows)
    yield (
        "RMS moved, quartiles, Å",
        " / ".join(f"{value:.3f}" for value in np.percentile(moved or [np.nan], (25, 50, 75))),
    )
    yield f"within {NEAR_HULL} eV/atom of the hull", share(near)
    yield "on it", share(on)
    yield "M.S.U.N.", share(near & new)
    yield "S.U.N.", share(on & new)
    yield "seconds a crystal", f"{np.mean([row['seconds'] for row in rows]):.1f}"
