"""New structure types: how many of them are orderings of others.

    python benchmarks/orderings.py --model mp10a --n 1500

Of the crystals that a generator learned from, those are looked at whose structure type no other one has, n of them.
Such a crystal is an ordering of others if they have the structure type that it gets when one of its elements stands in
the place of two.
"""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import torch
import tyro

from crystalgrid.artifacts.find import load_learner
from crystalgrid.artifacts.generator_info import the_generator
from crystalgrid.generation.training_crystals import kept_crystals
from crystalgrid.geometry.canonical_unit import find_canonical_unit
from crystalgrid.geometry.type_name import type_name
from crystalgrid.progress import progress
from crystalgrid.training.known_crystals import known_of, select
from crystalgrid.training.known_orderings import names_of
from crystalgrid.worth.shares import share

AT_ONCE = 512
"""The number of crystals whose atoms are computed together, which bounds memory."""
SYMPREC = 0.1
"""The tolerance in Å with which a crystal is as symmetric as another with one element in place of two."""


def orderings(model: str = "mp10a", n: int = 1500, seed: int = 0) -> None:
    """Print the share of crystals with a structure type of their own that are orderings of others.

    Args:
        model: a generator, by its name or path.
        n: number of crystals.
        seed: of their choice.
    """
    network, _ = the_generator(load_learner(model), model)
    rows = torch.where(network.types.source >= 0)[0]
    names = list(names_of(select(known_of(network), rows), np.arange(len(rows)), "structure types"))
    count = Counter(names)
    alone = np.flatnonzero([count[name] == 1 for name in names])
    chosen = rows[np.random.default_rng(seed).permutation(alone)[:n]]
    crystals = [crystal for part in chosen.split(AT_ONCE) for crystal in kept_crystals(network, part)]
    known = set(names)
    found = share(is_ordering(*crystal, known) for crystal in progress(crystals, "crystals"))
    print(f"{len(alone)} of {len(names)} crystals have a structure type of their own; orderings of others: {found}")


def is_ordering(lattice: np.ndarray, frac_coords: np.ndarray, numbers: np.ndarray, known: set[str]) -> bool:
    """Return whether a crystal with one element in place of two has one of the known structure types."""
    for element, other in combinations(np.unique(numbers), 2):
        merged = np.where(numbers == other, element, numbers)
        unit = find_canonical_unit(lattice, frac_coords, merged, SYMPREC)
        if unit is not None and type_name(unit) in known:
            return True
    return False


if __name__ == "__main__":
    tyro.cli(orderings)
