"""The time of `label_species`, of a k-d tree, and of `voxelize`."""

import numpy as np

import peers
from crystalgrid import label_species, voxelize


def test_against_a_tree(side_by_side, workload) -> None:
    assert np.array_equal(peers.tree_labels(*workload.images[0]), workload.species[0].numpy())
    batch, origin = workload.few(8, times=32)
    side_by_side(
        "label_species", "SciPy's k-d tree, images given",
        lambda: label_species(batch, origin=origin, threads=1),
        lambda: [peers.tree_labels(*image) for image in workload.images[:8]],
        cubes=256, peer_cubes=8, rounds=9,
    )  # fmt: skip


def test_against_voxelize(side_by_side, workload) -> None:
    side_by_side(
        "label_species", "voxelize",
        lambda: label_species(workload.batch, origin=workload.origin, threads=1),
        lambda: voxelize(workload.batch, origin=workload.origin, threads=1),
        cubes=256,
    )  # fmt: skip
