"""Known crystals that are equally near: a type with its elements has the geometry of each."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

import crystalgrid as cg
from crystalgrid.crystal import Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.parquet import write_parquet
from crystalgrid.generation.conditions import read_conditions
from crystalgrid.generation.crystal_model import CrystalModel
from crystalgrid.nets.generators.crystal_geometry import Geometry
from crystalgrid.nets.generators.distinct_geometries import MILLER_INDICES, marks_of
from crystalgrid.nets.generators.dressed_types import Dressed, from_rows, joined, trimmed, with_tie_break
from crystalgrid.worth.relaxing import same
from reference_generators import apportioned, equally_near, structure_factor_size
from small_crystal_generator import train_small

pytestmark = pytest.mark.usefixtures("no_gpu")
FREE = [0.1, 0.135, 0.17, 0.205, 0.24]


def tetragonal(x: float, numbers: list[int]) -> Crystal:
    """Return atoms on position 4f of P4₂/mnm, and if there are six, two more on 2a."""
    points = [[x, x, 0], [-x, -x, 0], [0.5 - x, 0.5 + x, 0.5], [0.5 + x, 0.5 - x, 0.5], [0, 0, 0], [0.5, 0.5, 0.5]]
    return Crystal(np.diag([5, 5, 4 + x]), points[: len(numbers)], numbers)


@pytest.fixture(scope="module")
def crystals() -> list[Crystal]:
    """Return crystals of carbon and silicon with ties, and oxides of two metals."""
    pure = [tetragonal(x, [z] * 4) for z in (6, 14) for x in FREE]
    return pure + [tetragonal(x, [8] * 4 + [z] * 2) for z in (22, 40) for x in (0.29, 0.31)]


@pytest.fixture(scope="module")
def model(made_once, crystals) -> CrystalModel:
    """Return a generator that was trained on these crystals for a moment."""

    def make(folder: Path) -> None:
        both = CrystalSet.from_crystals([*crystals, *crystals[:1]])
        splits = np.array(["train"] * len(crystals) + ["val"])
        write_parquet(folder / "ties.parquet", both.with_splits(splits))
        train_small(folder / "run", folder / "ties.parquet", 2)

    return cg.load(made_once("ties", make) / "run")


def candidates(model: CrystalModel, formula: str) -> Dressed:
    """Return the candidates for a formula."""
    plan = model.plan(read_conditions({"formula": formula, "structures": "known"}))
    return from_rows(plan, model.network.orbits, model.network.most_slots)


@torch.inference_mode()
@pytest.mark.parametrize(("formula", "most"), [("C", 5), ("TiO2", 2), ("SiO2", 2)])
def test_a_tie_is_any_of_the_crystals_that_are_nearest(model, formula: str, most: int) -> None:
    dressed = candidates(model, formula)
    slow = equally_near(model.network.types, dressed)
    assert max(len(rows) for _, rows in slow) == most
    for tie_break in np.linspace(0, 1, 11):
        ties = torch.full_like(dressed.tie_break, float(tie_break))
        relative, distance, number = model.network.nearest_known(with_tie_break(dressed, ties))
        assert distance.tolist() == pytest.approx([least for least, _ in slow])
        assert number.tolist() == [len(rows) for _, rows in slow]
        assert relative.tolist() == [rows[min(int(tie_break * len(rows)), len(rows) - 1)] for _, rows in slow]


def test_the_best_of_a_formula_are_all_the_known_crystals(model, crystals) -> None:
    given = read_conditions({"formula": "C", "structures": "known"})
    draws = model.network.likeliest(8, given, model.plan(given))
    assert set(draws.relative[:5].tolist()) == set(draws.same_as[:5].tolist()) == set(range(5))
    assert draws.atom_offsets.diff().tolist() == [4] * 5 + [0] * 3
    odds = (draws.log_likelihood[:5] - draws.log_likelihood[0]).exp()
    assert odds.tolist() == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5])
    best = cg.generate(1, model, formula="C", structures="known", best=8)
    for crystal, source in zip(best, draws.relative.tolist(), strict=False):
        assert same(crystal, crystals[source])


@torch.inference_mode()
def test_candidates_have_geometries_in_proportion_to_their_odds(model) -> None:
    dressed = joined([candidates(model, formula) for formula in ("C", "Si", "TiO2", "SiO2")])
    numbers = model.network.nearest_known(dressed)[2].tolist()
    assert sorted(numbers)[-4:] == [2, 2, 5, 5]
    for seed in range(4):
        odds = np.random.default_rng(seed).random(len(numbers))
        dressed.log_likelihood.copy_(torch.from_numpy(odds).log())
        for most in (1, 6, 50):
            geometries = model.network.each_geometry(dressed, most)
            slow = apportioned(odds.tolist(), numbers, most)
            assert geometries.log_likelihood.exp().tolist() == pytest.approx(
                [odds[i] / (place + 1) for i, place in slow]
            )
            assert geometries.letters.tolist() == [dressed.letters[i].tolist() for i, _ in slow]
            assert geometries.elements.tolist() == [dressed.elements[i].tolist() for i, _ in slow]
            ties = [(place + 0.5) / numbers[i] for i, place in slow]
            assert geometries.tie_break.tolist() == pytest.approx(ties)


@torch.inference_mode()
def test_geometries_that_are_alike_count_once(model) -> None:
    network = model.network
    ties = trimmed(network.each_geometry(candidates(model, "C"), 5))
    noise = torch.zeros(5, 6), torch.zeros(5, 3 * network.orbits)
    points, lattice, relative, distance = network.shape(ties, *noise)
    twice = joined([ties, ties])
    for others, is_unlike in (
        ((points + 0.001, lattice * 1.02), False),
        ((0.5 - points, lattice), False),  # the same crystals with another origin
        ((points + 0.0175, lattice), True),
        ((points, lattice * 1.12), True),
    ):
        pairs = (torch.cat(both) for both in zip((points, lattice), others, strict=True))
        geometry = Geometry(*pairs, relative.repeat(2), distance.repeat(2))
        assert network.is_unlike(twice, geometry).tolist() == [True] * 5 + [is_unlike] * 5


@torch.inference_mode()
def test_marks_are_sizes_of_structure_factors(model) -> None:
    network = model.network
    dressed = candidates(model, "TiO2")
    noise = torch.zeros(len(dressed.tie_break), 6), torch.zeros(len(dressed.tie_break), 3 * network.orbits)
    geometry = network.shape(trimmed(dressed), *noise)
    frac_coords, numbers, _ = network.atoms_of(trimmed(dressed), geometry)
    marks = marks_of(frac_coords, numbers, geometry.lattice, network.miller_indices)
    for b, row in enumerate(marks.tolist()):
        atoms = numbers[b] > 0
        crystal = frac_coords[b][atoms].numpy(), numbers[b][atoms].numpy()
        slow = [structure_factor_size(*crystal, hkl) for hkl in MILLER_INDICES]
        assert row[: len(MILLER_INDICES)] == pytest.approx(slow)


def test_crystals_of_other_geometries_are_different(model) -> None:
    best = cg.generate(64, model, elements="C", structures="known", best=9)
    lengths = np.array([np.linalg.norm(crystal.lattice, axis=1) for crystal in best])
    assert sorted(lengths.min(1) / lengths.max(1)) == pytest.approx([(4 + x) / 5 for x in FREE], abs=1e-3)


def test_draws_of_a_formula_and_free_draws_begin_at_every_one(model) -> None:
    for conditions in ({"formula": "C", "structures": "known"}, {"elements": "C", "structures": "known"}):
        given = read_conditions(conditions)
        plan = model.plan(given)
        begun = Counter(model.draws(0, 0, given, plan).relative.tolist())
        assert set(begun) == set(range(5))
        assert min(begun.values()) >= 4
