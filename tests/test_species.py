"""Species labels: they follow from all distances, and from the rules for spheres, ties and faces."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import reference
from crystalgrid import Crystal, Grid, InputError, label_species
from crystalgrid.crystal import pack
from zoo import PEROVSKITE, ZOO, lattice_of, random_crystal, random_origins, random_rotation

GRID = Grid(n=15)


def on_device(
    device: str, crystals: list[Crystal], grid: Grid = GRID, origin=None, rotation=None, **options
) -> np.ndarray:
    """Return `label_species` of crystals on a device, as a NumPy array."""
    origin, rotation = (None if t is None else torch.as_tensor(np.asarray(t)).to(device) for t in (origin, rotation))
    return label_species(pack(crystals).to(device), grid, origin, rotation, **options).cpu().numpy()


def far_apart(*atoms: tuple[float, float, float, int]) -> Crystal:
    """Return atoms at x, y, z Å with number Z in a cell of 50 Å."""
    return Crystal(50 * np.eye(3), np.array([atom[:3] for atom in atoms]) / 50, [atom[3] for atom in atoms])


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("name", ZOO)
def test_zoo_agrees_with_all_distances(name: str, periodic: bool, device: str) -> None:
    crystal, rng = ZOO[name], np.random.default_rng(1)
    rotation = random_rotation(rng)
    origin = crystal.positions[0] - rng.uniform(2, 8, 3) @ rotation
    for radius in (0.5, 1.1):
        expected, unsure = reference.label_species(crystal, GRID, origin, rotation, periodic, radius)
        found = on_device(device, [crystal], GRID, origin[None], rotation[None], periodic=periodic, radius=radius)[0]
        assert np.array_equal(found[~unsure], expected[~unsure])
        assert (expected > 0).any()
        assert unsure.mean() < 0.01


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.integers(1, 20), st.integers(1, 20))
def test_random_crystals_agree_with_all_distances(seed: int, atoms: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    crystal, rotation, grid = random_crystal(rng, atoms), random_rotation(rng), Grid(n=n, length=6.0)
    origin = rng.uniform(-9, 9, 3)
    expected, unsure = reference.label_species(crystal, grid, origin, rotation)
    found = on_device("cpu", [crystal], grid, origin[None], rotation[None])[0]
    assert np.array_equal(found[~unsure], expected[~unsure])


def test_real_crystals_agree_with_all_distances(prototypes, device: str) -> None:
    rng = np.random.default_rng(2)
    crystals = [prototypes[int(i)] for i in rng.choice(len(prototypes), 20, replace=False)]
    origins, grid = random_origins(rng, crystals).numpy(), Grid(n=20)
    for found, crystal, origin in zip(on_device(device, crystals, grid, origins), crystals, origins, strict=True):
        expected, unsure = reference.label_species(crystal, grid, origin)
        assert np.array_equal(found[~unsure], expected[~unsure])


def test_ball_is_the_voxels_within_the_radius(device: str) -> None:
    grid = Grid(n=10, length=2.5)  # voxels 0.25 Å apart: centres at exactly 0.5 Å from the atom count as inside
    labels = on_device(device, [far_apart((1.125, 1.125, 1.125, 17))], grid)[0]
    distance = np.linalg.norm(reference.voxel_centres(grid) - 1.125, axis=1).reshape(10, 10, 10)
    assert np.array_equal(labels > 0, distance <= 0.5 + 1e-12)
    assert set(np.unique(labels)) == {0, 17}
    assert labels[4, 4, 6] == labels[2, 4, 4] == 17


def test_nearest_atom_wins_and_of_equals_the_smaller_number(device: str) -> None:
    grid = Grid(n=8, length=2.0)  # the plane of voxel centres at x = 0.875 Å lies half way between the two
    for first, second in ((8, 1), (1, 8)):
        labels = on_device(device, [far_apart((0.575, 0.875, 0.875, first), (1.175, 0.875, 0.875, second))], grid)[0]
        assert labels[3, 3, 3] == 1
        assert set(np.unique(labels[:3])) == {0, first}
        assert set(np.unique(labels[4:])) == {0, second}


@pytest.mark.parametrize("numbers", [(8, 1), (1, 8)])
def test_of_atoms_on_the_centre_of_a_voxel_the_smaller_number_wins(numbers: tuple[int, int], device: str) -> None:
    at = 3.5 * 10 / GRID.n
    labels = on_device(device, [far_apart(*((at, at, at, z) for z in numbers))], radius=0.3, periodic=False)
    assert labels[0, 3, 3, 3] == 1


def test_atoms_just_outside_label_voxels_inside(device: str) -> None:
    labels = on_device(device, [far_apart((-0.2, 5, 5, 6), (10.2, 5, 5, 7), (5, 5, -0.6, 8))], Grid())[0]
    assert set(np.unique(labels)) == {0, 6, 7}
    assert set(np.unique(labels[0])) == {0, 6}
    assert set(np.unique(labels[-1])) == {0, 7}


def test_any_thread_count_gives_the_same_labels(device: str) -> None:
    crystals = list(ZOO.values()) * 3
    origins = random_origins(np.random.default_rng(3), crystals).numpy()
    alone = on_device(device, crystals, origin=origins, threads=1)
    for threads in (2, 5, None):
        assert np.array_equal(on_device(device, crystals, origin=origins, threads=threads), alone)
    assert np.array_equal(on_device(device, crystals[3:4], origin=origins[3:4])[0], alone[3])


def test_shape_and_type(device: str) -> None:
    assert on_device(device, []).shape == (0, 15, 15, 15)
    assert on_device(device, [PEROVSKITE], Grid(n=1)).shape == (1, 1, 1, 1)
    assert on_device(device, [PEROVSKITE]).dtype == np.uint8


@pytest.mark.parametrize("radius", [0, -0.5, float("nan"), float("inf"), "0.5"])
def test_bad_radius_is_refused(radius: object) -> None:
    with pytest.raises(InputError, match="radius: wanted a positive number"):
        label_species([PEROVSKITE], radius=radius)


def test_bad_shapes_are_refused() -> None:
    with pytest.raises(InputError, match=r"origin: wanted shape \(1, 3\), got \(2, 3\)"):
        label_species([PEROVSKITE], origin=torch.zeros(2, 3))
    with pytest.raises(InputError, match="threads: wanted a whole number"):
        label_species([PEROVSKITE], threads=-1)
    with pytest.raises(InputError, match="periodic: wanted True or False, got 'no'"):
        label_species([PEROVSKITE], periodic="no")


def test_dense_cell_is_labelled_everywhere(device: str) -> None:
    crystal = Crystal(lattice_of(0.5, 0.5, 0.5, 90, 90, 90), [[0, 0, 0]], [2])
    assert (on_device(device, [crystal]) == 2).all()
