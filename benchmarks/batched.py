"""Crystals relaxed one at a time and in batches: seconds a crystal, steps, and how far the energies are apart.

Usage: python benchmarks/batched.py CRYSTALS [--calculator 7net-0] [--n 20]
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import tyro

import crystalgrid as cg
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.worth.journal import Row
from crystalgrid.worth.relax import relaxed_rows
from crystalgrid.worth.relaxing import RelaxOptions, check_options

WAYS = {"one at a time, bfgs": ("bfgs", False), "one at a time, fire": ("fire", False), "batched, fire": ("fire", True)}


def main(
    crystals: tyro.conf.Positional[Path],
    calculator: str = "chgnet",
    n: int = 20,
    fmax: float = 0.05,
    steps: int = 500,
    workers: int = 1,
    way: tuple[str, ...] = tuple(WAYS),
) -> None:
    """Relax the same crystals in each way, and print a line for each.

    Args:
        crystals: a file or folder of crystals, of which the first n are taken.
        calculator: "chgnet", "7net-0" or "7net-l3i5".
        n: number of crystals.
        fmax: in eV/Å.
        steps: the most steps for a crystal.
        workers: processes that relax crystals one at a time, or that look for symmetry before batches.
        way: the ways to compare; energies are compared with those of the first.
    """
    chosen = CrystalSet.from_crystals(list(cg.read(crystals))[:n])
    n_atoms = [len(crystal) for crystal in chosen]
    print(f"{len(chosen)} crystals of {min(n_atoms)} to {max(n_atoms)} atoms, {np.mean(n_atoms):.1f} in the mean")
    first: dict[int, Row] = {}
    for name in way:
        optimizer, batched = WAYS[name]
        options = RelaxOptions(calculator, "", fmax, steps, True, optimizer, batched)
        check_options(options)  # loads the potential
        start, start_cpu = time.perf_counter(), time.process_time()
        rows = dict(relaxed_rows(chosen, options, workers))
        wall, cpu = time.perf_counter() - start, time.process_time() - start_cpu
        first = first or rows
        seconds = f"{wall / len(rows):.2f} s a crystal, {cpu / len(rows):.2f} s of this process"
        print(f"{name}: {seconds}; {summary(rows, first)}", flush=True)


def summary(rows: dict[int, Row], first: dict[int, Row]) -> str:
    """Return how many crystals were relaxed in how many steps, and how far their energies are from the first ones."""
    relaxed = [i for i, row in rows.items() if not row["relax_error"]]
    both = [i for i in relaxed if not first[i]["relax_error"]]
    apart = 1000 * np.abs([rows[i]["energy_per_atom"] - first[i]["energy_per_atom"] for i in both])
    same_group = sum(rows[i]["space_group_after"] == first[i]["space_group_after"] for i in both)
    return (
        f"{sum(rows[i]['converged'] for i in relaxed)} of {len(rows)} converged, "
        f"{np.mean([rows[i]['steps'] for i in relaxed]):.0f} steps in the mean; energies apart by "
        f"{np.median(apart):.2f} meV/atom in the median, {apart.max():.1f} at most; "
        f"{same_group} of {len(both)} with the same space group"
    )


if __name__ == "__main__":
    tyro.cli(main)
