"""Recovery: crystals come back from one cube of theirs, also with disturbed atoms and wrong species."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from crystalgrid import Atoms, Crystal, Grid, InputError, find_atoms, label_species, recover, voxelize
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.cubes import evaluation_cubes
from crystalgrid.geometry.atom_pairs import pair_vectors, shortest_basis
from crystalgrid.geometry.structure_solution import PointAtoms, _jacobian, _residuals, structure_factors
from crystalgrid.report.metrics import true_atoms
from recovering import distance, found_in
from zoo import PEROVSKITE, ZOO, lattice_of, random_crystal, random_origins

REPEATED = [
    "cubic", "perovskite", "hexagonal", "face-centred", "left-handed", "2.5 Å cell", "rotated", "outside the cell",
]  # fmt: skip
"""The crystals of the zoo whose cells the cube holds more than once along all three lattice vectors."""


@pytest.mark.parametrize("name", REPEATED)
def test_crystals_come_back_from_a_cube(name: str) -> None:
    atoms, density = found_in([ZOO[name]])
    (from_atoms,), (fitted,) = recover(atoms), recover(atoms, density)
    assert from_atoms is not None
    assert fitted is not None
    assert from_atoms.explained > 0.95
    assert from_atoms.error is None
    assert distance(from_atoms.crystal, ZOO[name]) < 0.05
    assert distance(fitted.crystal, ZOO[name]) < 0.002
    assert fitted.error < 1e-3
    seen = voxelize([fitted.crystal])  # its origin is the cube's corner
    assert float((seen - density).norm() / density.norm()) == pytest.approx(fitted.error, abs=1e-3)


@pytest.mark.parametrize("lengths", [(3.3, 4.1, 9.3), (5.2, 6.1, 9.1), (8.7, 9.1, 9.2)])
def test_an_exact_density_shows_a_lattice_that_its_atoms_do_not(lengths: tuple[float, float, float]) -> None:
    sites = [[0, 0, 0], [0.4, 0.45, 0.2], [0.1, 0.6, 0.5], [0.55, 0.1, 0.75]]
    crystal = Crystal(lattice_of(*lengths, 85, 95, 100), sites, [38, 17, 8, 30])
    atoms, density = found_in([crystal])
    assert recover(atoms) == [None]
    (fitted,) = recover(atoms, density)
    assert distance(fitted.crystal, crystal) < 0.01
    assert fitted.error < 1e-3
    noise = torch.randn(density.shape, generator=torch.Generator().manual_seed(0))
    assert recover(atoms, density + 0.02 * density.mean() * noise) == [None]  # no longer exact


@pytest.mark.parametrize("name", [*REPEATED, "heavy and light"])
def test_an_exact_density_needs_no_atoms(name: str) -> None:
    """Atoms are recovered that no network would find, as hydrogen beside uranium."""
    none = torch.zeros(0, dtype=torch.int64)
    nothing = Atoms(torch.zeros(0, 3, dtype=torch.float64), none, torch.tensor([0, 0]), none)
    (found,) = recover(nothing, found_in([ZOO[name]])[1])
    assert distance(found.crystal, ZOO[name]) < 0.01
    assert found.explained == 0
    assert found.error < 1e-3


@pytest.mark.parametrize("density", [torch.zeros(30, 30, 30), torch.ones(30, 30, 30), -torch.ones(30, 30, 30)])
def test_a_density_without_structure_is_of_no_crystal(density: torch.Tensor) -> None:
    atoms, _ = found_in([PEROVSKITE])
    two_atoms = atoms._replace(
        positions=atoms.positions[:2], numbers=atoms.numbers[:2], offsets=torch.tensor([0, 2]), votes=atoms.votes[:2]
    )
    assert recover(two_atoms, density[None]) == [None]


def test_an_exact_density_corrects_atoms_that_are_wrong_or_missing() -> None:
    atoms, density = found_in([ZOO["hexagonal"]])
    kept = atoms.numbers != 8
    wrong = atoms._replace(
        positions=atoms.positions[kept] + 0.1,
        numbers=atoms.numbers[kept] + 2,
        offsets=torch.tensor([0, int(kept.sum())]),
        votes=atoms.votes[kept],
    )
    (found,) = recover(wrong, density)
    assert sorted(found.crystal.numbers.tolist()) == [8, 8, 30, 30]
    assert distance(found.crystal, ZOO["hexagonal"]) < 0.002


def test_residuals_and_their_jacobian_are_those_of_the_definition() -> None:
    crystal = ZOO["hexagonal"]
    factors = structure_factors(voxelize([crystal])[0], Grid())
    atoms = PointAtoms(crystal.positions - 5, crystal.numbers.astype(float))
    assert factors.total == pytest.approx(76, rel=1e-4)
    assert np.abs(_residuals(factors, atoms)).max() < 3e-4
    moved = PointAtoms(atoms.positions + 0.1, 1.1 * atoms.weights)
    before, jacobian = _residuals(factors, moved), _jacobian(factors, moved)
    for i in range(jacobian.shape[1]):
        step = 1e-6 * np.eye(jacobian.shape[1])[i]
        position, weight = step[: moved.positions.size].reshape(-1, 3), step[moved.positions.size :]
        after = _residuals(factors, PointAtoms(moved.positions + position, moved.weights + weight))
        np.testing.assert_allclose((after - before) / 1e-6, jacobian[:, i], atol=1e-5)


@pytest.mark.parametrize("seed", range(12))
def test_pair_vectors_are_translations_of_the_lattice(seed: int) -> None:
    """Each vector is a whole-number sum of the crystal's lattice vectors, and three of them are a basis."""
    rng = np.random.default_rng(seed)
    crystal = random_crystal(rng, 6, side=(3.0, 5.0))
    (cubes,) = evaluation_cubes(CrystalSet.from_crystals([crystal]), "repeated", Grid(), seed, per_crystal=1)
    (true,) = true_atoms(cubes, Grid())
    inside = true.depth(10.0) >= 0
    vectors, share = pair_vectors(true.positions[inside], true.numbers[inside], 10.0, tolerance=0)
    steps = vectors[share > 0.99] @ np.linalg.inv(crystal.lattice)
    assert np.abs(steps - np.rint(steps)).max() < 1e-6
    basis = shortest_basis(vectors[share > 0.99])
    assert basis is not None
    assert np.linalg.det(basis) == pytest.approx(abs(np.linalg.det(crystal.lattice)), rel=1e-6)


