"""Symmetry: orbits and the freedom of their atoms, and draws that keep what symmetry their template has."""

import itertools

import numpy as np
import pytest
import torch
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from crystalgrid import Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.geometry.lattices import from_parameters, parameters
from crystalgrid.geometry.orbits import Sites, as_used, placed, shortest, symmetric, symmetric_sides
from crystalgrid.geometry.symmetry import orbits
from crystalgrid.nets.generators.cell_flow import CellPrior
from crystalgrid.nets.generators.templates import TEMPLATES
from crystalgrid.training.unit_cells import UnitCells, few_enough, unit_cells
from zoo import ZOO

ATOMS = 16


@pytest.fixture(scope="module")
def cells(prototypes) -> UnitCells:
    """Of prototypes, whose symmetry is of many kinds, and the zoo."""
    zoo = CrystalSet.from_crystals(ZOO.values(), ZOO)
    parts = [unit_cells(part[few_enough(part, ATOMS)], ATOMS) for part in (prototypes, zoo)]
    sites = Sites(*map(torch.cat, zip(*(part.sites for part in parts), strict=True)))
    return UnitCells(*map(torch.cat, list(zip(*(part[:-1] for part in parts), strict=True))), sites)


@pytest.fixture(scope="module")
def sites(cells) -> Sites:
    return as_used(cells.sites)


def crystals_of(lattice: torch.Tensor, places: torch.Tensor, numbers: torch.Tensor) -> list[Crystal]:
    parts = zip(lattice.double().numpy(), places.double().numpy(), numbers.numpy(), strict=True)
    return [Crystal(basis, at[z > 0], z[z > 0]) for basis, at, z in parts]


def group_of(crystal: Crystal, symprec: float = 0.01) -> int:
    return SpacegroupAnalyzer(crystal.to_pymatgen(), symprec).get_space_group_number()


def test_groups_are_those_that_spglib_finds(cells):
    crystals = crystals_of(from_parameters(cells.sides), cells.places, cells.numbers)
    assert len(set(cells.sites.group.tolist())) > 30
    same = [group_of(one) == group for one, group in zip(crystals, cells.sites.group.tolist(), strict=True)]
    assert np.mean(same) > 0.98  # a few are symmetric only to about the tolerance


def test_atoms_are_where_their_orbits_say(cells, sites):
    away = (placed(sites, cells.places) - cells.places) * (cells.numbers > 0).unsqueeze(2)
    away = (away - away.round()) @ from_parameters(cells.sides)
    assert away.norm(dim=2).max() < 0.02
    assert away.norm(dim=2).quantile(0.9) < 2e-3
    moved = symmetric_sides(sites, cells.sides)
    torch.testing.assert_close(from_parameters(moved), from_parameters(cells.sides), rtol=0, atol=0.02)


def test_any_free_points_and_sides_make_crystals_of_that_symmetry(cells, sites):
    generator = torch.Generator().manual_seed(0)
    free = torch.rand(cells.places.shape, generator=generator)
    sides = cells.sides + 0.05 * torch.randn(cells.sides.shape, generator=generator)
    crystals = crystals_of(from_parameters(symmetric_sides(sites, sides)), placed(sites, free), cells.numbers)
    apart = [one for one in zip(crystals, cells.sites.group.tolist(), strict=True) if is_apart(one[0])]
    assert len(apart) > 100
    # By chance, or because only their places break a higher symmetry, a few have more.
    assert np.mean([group_of(one) == group for one, group in apart]) > 0.95


def is_apart(crystal: Crystal) -> bool:
    return crystal.to_pymatgen().is_valid(0.3)


def test_the_symmetric_part_of_a_step_is_symmetric_and_of_a_symmetric_step_all(cells, sites):
    steps = torch.randn(cells.places.shape, generator=torch.Generator().manual_seed(1))
    steps = symmetric(sites, steps * (cells.numbers > 0).unsqueeze(2))
    torch.testing.assert_close(symmetric(sites, steps), steps, rtol=0, atol=1e-5)
    assert (steps[cells.numbers == 0] == 0).all()
    of_free = placed(sites, cells.places + steps) - placed(sites, cells.places)
    torch.testing.assert_close(of_free, steps, rtol=0, atol=1e-5)
    assert steps.abs().amax(dim=(1, 2)).count_nonzero() > 50


