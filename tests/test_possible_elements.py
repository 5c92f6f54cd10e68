"""Structure types for elements that are asked for: those on which possible elements are near a known crystal's own."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

import crystalgrid as cg
from crystalgrid.crystal import ATOMIC_NUMBERS
from crystalgrid.generation.conditions import read_conditions
from crystalgrid.nets.generators.conditions import possible_elements
from crystalgrid.nets.generators.type_drawer import TypeDrawer
from reference_generators import distance_to_possible


@pytest.fixture(scope="module")
def model():
    """Return the released generator."""
    return cg.load("mp10a")


def possible_of(network, symbols: str) -> torch.Tensor:
    return possible_elements(read_conditions({"among": symbols}), network.seen)


@pytest.mark.parametrize("symbols", ["Li,Mn,O", "Cs,Cl", "Cu,In,Se,S", "Li,Na,K,O,S,Se"])
def test_distances_to_possible_elements_are_those_of_a_nearly_best_assignment(model, symbols) -> None:
    types, names = model.network.types, symbols.split(",")
    n_elements = (types.elements > 0).sum(1)
    few = torch.where(n_elements <= len(names))[0]
    rows = few[torch.randperm(len(few), generator=torch.Generator().manual_seed(0))[:300]]
    fast = types.distance_to(rows, possible_of(model.network, symbols)).numpy()
    numbers = [ATOMIC_NUMBERS[name] for name in names]
    slow = []
    for row, number in zip(rows.tolist(), n_elements[rows].tolist(), strict=True):
        own = types.elements[row, :number].tolist()
        best = distance_to_possible(own, types.counts[row, :number].tolist(), numbers)
        slow.append(0.0 if set(own) <= set(numbers) else best)
    assert (fast >= np.array(slow) - 1e-5).all()
    assert np.isclose(fast, slow, atol=1e-5).mean() > 0.75


def test_all_known_crystals_are_drawn_from_unless_elements_are_asked_for(model) -> None:
    for given in ({}, {"space_group": 62}, {"atoms": "4:20", "n_elements": 3}):
        conditions = read_conditions(given)
        allowed = torch.where(model.network.allowed(conditions))[0]
        assert model.plan(conditions).flatten().tolist() == allowed.tolist()


@pytest.mark.parametrize("given", [{"elements": "Li,Mn,O"}, {"among": "K,Rb,Cl,Br"}, {"without": "O,F"}])
def test_the_nearest_known_crystals_are_drawn_from(model, given) -> None:
    network, conditions = model.network, read_conditions(given)
    rows = model.plan(conditions).flatten().long()
    allowed = torch.where(network.allowed(conditions))[0]
    distance = network.types.distance_to(allowed, possible_elements(conditions, network.seen))
    assert rows.tolist() == allowed[distance <= network.farthest].tolist()
    assert network.least_known < len(rows) < len(allowed)


def test_some_known_crystals_are_drawn_from_however_far_they_are(model) -> None:
    conditions = read_conditions({"elements": "Na,V,Te,Cl"})
    network, possible = model.network, possible_of(model.network, "Na,V,Te,Cl")
    rows = model.plan(conditions).flatten().long()
    allowed = torch.where(network.allowed(conditions))[0]
    distance = network.types.distance_to(allowed, possible)
    assert network.farthest < network.types.distance_to(rows, possible).max() == distance.sort().values[255]
    assert 256 <= len(rows) < 300


@pytest.mark.parametrize(
    ("n_crystals", "n_orderings", "share"),
    [
        (8000, 500, 0.14),  # all there are
        (80, 50, 0.014 / (0.0086 + 0.014)),  # one in a hundred crystals, one in ten orderings
        (80, 0, 0.0),
        (0, 5, 1.0),
        (0, 0, 1.0),
    ],
)
def test_the_share_of_orderings_is_that_of_draws_without_conditions(n_crystals, n_orderings, share) -> None:
    types = SimpleNamespace(source=torch.cat((torch.arange(8000), torch.full([500], -2))))
    drawer = SimpleNamespace(new_share=0.14, types=types)
    assert TypeDrawer.share_of_new(drawer, n_crystals, n_orderings) == pytest.approx(share)


def test_new_types_of_a_generator_without_orderings_keep_their_share() -> None:
    drawer = SimpleNamespace(new_share=0.14, types=SimpleNamespace(source=torch.arange(100)))
    assert TypeDrawer.share_of_new(drawer, 7, 0) == 0.14


def test_most_crystals_of_asked_elements_are_near_known_ones(model) -> None:
    conditions = read_conditions({"elements": "Li,Mn,O"})
    plan, near = model.plan(conditions), []
    with torch.inference_mode():
        draws = model.draws(0, 0, conditions, plan)
    network = model.network
    assert (draws.atom_offsets.diff() > 0).float().mean() > 0.95
    for row in range(len(draws.space_group)):
        source = int(draws.relative[row])
        if source >= 0:
            at = int(torch.where(network.types.source == source)[0][0])
            own = [z for z in network.types.elements[at].tolist() if z]
            near.append(distance_to_possible(own, network.types.counts[at, : len(own)].tolist(), [3, 8, 25]))
    assert len(near) > 100
    assert np.mean(np.array(near) <= network.farthest + 1e-6) > 0.8
