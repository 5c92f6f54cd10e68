"""Gradients of the density: they are those of finite differences over the zoo, compiled too, and can be used."""

import numpy as np
import pytest
import torch
from torch import Tensor

from crystalgrid import Grid, voxelize
from crystalgrid.crystal import CrystalBatch, pack
from zoo import PEROVSKITE, ZOO, random_origins, random_rotation

GRID = Grid(n=3, length=4.0)


def leaves(batch: CrystalBatch) -> tuple[Tensor, Tensor, Tensor]:
    """Return lattice, fractional coordinates and weights that require gradients."""
    weights = batch.numbers.to(torch.float64) / 10
    return tuple(tensor.clone().requires_grad_() for tensor in (batch.lattice, batch.frac_coords, weights))


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("name", [name for name in ZOO if name != "many atoms"])
def test_gradients_agree_with_finite_differences(name: str, periodic: bool, device: str) -> None:
    rng = np.random.default_rng(0)
    crystals = [ZOO[name], PEROVSKITE]
    batch, rotation = pack(crystals).to(device), torch.from_numpy(np.stack([random_rotation(rng) for _ in crystals]))
    origin, rotation = random_origins(rng, crystals).to(device), rotation.to(device)

    def density(lattice: Tensor, frac_coords: Tensor, weights: Tensor) -> Tensor:
        crystals = batch._replace(lattice=lattice, frac_coords=frac_coords)
        options = {"cutoff": 9.0, "dtype": torch.float64}  # far enough that no image's coming and going shows
        return voxelize(crystals, GRID, origin, rotation, periodic, weights=weights, **options)

    assert torch.autograd.gradcheck(
        density, leaves(batch), eps=1e-5, atol=1e-7, rtol=1e-5, nondet_tol=0, fast_mode=True
    )


@pytest.mark.parametrize("n", [7, 30])
def test_gradients_of_float32_agree_with_those_of_float64(n: int, device: str) -> None:
    crystals, rng, grid = list(ZOO.values()), np.random.default_rng(1), Grid(n=n)
    batch, origin = pack(crystals).to(device), random_origins(rng, crystals).to(device)
    slope = torch.from_numpy(rng.standard_normal((len(crystals), n, n, n))).to(device)
    gradients = []
    for dtype in (torch.float32, torch.float64):
        inputs = leaves(batch)
        crystal = batch._replace(lattice=inputs[0], frac_coords=inputs[1])
        density = voxelize(crystal, grid, origin, weights=inputs[2], dtype=dtype, accuracy=1e-6)
        gradients.append(torch.autograd.grad((density * slope.to(dtype)).sum(), inputs))
    for single, double in zip(*gradients, strict=True):
        assert single.dtype == torch.float64
        assert (single - double).abs().max() < 1e-5 * double.abs().max()


def test_any_thread_count_gives_the_same_gradients(device: str) -> None:
    batch = pack(list(ZOO.values())).to(device)
    gradients = []
    for threads in (1, 2, 5):
        inputs = leaves(batch)
        density = voxelize(
            batch._replace(lattice=inputs[0], frac_coords=inputs[1]), Grid(n=9), weights=inputs[2], threads=threads
        )
        gradients.append(torch.autograd.grad((density**2).sum(), inputs))
    for other in gradients[1:]:
        assert all(torch.equal(a, b) for a, b in zip(gradients[0], other, strict=True))


def test_only_what_requires_gradients_gets_them(device: str) -> None:
    batch = pack([PEROVSKITE]).to(device)
    frac_coords = batch.frac_coords.clone().requires_grad_()
    voxelize(batch._replace(frac_coords=frac_coords), GRID).sum().backward()
    assert frac_coords.grad.shape == frac_coords.shape
    assert not voxelize(batch, GRID).requires_grad


def test_the_op_keeps_the_rules_of_torch(device: str) -> None:
    batch = pack([ZOO["heavy and light"], ZOO["strongly oblique"]]).to(device)
    lattice, frac_coords, weights = leaves(batch)
    origin = torch.zeros(2, 3, dtype=torch.float64, device=device)
    for place in (origin, None):
        for float64 in (False, True):
            arguments = (
                lattice,
                frac_coords,
                weights,
                batch.offsets,
                place,
                None,
                4,
                5.0,
                1.0,
                True,
                1e-5,
                0.0,
                1,
                float64,
            )
            torch.library.opcheck(torch.ops.crystalgrid.voxelize.default, arguments)


def test_compiled_gradients_are_the_same(device: str) -> None:
    batch = pack([PEROVSKITE]).to(device)

    def loss(frac_coords: Tensor) -> Tensor:
        return (voxelize(batch._replace(frac_coords=frac_coords), GRID, threads=1) ** 2).mean()

    gradients = []
    for function in (loss, torch.compile(loss, backend="aot_eager", fullgraph=True)):
        frac_coords = batch.frac_coords.clone().requires_grad_()
        gradients.append(torch.autograd.grad(function(frac_coords), frac_coords)[0])
    assert torch.equal(*gradients)


def test_disturbed_atoms_are_fitted_back_to_a_density(device: str) -> None:
    """Positions that are off by 0.15 Å are found again from an exact density by L-BFGS on the squared error."""
    rng, grid = np.random.default_rng(2), Grid(n=12, length=5.0)
    batch = pack([PEROVSKITE]).to(device)
    expected = voxelize(batch, grid, dtype=torch.float64)
    direction = rng.standard_normal((5, 3))
    disturbed = 0.15 * direction / np.linalg.norm(direction, axis=1, keepdims=True) @ np.linalg.inv(PEROVSKITE.lattice)
    frac_coords = (batch.frac_coords + torch.from_numpy(disturbed).to(device)).requires_grad_()
    optimiser = torch.optim.LBFGS(
        [frac_coords], max_iter=200, tolerance_grad=1e-12, tolerance_change=1e-14, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimiser.zero_grad()
        density = voxelize(batch._replace(frac_coords=frac_coords), grid, dtype=torch.float64)
        value = ((density - expected) ** 2).sum()
        value.backward()
        return value

    optimiser.step(loss)
    off = (frac_coords.detach() - batch.frac_coords) @ batch.lattice[0]
    assert off.norm(dim=1).max() < 1e-3
