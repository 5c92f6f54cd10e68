"""Wyckoff orbits: those found in crystals, and positions, steps and lattices that keep the symmetry."""

import itertools

import numpy as np
import pytest
import torch
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from crystalgrid import Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.geometry.lattices import from_parameters, parameters
from crystalgrid.geometry.orbit_finder import find_orbits
from crystalgrid.geometry.orbits import (
    Orbits,
    orbit_positions,
    shortest_free_steps,
    symmetrize_lattice,
    symmetrize_steps,
    to_float,
)
from crystalgrid.training.unit_cells import UnitCells, build_unit_cells
from padded_crystals import ATOMS, is_spread_out, number_of_space_group, symmetric_cells, to_crystals


@pytest.fixture(scope="module")
def cells(prototypes) -> UnitCells:
    return symmetric_cells(prototypes)


@pytest.fixture(scope="module")
def orbits(cells) -> Orbits:
    return to_float(cells.orbits)


def test_space_groups_are_those_that_spglib_finds(cells):
    crystals = to_crystals(from_parameters(cells.lattice_params), cells.frac_coords, cells.numbers)
    space_groups = cells.orbits.space_group.tolist()
    assert len(set(space_groups)) > 30
    by_spglib = [SpacegroupAnalyzer(crystal.to_pymatgen(), 0.01).get_space_group_number() for crystal in crystals]
    assert np.mean(np.equal(by_spglib, space_groups)) > 0.98  # a few are symmetric only to about the tolerance


def test_atoms_are_where_their_orbits_put_them(cells, orbits):
    off = (orbit_positions(orbits, cells.frac_coords) - cells.frac_coords) * (cells.numbers > 0).unsqueeze(2)
    off = (off - off.round()) @ from_parameters(cells.lattice_params)
    assert off.norm(dim=2).max() < 0.02
    assert off.norm(dim=2).quantile(0.9) < 2e-3
    symmetric = symmetrize_lattice(orbits, cells.lattice_params)
    torch.testing.assert_close(from_parameters(symmetric), from_parameters(cells.lattice_params), rtol=0, atol=0.02)


def test_any_free_points_and_lattice_parameters_make_crystals_of_that_symmetry(cells, orbits):
    generator = torch.Generator().manual_seed(0)
    free_points = torch.rand(cells.frac_coords.shape, generator=generator)
    params = cells.lattice_params + 0.05 * torch.randn(cells.lattice_params.shape, generator=generator)
    lattice = from_parameters(symmetrize_lattice(orbits, params))
    crystals = to_crystals(lattice, orbit_positions(orbits, free_points), cells.numbers)
    pairs = zip(crystals, cells.orbits.space_group.tolist(), strict=True)
    spread_out = [(crystal, expected) for crystal, expected in pairs if is_spread_out(crystal)]
    assert len(spread_out) > 100
    # By chance, or because only their positions break a higher symmetry, a few have more.
    assert np.mean([number_of_space_group(crystal) == expected for crystal, expected in spread_out]) > 0.95


def test_the_symmetric_part_of_a_symmetric_step_is_the_step(cells, orbits):
    steps = torch.randn(cells.frac_coords.shape, generator=torch.Generator().manual_seed(1))
    steps = symmetrize_steps(orbits, steps * (cells.numbers > 0).unsqueeze(2))
    torch.testing.assert_close(symmetrize_steps(orbits, steps), steps, rtol=0, atol=1e-5)
    assert (steps[cells.numbers == 0] == 0).all()
    moved = orbit_positions(orbits, cells.frac_coords + steps) - orbit_positions(orbits, cells.frac_coords)
    torch.testing.assert_close(moved, steps, rtol=0, atol=1e-5)
    assert steps.abs().amax(dim=(1, 2)).count_nonzero() > 50


def test_a_symmetric_lattice_stays_as_it_is(cells, orbits):
    noise = torch.randn(cells.lattice_params.shape, generator=torch.Generator().manual_seed(2))
    symmetric = symmetrize_lattice(orbits, cells.lattice_params + 0.1 * noise)
    torch.testing.assert_close(symmetrize_lattice(orbits, symmetric), symmetric, rtol=0, atol=1e-5)
    assert not torch.allclose(symmetric, cells.lattice_params, atol=1e-3)


def test_the_metric_is_averaged():
    """A nearly cubic lattice becomes cubic: its sides become their root mean square, its angles right angles."""
    bent = torch.tensor([[[4.0, 0, 0], [0.1, 4.2, 0], [0.2, -0.1, 3.9]]])
    crystals = CrystalSet.from_crystals([Crystal(4 * np.eye(3), np.zeros((1, 3)), [11])])
    cube = to_float(build_unit_cells(crystals, 1).orbits)
    side = float(bent.square().sum() / 3) ** 0.5
    torch.testing.assert_close(from_parameters(symmetrize_lattice(cube, parameters(bent))), side * torch.eye(3)[None])


def test_free_steps_are_the_shortest_that_keep_the_symmetry(cells, orbits):
    free_points = torch.rand(cells.frac_coords.shape, generator=torch.Generator().manual_seed(4))
    steps = orbit_positions(orbits, free_points) - orbit_positions(orbits, cells.frac_coords)
    shortest = shortest_free_steps(orbits, steps)
    translations = torch.tensor(list(itertools.product(range(-4, 5), repeat=3)), dtype=torch.float32)
    first = (orbits.orbit == torch.arange(ATOMS)) & (cells.numbers > 0)
    for affine, step, got in zip(orbits.affine[first], steps[first], shortest[first], strict=True):
        allowed = translations[((translations @ affine.T) - translations).abs().amax(1) < 1e-3]
        expected = (step + allowed).norm(dim=1).min()
        assert got.norm() == pytest.approx(float(expected), abs=1e-5)
        assert (got - step - (got - step).round()).abs().max() < 1e-5


def test_atoms_without_symmetry_move_freely():
    """One cell has no symmetry, the other no volume."""
    rng = np.random.default_rng(3)
    frac_coords = rng.random((4, 3))
    for lattice in (np.diag([3.0, 4, 5]) + 0.3 * rng.random((3, 3)), np.zeros((3, 3))):
        orbits = find_orbits(lattice, frac_coords, np.array([1, 8, 8, 26]))
        assert orbits.space_group == 1
        assert orbits.orbit.tolist() == [0, 1, 2, 3]
        np.testing.assert_array_equal(orbits.affine, np.broadcast_to(48 * np.eye(3), (4, 3, 3)))
        np.testing.assert_array_equal(orbits.metric_projector, 48 * np.eye(6))
