"""Crystals that repeat within a cube, and cubes of them."""

import itertools

import numpy as np
import torch

import reference
from crystalgrid import Crystal, Grid, voxelize
from zoo import random_crystal, random_origins

LEAST_TRANSLATION = 3.0
"""Å; along a shorter translation, rows of atoms are too even for their period to be seen."""


def random_crystals(count: int) -> list[Crystal]:
    """Return crystals of up to 7 atoms with sides up to 7.5 Å, always the same."""
    rng = np.random.default_rng(5)
    drawn = (random_crystal(rng, int(rng.integers(1, 8)), side=(2.5, 7.5)) for _ in itertools.count())
    visible = (c for c in drawn if reference.shortest_translations(c.lattice)[0] > LEAST_TRANSLATION)
    return list(itertools.islice(visible, count))


def cubes_of(crystals: list[Crystal]) -> torch.Tensor:
    """Return the densities of cubes at random origins, [B, 30, 30, 30]."""
    return voxelize(crystals, Grid(), random_origins(np.random.default_rng(1), crystals))
