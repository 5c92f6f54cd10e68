"""Periodic images: no atom in a box is missed."""

import itertools

import numpy as np
import pytest

from crystalgrid.geometry.images import translations_into
from zoo import random_crystal, random_rotation


@pytest.mark.parametrize("seed", range(8))
def test_every_image_in_the_box_is_among_them(seed: int) -> None:
    """The translations are compared with a search over a range that is far too large."""
    rng = np.random.default_rng(seed)
    crystal = random_crystal(rng, 4, side=(3.0, 6.0))
    to_box = random_rotation(rng)
    inverse = np.linalg.inv(crystal.lattice)
    corners = np.array(list(itertools.product((-1.0, 6.0), repeat=3))) @ to_box @ inverse
    every = np.array(list(itertools.product(range(-20, 21), repeat=3)))

    def inside(steps: np.ndarray) -> int:
        points = (crystal.frac_coords + steps[:, None]) @ crystal.lattice @ to_box.T
        return int(((points >= -1.0) & (points <= 6.0)).all(axis=2).sum())

    steps = translations_into(corners, crystal.frac_coords)
    assert inside(steps) == inside(every) > 0
    assert len(np.unique(steps, axis=0)) == len(steps) < len(every)
