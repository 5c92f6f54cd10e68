"""Cubes: where they are cut, and that a random cube depends on its key alone."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from crystalgrid import Crystal, Grid, InputError
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.cubes import MODES, CubeDataset, canonical_cubes, cut, evaluation_cubes, fits
from crystalgrid.geometry.rotations import ever_fits, rotations, rotations_that_fit, uniform

GRID = Grid()
SMALL = Grid(n=6)


def keys(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(2**63, size=count, dtype=np.uint64)


def in_the_cube(cubes) -> torch.Tensor:
    """Return the positions p = R (x - origin) of all atoms in their cubes, [N, 3]."""
    batch = cubes.crystals
    cube = torch.repeat_interleave(torch.arange(batch.size), batch.offsets.diff())
    positions = torch.einsum("ni,nij->nj", batch.frac_coords, batch.lattice[cube])
    return torch.einsum("nij,nj->ni", cubes.rotation[cube], positions - cubes.origin[cube])


def test_uniform_numbers_are_uniform_and_depend_on_key_and_draw():
    drawn = uniform(keys(20000), 0)
    assert ((drawn >= 0) & (drawn < 1)).all()
    np.testing.assert_allclose(drawn.mean(0), 0.5, atol=0.01)
    np.testing.assert_allclose(drawn.var(0), 1 / 12, atol=0.003)
    np.testing.assert_allclose(np.corrcoef(drawn.T), np.eye(3), atol=0.03)
    np.testing.assert_array_equal(uniform(keys(10)[:, None], np.arange(4))[7, 3], uniform(keys(10)[7], 3))
    assert not np.isin(uniform(keys(10), 1), drawn).any()


def test_rotations_are_uniform_over_so3():
    drawn = rotations(uniform(keys(20000), 0))
    np.testing.assert_allclose(drawn @ drawn.transpose(0, 2, 1), np.broadcast_to(np.eye(3), drawn.shape), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(drawn), 1)
    np.testing.assert_allclose(drawn.mean(0), 0, atol=0.02)
    np.testing.assert_allclose((drawn**2).mean(0), 1 / 3, atol=0.02)
    # the angle of a uniform rotation has the density (1 - cos) / π
    angle = np.arccos(np.clip((np.trace(drawn, axis1=1, axis2=2) - 1) / 2, -1, 1))
    assert angle.mean() == pytest.approx(np.pi / 2 + 2 / np.pi, abs=0.02)


def test_single_mode_centres_and_keeps_every_atom_inside(prototypes):
    crystals = prototypes[fits(prototypes, GRID)]
    cubes = cut(crystals.batch(slice(None)), "single", GRID, keys(len(crystals)))
    positions = in_the_cube(cubes)
    assert positions.min() >= -1e-9
    assert positions.max() <= GRID.length + 1e-9
    mean = torch.segment_reduce(positions, "mean", lengths=cubes.crystals.offsets.diff(), axis=0)
    torch.testing.assert_close(mean, torch.full_like(mean, 5.0))
    assert not cubes.periodic


def test_single_mode_only_draws_again_what_is_outside():
    corners = np.array([[0, 0, 0], [0.99, 0.99, 0.99]])
    offsets = np.array([0, 2])
    for side, first_fits in ((3.0, True), (6.5, False)):
        atoms = (corners - corners.mean(0)) * side
        chosen = rotations_that_fit(np.tile(atoms, (500, 1)), np.arange(0, 1001, 2), 10.0, keys(500))
        first = rotations(uniform(keys(500), 0))
        outside = np.abs(first @ atoms[0]).max(axis=1) > 5
        assert outside.any() == (not first_fits)
        np.testing.assert_array_equal(chosen[~outside], first[~outside])
        assert (np.abs(chosen @ atoms[0]).max(axis=1) <= 5).all()
        assert ever_fits(atoms, offsets, 10.0).all()


def test_rotations_that_fit_are_uniform_over_those():
    atoms = np.array([[0, 0, 5.5], [0, 0, -5.5]])
    chosen = rotations_that_fit(np.tile(atoms, (4000, 1)), np.arange(0, 8001, 2), 10.0, keys(4000))
    every = rotations(uniform(keys(4000) + np.uint64(1), 0))
    every = every[np.abs(every[:, :, 2]).max(axis=1) <= 5 / 5.5]
    np.testing.assert_allclose((chosen**2).mean(0), (every**2).mean(0), atol=0.03)


def test_a_full_cell_fits_as_it_stands_and_a_long_one_never():
    corners = np.array([[x, y, z] for x in (-4.95, 4.95) for y in (-4.95, 4.95) for z in (-4.95, 4.95)])
    offsets = np.array([0, 8])
    assert ever_fits(corners, offsets, 10.0).all()
    assert np.isfinite(rotations_that_fit(corners, offsets, 10.0, keys(1))).all()
    long = np.array([[0, 0, 8.7], [0, 0, -8.7]])  # half the diagonal of the cube is 8.66 Å
    assert not ever_fits(long, np.array([0, 2]), 10.0).any()
    assert np.isnan(rotations_that_fit(long, np.array([0, 2]), 10.0, keys(1))).all()


def test_what_never_fits_is_refused_in_one_line():
    crystals = CrystalSet.from_crystals([Crystal(20 * np.eye(3), [[0, 0, 0], [0.9, 0.9, 0.9]], [3, 9])])
    with pytest.raises(InputError, match="crystals: 1 never fit in the cube of 10 Å"):
        cut(crystals.batch([0]), "single", GRID, keys(1))


def test_repeated_mode_origins_are_uniform_over_the_cell():
    lattice = np.array([[4.0, 0, 0], [2, 5, 0], [1, 1, 6]])
    crystals = CrystalSet.from_crystals([Crystal(lattice, [[0, 0, 0]], [3])])
    cubes = cut(crystals.batch([0] * 20000), "repeated", GRID, keys(20000))
    frac = cubes.origin.numpy() @ np.linalg.inv(lattice)
    assert frac.min() >= -1e-12
    assert frac.max() < 1 + 1e-12
    np.testing.assert_allclose(frac.mean(0), 0.5, atol=0.01)
    np.testing.assert_allclose(frac.var(0), 1 / 12, atol=0.003)
    assert cubes.rotation is None
    assert cubes.periodic


@pytest.mark.parametrize("mode", MODES)
def test_a_cube_depends_on_seed_epoch_and_index_alone(prototypes, mode):
    crystals = prototypes[fits(prototypes, GRID)]
    dataset = CubeDataset(crystals, mode, seed=5)
    whole = dataset.cubes(range(40)).origin
    assert torch.equal(dataset.cubes([33, 7]).origin, whole[[33, 7]])
    dataset.set_epoch(1)
    assert not torch.isclose(dataset.cubes(range(40)).origin, whole).all(1).any()
    dataset.set_epoch(0)
    assert torch.equal(dataset.cubes(range(40)).origin, whole)
    assert not torch.isclose(CubeDataset(crystals, mode, seed=6).cubes(range(40)).origin, whole).all(1).any()


@pytest.mark.parametrize("mode", MODES)
def test_dataset_in_a_loader_voxelises_on_the_fly(prototypes, mode):
    dataset = CubeDataset(prototypes[fits(prototypes, SMALL)][:8], mode, SMALL)
    [(density, species), _] = DataLoader(dataset, batch_size=4)
    cubes = dataset.cubes(range(4))
    assert torch.equal(density, cubes.density(SMALL))
    assert torch.equal(species, cubes.species(SMALL))
    assert density.dtype == torch.float32
    assert species.dtype == torch.uint8
    assert torch.equal(dataset[-5][0], density[3])


@pytest.mark.parametrize("mode", MODES)
def test_evaluation_cubes_are_fixed_three_per_crystal_in_turn(prototypes, mode):
    crystals = prototypes[fits(prototypes, GRID)][:40]
    batches, again = (evaluation_cubes(crystals, mode, GRID, seed=0) for _ in range(2))
    assert [cubes.crystals.size for cubes in batches] == [96, 24]
    origins = torch.cat([cubes.origin for cubes in batches])
    assert torch.equal(origins, torch.cat([cubes.origin for cubes in again]))
    assert len(origins.unique(dim=0)) == (81 if mode == "repeated" else 120)
    assert torch.equal(batches[1].crystals.lattice[3], torch.from_numpy(crystals.lattice[33]))
    if mode == "repeated":
        assert (origins[::3] == 0).all()
        assert (origins[1::3] != 0).any(1).all()
    assert not torch.equal(origins, torch.cat([c.origin for c in evaluation_cubes(crystals, mode, GRID, seed=1)]))


def test_mode_misspelt(prototypes):
    with pytest.raises(InputError, match="mode: wanted one of single, repeated, got 'both'"):
        CubeDataset(prototypes, "both")


def test_evaluation_cubes_are_not_those_of_training(prototypes):
    evaluation = torch.cat([cubes.origin for cubes in evaluation_cubes(prototypes[:10], "repeated", GRID, seed=0)])
    training = CubeDataset(prototypes, "repeated", seed=0)
    training.set_epoch(1)
    assert not torch.isclose(training.cubes(range(10)).origin, evaluation[1::3]).all(1).any()


def test_canonical_cubes_turn_only_what_does_not_fit(prototypes: CrystalSet) -> None:
    indices = np.arange(len(prototypes))[::7]
    _, origin, rotation, _ = canonical_cubes(prototypes, "repeated", GRID, indices)
    assert rotation is None
    assert torch.equal(origin, torch.full((len(indices), 3), -5.0, dtype=torch.float64))

    crystals = prototypes[fits(prototypes, GRID)][::7]
    cubes = canonical_cubes(crystals, "single", GRID, np.arange(len(crystals)))
    rotated = (cubes.rotation - torch.eye(3)).abs().amax((1, 2)) > 0
    positions = [crystal.positions - crystal.positions.mean(0) for crystal in crystals]
    reach = torch.tensor([np.abs(p).max() for p in positions])
    assert torch.equal(rotated, reach >= 5)
    assert 0 < rotated.sum() < len(crystals) / 2
    for p, o, r, crystal in zip(positions, cubes.origin, cubes.rotation, crystals, strict=True):
        assert np.abs(p @ r.numpy().T).max() < 5
        np.testing.assert_allclose((crystal.positions.mean(0) - o.numpy()) @ r.numpy().T, [5, 5, 5], atol=1e-9)
    again = canonical_cubes(crystals, "single", GRID, np.arange(len(crystals))[::-1].copy())
    assert torch.equal(again.rotation.flip(0), cubes.rotation)