def disturbed(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    """Return atoms moved by 0.1 Å along each axis, without a tenth of them, and a tenth of another species."""
    kept = torch.from_numpy(rng.random(len(atoms.numbers)) > 0.1)
    wrong = torch.from_numpy((rng.random(len(atoms.numbers)) < 0.1) * rng.integers(1, 4, len(atoms.numbers)))
    positions = atoms.positions + 0.1 * torch.from_numpy(rng.standard_normal(atoms.positions.shape))
    count = int(kept.sum())
    return Atoms(positions[kept], (atoms.numbers + wrong)[kept], torch.tensor([0, count]), atoms.votes[kept])


@pytest.mark.parametrize("seed", range(4))
def test_from_disturbed_atoms_and_a_noisy_density(seed: int) -> None:
    rng = np.random.default_rng(seed)
    atoms, density = found_in([PEROVSKITE], seed)
    atoms = disturbed(atoms, rng)
    noisy = density + 0.01 * density.square().mean().sqrt() * torch.from_numpy(rng.standard_normal(density.shape))
    (found,) = recover(atoms, noisy.float())
    assert found is not None
    assert distance(found.crystal, PEROVSKITE) < 0.02
    assert len(found.crystal) == 5
    assert found.error == pytest.approx(0.01, rel=0.1)


def test_without_gradients_around_it_a_density_is_fitted_all_the_same() -> None:
    atoms, density = found_in([ZOO["cubic"]])
    with torch.inference_mode():
        (first,) = recover(*found_in([ZOO["cubic"]]))
    (again,) = recover(atoms, density)
    assert first is not None
    assert again is not None
    np.testing.assert_array_equal(first.crystal.lattice, again.crystal.lattice)


def test_factors_are_the_same_whatever_other_threads_solve() -> None:
    _, densities = found_in(8 * [ZOO["cubic"], ZOO["hexagonal"], ZOO["rotated"]])
    alone = [structure_factors(density, Grid()) for density in densities]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda density: structure_factors(density, Grid()), densities))
    assert sum(factors is not None for factors in alone) >= 16
    for first, other in zip(alone, together, strict=True):
        assert (first is None) == (other is None)
        if first is not None:
            np.testing.assert_array_equal(first.values, other.values)


