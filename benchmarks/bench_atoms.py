"""The time of `find_atoms`, and of other libraries' connected components with a vote in NumPy."""

from collections.abc import Callable

import numpy as np
import pytest

import peers

PEERS = {"cc3d, NumPy statistics and vote": peers.cc3d_atoms, "scipy.ndimage": peers.scipy_atoms}


@pytest.mark.parametrize("name", PEERS)
def test_against(name: str, side_by_side, workload) -> None:
    find: Callable = PEERS[name]
    cubes = list(zip(workload.species.numpy(), workload.density.numpy(), strict=True))
    numbers = np.concatenate([find(*cube)[1] for cube in cubes])
    found = workload.atoms()
    assert abs(len(numbers) - len(found.numbers)) < 0.03 * len(numbers)  # they merge what touches, we tell it apart
    side_by_side("find_atoms", name, workload.atoms, lambda: [find(*cube) for cube in cubes], cubes=256)
