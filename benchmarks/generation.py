"""Crystals that were drawn, judged by published rules: one table for any folder, extended XYZ or Parquet file.

    python benchmarks/generation.py draws/ --data mp_10A.parquet
    python benchmarks/generation.py swaps --n 1000 --seed 11
    python benchmarks/generation.py training

`swaps` are training crystals with one or two elements replaced by neighbours, `training` a plain draw of training
crystals, both of at most 36 atoms. Shares are of all draws, also of those that cannot be read, with their 95 %
intervals. New are crystals, as drawn, that no crystal of the data set matches, whatever its split, and structure types
(space group and Wyckoff letters of each element, at 0.1 Å) that its training split lacks. How stable they are says
worth.py.
"""

from __future__ import annotations

import json
import time
import warnings
from pathlib import Path

import numpy as np
import tyro

from baselines import swap_draws
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.parquet import read_parquet
from crystalgrid.data.reader import read_files
from crystalgrid.data.sources import find_files, of_known_format
from crystalgrid.worth.novelty import novelty
from crystalgrid.worth.shares import share
from crystalgrid.worth.structure_type import structure_types
from crystalgrid.worth.validity import SYMPREC, validity
from data_folder import DATA

MAX_ATOMS = 36
"""The most atoms of training crystals that are drawn."""
Line = tuple[str, object]
"""What was counted, and the result."""


def drawn(source: str, training: CrystalSet, n: int, seed: int) -> tuple[CrystalSet, int]:
    """Return the crystals to judge, and how many more of the source cannot be read as crystals."""
    if source in ("swaps", "training"):
        small = training[np.diff(training.offsets) <= MAX_ATOMS]
        if source == "swaps":
            return CrystalSet.from_crystals(swap_draws(small, n, seed)), 0
        return small[np.random.default_rng(seed).permutation(len(small))[:n]], 0
    result = read_files(of_known_format(find_files(source)), np.inf)
    return result.crystals[:n], len(result.skipped)


def judged(crystals: CrystalSet, unreadable: int, workers: int) -> tuple[list[Line], list[str]]:
    """Return the lines of what each crystal is by itself; those that cannot be read fail every rule."""
    verdicts = validity(crystals, workers)
    missing = [False] * unreadable
    n_elements = [len(np.unique(crystal.numbers)) for crystal in crystals]
    rules = ("smact_valid", "cdvae_structure", "cdvae_valid", "lemat_valid")
    lines: list[Line] = [(rule, share([getattr(verdict, rule) for verdict in verdicts] + missing)) for rule in rules]
    rules = ("lemat_charge", "lemat_distance", "lemat_plausible")
    lines += [(f"  {rule}", share([getattr(verdict, rule) for verdict in verdicts] + missing)) for rule in rules]
    lines += [
        (f"P1 at {SYMPREC} Å", share(verdict.space_group <= 1 for verdict in verdicts)),
        ("elements a crystal", f"{np.mean(n_elements):.2f} ± {1.96 * np.std(n_elements) / len(crystals) ** 0.5:.2f}"),
        ("smallest distance below 1 Å", share(verdict.smallest_distance < 1 for verdict in verdicts)),
    ]
    reasons = [f"{id}: {verdict.reason}" for id, verdict in zip(crystals.ids, verdicts, strict=True) if verdict.reason]
    return lines, reasons


def types_of_training(training: CrystalSet, folder: Path, workers: int) -> set[str]:
    """Return the structure types of the training crystals, which are kept in a file."""
    file = folder / f"structure-types-{training.checksum[:12]}.json"
    if not file.exists():
        file.write_text(json.dumps(sorted(set(structure_types(training, SYMPREC, workers)))))
    return set(json.loads(file.read_text()))


def generation(
    source: tyro.conf.Positional[str],
    data: Path = DATA / "mp_10A.parquet",
    n: int = 1000,
    seed: int = 11,
    folder: Path = Path("."),
    workers: int = 1,
) -> None:
    """Judge crystals that were drawn, and print the table.

    Args:
        source: a folder or file of crystals, "swaps" or "training".
        data: the data set that the model learned from.
        n: judge at most so many crystals.
        seed: of swaps and training.
        folder: where the structure types of the training crystals are kept.
        workers: number of processes.
    """
    warnings.simplefilter("ignore")  # pymatgen warns of elements without an electronegativity
    start = time.perf_counter()
    known = read_parquet(data).crystals
    training = known.split("train")
    crystals, unreadable = drawn(source, training, n, seed)
    lines, reasons = judged(crystals, unreadable, workers)
    missing = [False] * unreadable
    same_as, known_as = novelty(crystals, known, workers)
    unique, novel = same_as == "", known_as == ""
    types = structure_types(crystals, SYMPREC, workers)
    training_types = types_of_training(training, folder, workers)
    new_type = np.array([name not in training_types for name in types])
    lines += [
        ("unique", share([*unique, *missing])),
        ("novel", share([*novel, *missing])),
        ("unique and novel", share([*(unique & novel), *missing])),
        ("structure types that training lacks", share([*new_type, *missing])),
    ]
    print(f"{source}: {len(crystals)} crystals, {unreadable} that are none, against {data.name}, seed {seed}")
    print("\n".join(f"{name:38}{value}" for name, value in lines))
    print("invalid, for example:", *reasons[:5], sep="\n  ")
    print(f"seconds: {time.perf_counter() - start:.0f}")


if __name__ == "__main__":
    tyro.cli(generation)
