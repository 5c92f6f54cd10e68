"""The time of `voxelize`, of other libraries, of the original loop, and at the machine's peak."""

import numpy as np
import pytest
import torch

import peers
from crystalgrid import Crystal, Grid, voxelize
from crystalgrid.crystal import pack
from workload import REACH, REAL_CRYSTALS

PEROVSKITE = Crystal(
    3.9 * np.eye(3), [[0.5, 0.5, 0.5], [0, 0, 0], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]], [38, 22, 8, 8, 8]
)


def test_against_torch(side_by_side, workload) -> None:
    images = [(torch.from_numpy(p).float(), torch.from_numpy(z).float() * peers.PREFACTOR) for p, z in workload.images]
    assert all(  # they measure the same thing
        torch.allclose(peers.torch_density(*i), d, atol=1e-4 * float(d.max()))
        for i, d in zip(images, workload.density, strict=True)
    )
    side_by_side(
        "voxelize", "PyTorch: one sgemm per cube, images given",
        lambda: voxelize(workload.batch, origin=workload.origin, threads=1),
        lambda: [peers.torch_density(*image) for image in images],
        cubes=256,
    )  # fmt: skip


def test_against_numpy(side_by_side, workload) -> None:
    batch, origin = workload.few(8, times=32)
    cubes = list(zip(workload.structures[:8], origin[:8].numpy(), strict=True))
    side_by_side(
        "voxelize", "NumPy + pymatgen: images, einsum",
        lambda: voxelize(batch, origin=origin, threads=1),
        lambda: [peers.numpy_density(*cube, REACH) for cube in cubes],
        cubes=256, peer_cubes=8, rounds=7,
    )  # fmt: skip


def test_against_the_original_loop(side_by_side) -> None:
    structure, batch = PEROVSKITE.to_pymatgen(), pack([PEROVSKITE] * 64)
    side_by_side(
        "voxelize a perovskite", "the authors' loop, a row of 30 voxels × 900",
        lambda: voxelize(batch, threads=1),
        lambda: peers.authors_row(structure, np.zeros(3)),
        cubes=64, peer_cubes=1 / 900, rounds=7,
    )  # fmt: skip


def test_against_freud(side_by_side, workload) -> None:
    grid, rng = Grid(n=60, length=20.0), np.random.default_rng(0)
    crystal = Crystal(20 * np.eye(3), rng.random((400, 3)), rng.integers(1, 95, 400))
    found = peers.freud_density(crystal.positions, crystal.numbers, grid, REACH)
    expected = voxelize([crystal], grid)[0].numpy()
    assert np.abs(found - expected).max() < 1e-5 * expected.max()  # they measure the same thing
    batch = pack([crystal])
    side_by_side(
        "voxelize 60³ voxels of a 20 Å cubic cell", "freud GaussianDensity",
        lambda: voxelize(batch, grid, threads=1),
        lambda: peers.freud_density(crystal.positions, crystal.numbers, grid, REACH),
        cubes=1, rounds=7,
    )  # fmt: skip


def test_against_the_peak(side_by_side, workload) -> None:
    if workload.source != REAL_CRYSTALS.name:
        pytest.skip(f"multiply-adds are counted for lattices that lie as those of {REAL_CRYSTALS.name} do")
    loop, peak = peers.MultiplyAdds(), []
    multiply_adds = workload.multiply_adds() / 256
    side_by_side(
        "voxelize, all its time over its multiply-adds", "a plain FMA loop in registers",
        lambda: voxelize(workload.batch, origin=workload.origin, threads=1),
        lambda: peak.append(loop.per_second()),
        cubes=256, multiply_adds=multiply_adds, peak=peak,
    )  # fmt: skip


@pytest.mark.parametrize(("calls", "how"), [(1, "from rest"), (10, "10 calls in a row")])
def test_two_threads_against_one(side_by_side, workload, calls: int, how: str) -> None:
    """The second core is woken up first, which takes time of its own."""

    def voxelize_on(threads: int) -> None:
        for _ in range(calls):
            voxelize(workload.batch, origin=workload.origin, threads=threads)

    side_by_side(
        f"voxelize on two threads, {how}", "voxelize on one",
        lambda: voxelize_on(2), lambda: voxelize_on(1), cubes=256 * calls, rounds=25,
    )  # fmt: skip


def test_backward_against_forward(side_by_side, workload) -> None:
    frac_coords = workload.batch.frac_coords.clone().requires_grad_()
    lattice = workload.batch.lattice.clone().requires_grad_()
    batch = workload.batch._replace(frac_coords=frac_coords, lattice=lattice)
    density = voxelize(batch, origin=workload.origin, threads=1)
    slope = torch.ones_like(density)
    side_by_side(
        "gradients of voxelize", "voxelize",
        lambda: torch.autograd.grad(density, (frac_coords, lattice), slope, retain_graph=True),
        lambda: voxelize(workload.batch, origin=workload.origin, threads=1),
        cubes=256,
    )  # fmt: skip
