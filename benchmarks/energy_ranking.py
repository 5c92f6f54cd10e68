"""Rankings of predicted structures by the energies that they relax to."""

from __future__ import annotations

import numpy as np

from crystalgrid.crystal import Crystal
from crystalgrid.worth.relaxing import RelaxOptions, relax_crystal

FMAX = 0.1
"""eV/Å; a prediction with smaller forces is not relaxed any further."""


def relaxed_predictions(predictions: list[Crystal], steps: int) -> tuple[list[Crystal], list[float]]:
    """Return predictions [K] after at most so many steps of CHGNet, and their energies [K] in eV/atom.

    A prediction that cannot be relaxed stays as it is, and its energy is infinite.
    """
    options = RelaxOptions(fmax=FMAX, steps=steps)
    rows = [relax_crystal(prediction, options) for prediction in predictions]
    energies = [float(row.get("energy_per_atom", np.inf)) for row in rows]
    crystals = [
        before if row["relax_error"] else Crystal(row["lattice"], row["frac_coords"], before.numbers)
        for before, row in zip(predictions, rows, strict=True)
    ]
    return crystals, energies


def orders(energies: list[float]) -> dict[str, list[int]]:
    """Return by name the orders of predictions [K], which are given the likeliest first, with their energies [K].

    The one by likelihood and energy has the least sum of the two ranks first, and of equal sums the lower energy.
    """
    by_energy = np.argsort(energies, kind="stable")
    rank_of_energy = np.argsort(by_energy)
    sums = np.arange(len(energies)) + rank_of_energy
    return {
        "by likelihood": list(range(len(energies))),
        "by energy": by_energy.tolist(),
        "by likelihood and energy": np.lexsort((rank_of_energy, sums)).tolist(),
    }
