"""Refined atoms: as from the covariance written out, within 0.1 Å, and where atoms are wrong, missing or outside."""

import numpy as np
import pytest
import torch

import reference
from crystalgrid import Atoms, Crystal, Grid, InputError, find_atoms, fit, fit_atoms, label_species, voxelize
from crystalgrid.data.crystalset import CrystalSet
from round_trip import round_trip
from zoo import PEROVSKITE, ZOO, random_origins

CLOSE = 1e-8
"""Å; sums in another order."""


def one_cube(positions: np.ndarray, numbers: np.ndarray, device: str = "cpu") -> Atoms:
    size = len(numbers)
    return Atoms(
        torch.from_numpy(positions).to(device),
        torch.as_tensor(numbers, device=device),
        torch.tensor([0, size], device=device),
        torch.ones(size, dtype=torch.int64, device=device),
    )


def molecule(positions: np.ndarray, numbers: np.ndarray) -> torch.Tensor:
    """Return the density [1, 30, 30, 30] of atoms without periodic images."""
    return voxelize([Crystal(10 * np.eye(3), positions / 10, numbers)], periodic=False)


def aside(rng: np.random.Generator, positions: np.ndarray, by: float) -> np.ndarray:
    """Return positions, each moved by the same distance in Å in a random direction."""
    direction = rng.standard_normal(positions.shape)
    return positions + by * direction / np.linalg.norm(direction, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def zoo() -> tuple[torch.Tensor, torch.Tensor, Atoms]:
    """Return origins, densities and found atoms of the zoo."""
    crystals = list(ZOO.values())
    origin = random_origins(np.random.default_rng(0), crystals)
    density = voxelize(crystals, origin=origin)
    return origin, density, find_atoms(label_species(crystals, origin=origin), density)


@pytest.mark.parametrize("grid", [Grid(n=7, length=3.5), Grid(n=8, length=4.0, sigma=0.8)], ids=str)
def test_agrees_with_the_covariance_written_out(grid: Grid, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "ERRORS", reference.FIT_ERRORS)
    rng = np.random.default_rng(1)
    for _ in range(5):
        true = np.concatenate([rng.uniform(0.3, grid.length - 0.3, (4, 3)), rng.uniform(-1.5, -0.5, (2, 3))])
        numbers = rng.integers(1, 95, 6)
        density = reference.voxelize(Crystal(np.eye(3), true, numbers), grid, np.zeros(3), periodic=False)
        found = aside(rng, true[:4], 0.05)
        atoms = fit_atoms(one_cube(found, numbers[:4], device), torch.from_numpy(density[None]).to(device), grid)
        expected = reference.fit_atoms(found, numbers[:4], density, grid)
        assert atoms.positions.cpu().numpy() == pytest.approx(expected, abs=1e-5)
        assert np.abs(expected - found).max() > 1e-3


def test_a_disturbed_perovskite_comes_back(device: str) -> None:
    true = 3 + PEROVSKITE.frac_coords @ PEROVSKITE.lattice
    density = molecule(true, PEROVSKITE.numbers).to(device)
    found = one_cube(aside(np.random.default_rng(2), true, 0.05), PEROVSKITE.numbers, device)
    assert fit_atoms(found, density).positions.cpu().numpy() == pytest.approx(true, abs=1e-3)


def assert_within_a_tenth(errors: np.ndarray) -> None:
    assert len(errors) > 2000
    assert errors.max() < 0.1
    assert np.median(errors) < 0.003  # of labels alone 0.037


def test_round_trip_of_prototypes(prototypes: CrystalSet, device: str) -> None:
    assert_within_a_tenth(round_trip(prototypes[np.arange(0, len(prototypes), 2)], device, fit=True)[0])


def test_round_trip_of_real_crystals(real_crystals: CrystalSet, device: str) -> None:
    chosen = np.random.default_rng(7).choice(len(real_crystals), 200, replace=False)
    assert_within_a_tenth(round_trip(real_crystals[chosen], device, fit=True)[0])


def test_zoo_is_not_worse_than_its_labels(zoo: tuple, device: str) -> None:
    origin, density, found = zoo
    fitted = fit_atoms(Atoms(*(part.to(device) for part in found)), density.to(device))
    better = []
    for b, crystal in enumerate(ZOO.values()):
        true, _ = reference.images(crystal, 10.0, origin[b].numpy(), np.eye(3), 2.0)
        if len(found.cube(b)[0]) == 0:
            continue
        before, after = (np.linalg.norm(a.cube(b)[0][:, None] - true, axis=2).min(axis=1) for a in (found, fitted))
        whole = (np.abs(found.cube(b)[0] - 5) <= 4).all(axis=1) & (before < 0.11)
        assert (after < 0.11)[whole].all()
        better.append(after[whole] < before[whole] + CLOSE)
    assert np.concatenate(better).mean() > 0.9


def test_each_cube_by_itself_in_any_order_of_atoms(zoo: tuple, device: str) -> None:
    _, density, found = zoo
    everything = fit_atoms(found, density)
    assert all(torch.equal(a, b) for a, b in zip(everything[1:], found[1:], strict=True))
    for b in range(len(density)):
        positions, numbers = found.cube(b)
        order = np.random.default_rng(b).permutation(len(numbers))
        alone = fit_atoms(one_cube(positions[order], numbers[order], device), density[b : b + 1].to(device))
        assert alone.positions.cpu().numpy() == pytest.approx(everything.cube(b)[0][order], abs=CLOSE)


def test_an_atom_outside_does_not_pull(device: str) -> None:
    """A face cuts a perovskite, so that its heaviest atom has no labels."""
    true = np.array([8.6, 3, 3]) + PEROVSKITE.frac_coords @ PEROVSKITE.lattice
    density, inside = molecule(true, PEROVSKITE.numbers).to(device), true[:, 0] < 10
    found = one_cube(aside(np.random.default_rng(3), true[inside], 0.05), PEROVSKITE.numbers[inside], device)
    fitted = fit_atoms(found, density).positions.cpu().numpy()
    assert np.linalg.norm(fitted - true[inside], axis=1).max() < 0.02


@pytest.mark.parametrize("wrong", ["number", "missing", "other crystal"])
def test_where_the_model_is_wrong_atoms_stay(wrong: str, device: str) -> None:
    rng = np.random.default_rng(4)
    true, numbers = 3 + PEROVSKITE.frac_coords @ PEROVSKITE.lattice, PEROVSKITE.numbers.copy()
    density = molecule(true, numbers)
    if wrong == "number":
        numbers[0] = 56
    elif wrong == "missing":
        true, numbers = true[1:], numbers[1:]
    else:
        density = molecule(rng.uniform(0, 10, (40, 3)), rng.integers(1, 95, 40))
    found = aside(rng, true, 0.03)
    fitted = fit_atoms(one_cube(found, numbers, device), density.to(device)).positions.cpu().numpy()
    assert np.linalg.norm(fitted - found, axis=1).max() < 0.107


def test_nothing_to_fit(device: str) -> None:
    empty = one_cube(np.zeros((0, 3)), np.zeros(0, dtype=np.int64), device)
    assert fit_atoms(empty, torch.zeros(1, 30, 30, 30, device=device)).positions.shape == (0, 3)
    no_cubes = empty._replace(offsets=empty.offsets[:1])
    assert fit_atoms(no_cubes, torch.zeros(0, 30, 30, 30, device=device)).positions.shape == (0, 3)
    atom = one_cube(np.full((1, 3), 5.0), np.array([6]), device)
    assert torch.equal(fit_atoms(atom, torch.zeros(1, 30, 30, 30, device=device)).positions, atom.positions)


ONE, DENSITY = one_cube(np.full((1, 3), 5.0), np.array([6])), torch.zeros(1, 30, 30, 30)
BAD_INPUT = {
    "grid: wanted a Grid, got int": {"grid": 30},
    "atoms: wanted Atoms, got tuple": {"atoms": tuple(ONE)},
    "density: wanted a tensor, got ndarray": {"density": DENSITY.numpy()},
    "density: wanted shape (1, 30, 30, 30), got (30, 30, 30)": {"density": DENSITY[0]},
    "density: wanted finite values, got NaN or infinity": {"density": DENSITY / 0},
    "positions: wanted shape (1, 3), got (1, 2)": {"atoms": ONE._replace(positions=ONE.positions[:, :2])},
    "positions: wanted finite values": {"atoms": ONE._replace(positions=ONE.positions / 0)},
    "offsets: wanted ascending from 0 to 1, got [0, 0]": {"atoms": ONE._replace(offsets=torch.tensor([0, 0]))},
    "numbers: wanted 1 to 94, got 0 to 0": {"atoms": ONE._replace(numbers=ONE.numbers * 0)},
}


@pytest.mark.parametrize("message", BAD_INPUT)
def test_bad_input_ends_in_one_clear_line(message: str) -> None:
    with pytest.raises(InputError) as caught:
        fit_atoms(**{"atoms": ONE, "density": DENSITY} | BAD_INPUT[message])
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
