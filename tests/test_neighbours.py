"""Neighbours of many crystals at once: all pairs within the cutoff, in any cell, as the slow twin finds them."""

import numpy as np
import pytest
import torch

from crystalgrid.geometry.neighbours import neighbours
from reference import neighbour_vectors
from zoo import ZOO

CRYSTALS = list(ZOO.values())


def sorted_rows(rows: np.ndarray) -> np.ndarray:
    """Return rows in the order of their rounded figures."""
    return rows[np.lexsort(np.round(rows, 6).T)]


@pytest.mark.parametrize("cutoff", [0.1, 4.03])
def test_pairs_of_a_batch_are_those_of_each_crystal(cutoff: float) -> None:
    sizes = [len(crystal) for crystal in CRYSTALS]
    found = neighbours(
        torch.as_tensor(np.concatenate([crystal.frac_coords @ crystal.lattice for crystal in CRYSTALS])),
        torch.as_tensor(np.stack([crystal.lattice for crystal in CRYSTALS])),
        torch.repeat_interleave(torch.tensor(sizes)),
        cutoff,
    )
    pairs = torch.cat([found.first[:, None], found.second[:, None], found.vectors], dim=1).numpy()
    starts = np.cumsum(sizes) - sizes
    expected = [
        vectors + np.array([start, start, 0, 0, 0])
        for vectors, start in zip((neighbour_vectors(c, cutoff) for c in CRYSTALS), starts, strict=True)
    ]
    np.testing.assert_allclose(sorted_rows(pairs), sorted_rows(np.concatenate(expected)), atol=1e-9)
    assert (len(pairs) > 0) == (cutoff > 1)
