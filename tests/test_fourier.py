"""Density as a Fourier series: the same numbers as the sum over images, wherever the core takes the series."""

import itertools

import numpy as np
import pytest
import torch

import reference
from crystalgrid import Crystal, Grid, _core, voxelize
from crystalgrid.crystal import CrystalBatch, pack
from zoo import PEROVSKITE, ZOO, lattice_of, random_crystal, random_origins, random_rotation

AXES = [np.eye(3)[list(order)] for order in itertools.permutations(range(3))]
BY_SERIES = [
    "cubic", "hexagonal", "strongly oblique", "face-centred", "left-handed", "2.5 Å cell", "heavy and light",
    "many atoms",
]  # fmt: skip


def summed_by_series(batch: CrystalBatch, grid: Grid, rotation: torch.Tensor | None = None) -> list[bool]:
    """Return for each crystal whether the core takes the Fourier series."""
    _, cutoffs = torch.ops.crystalgrid.voxelize(
        batch.lattice, batch.frac_coords, batch.numbers.double(), batch.offsets, None, rotation,
        grid.n, grid.length, grid.sigma, True, 1e-5, 0.0, 0, False,
    )  # fmt: skip
    return torch.isinf(cutoffs).tolist()


@pytest.mark.parametrize("name", BY_SERIES)
def test_any_order_of_axes_agrees_with_float64(name: str) -> None:
    """The cube's axes permuted and mirrored, the lattice's vectors permuted: each finds its axes."""
    rng, grid, crystal = np.random.default_rng(0), Grid(), ZOO[name]
    rotations = torch.from_numpy(np.stack([sign * axes for axes in AXES for sign in (1, -1)]))
    orders = [list(order) for order in itertools.permutations(range(3))] * 2
    crystals = [Crystal(crystal.lattice[o], crystal.frac_coords[:, o], crystal.numbers) for o in orders]
    origins = random_origins(rng, crystals) * 3
    assert all(summed_by_series(pack(crystals), grid, rotations))
    expected = voxelize(crystals, grid, origins, rotations, dtype=torch.float64, accuracy=1e-8)
    for accuracy in (1e-4, 1e-5, 1e-6):
        found = voxelize(crystals, grid, origins, rotations, accuracy=accuracy)
        error = (found - expected).abs().amax((1, 2, 3)) / expected.amax((1, 2, 3))
        assert error.max() < accuracy + 5e-7
        assert found.min() >= 0


@pytest.mark.parametrize("n", [16, 17, 24, 33, 48])
def test_any_number_of_voxels_agrees_with_the_direct_sum(n: int) -> None:
    grid, origin = Grid(n=n, length=9.0), np.array([[0.3, -7, 12]])
    assert summed_by_series(pack([PEROVSKITE]), grid) == [True]
    found, expected = voxelize([PEROVSKITE], grid, origin), reference.voxelize(PEROVSKITE, grid, origin[0])
    assert np.abs(found[0].numpy() - expected).max() < 1e-5 * expected.max()


@pytest.mark.parametrize(("length", "sigma"), [(10.0, 0.7), (30.0, 1.5), (2.0, 1.0), (10.0, 4.0)])
def test_any_length_and_width_agrees_with_float64(length: float, sigma: float) -> None:
    grid, batch = Grid(n=20, length=length, sigma=sigma), pack([PEROVSKITE, ZOO["hexagonal"]])
    assert all(summed_by_series(batch, grid))
    expected = voxelize(batch, grid, dtype=torch.float64, accuracy=1e-8)
    assert ((voxelize(batch, grid) - expected).abs().amax((1, 2, 3)) < 1e-5 * expected.amax((1, 2, 3))).all()


def test_images_are_summed_where_the_series_does_not_serve() -> None:
    rng = np.random.default_rng(1)
    sparse = Crystal(lattice_of(9.9, 9.9, 9.9, 90, 90, 90), [[0.1, 0.2, 0.3]], [3])
    assert summed_by_series(pack([ZOO["rotated"], random_crystal(rng, 4), sparse]), Grid()) == [False] * 3
    oblique = Crystal(np.array([[3.0, 0, 2000], [0, 4, 0], [0, 0, 5]]), [[0.1, 0.2, 0.3]], [30])
    assert summed_by_series(pack([oblique, PEROVSKITE]), Grid(n=16)) == [False, True]
    assert summed_by_series(pack([PEROVSKITE]), Grid(n=12)) == [False]
    turned = torch.from_numpy(random_rotation(rng))[None]
    assert summed_by_series(pack([PEROVSKITE]), Grid(), turned) == [False]


def test_voids_are_as_accurate_as_the_rest() -> None:
    """Far from all atoms the modes cancel down to their rounding, which is then no longer small."""
    layers = [[0.5 * (i % 2), 0.5 * (i % 2), 0.025 * i] for i in range(12)]
    slab = Crystal(lattice_of(3, 3, 20, 90, 90, 90), layers, [79] * 12)
    grid, origin = Grid(n=40, length=4.0), torch.tensor([[0.0, 0, 10.5], [0, 0, 0]])
    assert summed_by_series(pack([slab]), grid) == [True]
    found = voxelize([slab] * 2, grid, origin)
    expected = voxelize([slab] * 2, grid, origin, dtype=torch.float64, accuracy=1e-8)
    assert expected[0].max() < 1e-3 * expected[1].max()
    assert ((found - expected).abs().amax((1, 2, 3)) < 1e-5 * expected.amax((1, 2, 3))).all()


def test_weights_of_any_sign() -> None:
    rng, batch = np.random.default_rng(2), pack([ZOO["cubic"]])
    weights = torch.from_numpy(rng.uniform(-3, 3, len(ZOO["cubic"])))
    found = voxelize(batch, weights=weights)
    expected = voxelize(batch, weights=weights, dtype=torch.float64, accuracy=1e-8)
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()
    assert found.min() < 0


@pytest.mark.parametrize("isa", ["automatic", "baseline", "avx2", "avx512"])
def test_gradients_agree_with_float64_on_every_instruction_set(isa: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng, crystals = np.random.default_rng(3), [ZOO[name] for name in BY_SERIES]
    rotation = torch.from_numpy(np.stack([AXES[i % 6] * (-1) ** i for i in range(len(crystals))]))
    batch, origin, grid = pack(crystals), random_origins(rng, crystals), Grid()
    assert all(summed_by_series(batch, grid, rotation))
    slope = torch.from_numpy(rng.standard_normal((len(crystals), 30, 30, 30)))
    monkeypatch.setattr(_core.Isa, "automatic", getattr(_core.Isa, isa))

    def gradients(dtype: torch.dtype) -> tuple[torch.Tensor, ...]:
        inputs = [t.clone().requires_grad_() for t in (batch.lattice, batch.frac_coords, batch.numbers.double())]
        crystals = batch._replace(lattice=inputs[0], frac_coords=inputs[1])
        density = voxelize(crystals, grid, origin, rotation, weights=inputs[2], dtype=dtype)
        return torch.autograd.grad((density * slope.to(dtype)).sum(), inputs)

    try:
        found, expected = gradients(torch.float32), gradients(torch.float64)
    except ValueError as error:
        pytest.skip(str(error))
    for f, w in zip(found, expected, strict=True):
        assert (f - w).abs().max() < 2e-5 * w.abs().max()