def test_the_density_corrects_species() -> None:
    """If all labels of a site are the next element, atoms alone give that element, the density the true one."""
    atoms, density = found_in([PEROVSKITE])
    wrong = atoms._replace(numbers=torch.where(atoms.numbers == 22, 23, atoms.numbers))
    (from_atoms,), (fitted,) = recover(wrong), recover(wrong, density)
    assert sorted(from_atoms.crystal.numbers.tolist()) == [8, 8, 8, 23, 38]
    assert sorted(fitted.crystal.numbers.tolist()) == [8, 8, 8, 22, 38]


def test_the_cell_is_as_small_as_the_density_says() -> None:
    """Species that alternate by one element stay in a true double cell, and not where labels are wrong."""
    cubic, double = 3.8 * np.eye(3), 3.8 * np.diag([1.0, 1.0, 2.0])
    single = Crystal(cubic, [[0, 0, 0], [0.5, 0.5, 0.5]], [55, 17])
    ordered = Crystal(double, [[0, 0, 0], [0.5, 0.5, 0.25], [0, 0, 0.5], [0.5, 0.5, 0.75]], [55, 17, 56, 17])
    labels, truth = found_in([ordered])
    of_single = voxelize([single], origin=random_origins(np.random.default_rng(0), [ordered]))
    assert len(recover(labels)[0].crystal) == 4
    assert len(recover(labels, truth)[0].crystal) == 4
    assert distance(recover(labels, truth)[0].crystal, ordered) < 0.01
    assert len(recover(labels, of_single)[0].crystal) == 2


def test_without_a_lattice_there_is_no_crystal() -> None:
    rng = np.random.default_rng(0)
    gas = Crystal(10 * np.eye(3), rng.random((40, 3)), rng.integers(1, 95, 40))
    cubes = [gas, Crystal(10 * np.eye(3), [[0.5, 0.5, 0.5]], [26])]
    density = voxelize(cubes, periodic=False)
    atoms = find_atoms(label_species(cubes, periodic=False), density)
    assert recover(atoms, density) == [None, None]
    nothing = find_atoms(torch.zeros(1, 30, 30, 30, dtype=torch.uint8))
    assert recover(nothing) == [None]
    assert recover(nothing._replace(offsets=torch.tensor([0]))) == []


def test_real_crystals_come_back(real_crystals) -> None:
    """Nine in ten crystals come back; of the others, the cube holds too few periodic images."""
    chosen = real_crystals.split("val")[::300][:40]
    found, same = [], 0
    for cubes in evaluation_cubes(chosen, "repeated", Grid(), seed=0, per_crystal=1):
        density = cubes.density(Grid())
        found += recover(find_atoms(cubes.species(Grid()), density), density)
    for recovered, expected in zip(found, chosen, strict=True):
        same += recovered is not None and distance(recovered.crystal, expected) < 0.05
    assert same >= 0.9 * len(chosen)


BAD = {
    "grid: wanted a Grid, got int": {"grid": 30},
    "atoms: wanted Atoms, got list": {"atoms": []},
    "density: wanted a tensor, got": {"density": 1.0},
    "density: wanted shape (1, 30, 30, 30), got (2, 30, 30, 30)": {"density": torch.zeros(2, 30, 30, 30)},
    "density: wanted finite values": {"density": torch.full((1, 30, 30, 30), torch.nan)},
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input_ends_in_one_clear_line(message: str) -> None:
    atoms, density = found_in([PEROVSKITE])
    with pytest.raises(InputError) as error:
        recover(**({"atoms": atoms, "density": density} | BAD[message]))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