def test_sides_are_made_symmetric_once(cells, sites):
    once = symmetric_sides(sites, cells.sides + 0.1 * torch.randn(cells.sides.shape))
    torch.testing.assert_close(symmetric_sides(sites, once), once, rtol=0, atol=1e-5)
    assert not torch.allclose(once, cells.sides, atol=1e-3)


def test_parameters_of_metrics_that_symmetry_averages():
    """A cube, of a lattice that is nearly one: all sides the mean square, all angles right."""
    bent = torch.tensor([[[4.0, 0, 0], [0.1, 4.2, 0], [0.2, -0.1, 3.9]]])
    cube = as_used(unit_cells(CrystalSet.from_crystals([Crystal(4 * np.eye(3), [[0, 0, 0]], [11])]), 1).sites)
    side = float(bent.square().sum() / 3) ** 0.5
    torch.testing.assert_close(from_parameters(symmetric_sides(cube, parameters(bent))), side * torch.eye(3)[None])


def test_shortest_ways_are_the_shortest_that_keep_the_symmetry(cells, sites):
    ways = placed(sites, torch.rand(cells.places.shape)) - placed(sites, cells.places)
    found = shortest(sites, ways)
    steps = torch.tensor(list(itertools.product(range(-4, 5), repeat=3)), dtype=torch.float32)
    first = (sites.orbit == torch.arange(ATOMS)) & (cells.numbers > 0)
    for turn, way, got in zip(sites.turn[first], ways[first], found[first], strict=True):
        possible = steps[((steps @ turn.T) - steps).abs().amax(1) < 1e-3]
        wanted = (way + possible).norm(dim=1).min()
        assert got.norm() == pytest.approx(float(wanted), abs=1e-5)
        assert (got - way - (got - way).round()).abs().max() < 1e-5


def test_what_has_no_symmetry_or_none_that_can_be_told_moves_freely():
    rng = np.random.default_rng(3)
    places = rng.random((4, 3))
    for lattice in (np.diag([3.0, 4, 5]) + 0.3 * rng.random((3, 3)), np.zeros((3, 3))):
        found = orbits(lattice, places, np.array([1, 8, 8, 26]))
        assert found.group == 1
        assert found.orbit.tolist() == [0, 1, 2, 3]
        np.testing.assert_array_equal(found.turn, np.broadcast_to(48 * np.eye(3), (4, 3, 3)))
        np.testing.assert_array_equal(found.metric, 48 * np.eye(6))


@torch.no_grad()
def test_draws_have_the_symmetry_of_their_template_whatever_was_learned(cells):
    torch.manual_seed(0)
    flow = CellPrior(300, (32, 32), ATOMS).eval()
    flow.fit(cells.sides)
    kept = np.resize(np.random.default_rng(0).permutation(len(cells.sides)), TEMPLATES)
    some = cells.of(kept)
    flow.templates.fit(some.sites, some.kinds)
    noise = torch.randn(60, 300, generator=torch.Generator().manual_seed(5))
    groups = flow.templates(noise[:, 0])[0].group.tolist()
    drawn = crystals_of(*flow(noise))
    assert len(set(groups)) > 15
    apart = [one for one in zip(drawn, groups, strict=True) if is_apart(one[0])]
    assert len(apart) > 40
    assert np.mean([group_of(one) == group for one, group in apart]) > 0.9


def test_the_commonest_templates_come_first_and_all_are_kept(cells):
    flow = CellPrior(300, (32, 32), ATOMS)
    some = cells.of(np.resize([3, 3, 1, 3, 2, 2], TEMPLATES))
    flow.templates.fit(some.sites, some.kinds)
    groups = flow.templates.group.tolist()
    assert groups[0] == int(cells.sites.group[3])
    assert sorted(groups) == sorted(some.sites.group.tolist())
    assert (flow.templates(torch.zeros(1))[0].group == groups[0]).all()
    assert (flow.templates(torch.full((1,), 9.0))[0].group == groups[-1]).all()
