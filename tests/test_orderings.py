"""Orderings: the parts of an element's sites that may have another element, and the new structure types they make."""

from itertools import pairwise

import numpy as np
import pytest
import torch

import crystalgrid as cg
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.generation.conditions import read_conditions
from crystalgrid.generation.crystal_model import crystals_of
from crystalgrid.geometry.canonical_unit import SAME_POINT, CanonicalUnit, find_canonical_unit
from crystalgrid.geometry.letter_changes import letter_changes
from crystalgrid.geometry.normaliser import normaliser, orbit_of
from crystalgrid.geometry.orderings import MOST_SITES, find_ordering, parts_of, primitive_sites
from crystalgrid.geometry.space_group import symmetry_dataset
from crystalgrid.geometry.type_name import type_name
from crystalgrid.geometry.wyckoff import standard_group
from crystalgrid.training.known_crystals import known_of, select
from crystalgrid.training.known_orderings import names_of, names_of_types, with_orderings
from crystalgrid.worth.structure_type import structure_type
from reference_generators import splitting_parts
from small_crystal_generator import train_small
from zoo import ZOO

pytestmark = pytest.mark.usefixtures("no_gpu")
SMALL = 10
"""The most atoms of a primitive cell whose parts are compared with the slow ones."""


@pytest.fixture(scope="module")
def units(prototypes: CrystalSet) -> list[CanonicalUnit]:
    """Return the canonical units of crystals with a clear symmetry."""
    crystals = [*ZOO.values(), *(prototypes[index] for index in range(len(prototypes)))]
    found = [find_canonical_unit(crystal.lattice, crystal.frac_coords, crystal.numbers) for crystal in crystals]
    return [unit for unit in found if unit is not None]


@pytest.fixture(scope="module")
def model(made_once):
    """Return a generator that learned the prototypes for eight steps."""
    return cg.load(made_once("crystal-generator", lambda folder: train_small(folder / "run", "prototypes", 8)) / "run")


def sizes_of_parts(unit: CanonicalUnit) -> list[tuple[int, int]]:
    """Return the sizes of orbits in the primitive cell, and of the parts in which they may split."""
    group = standard_group(unit.space_group)
    orbits = [orbit_of(group, point, SAME_POINT) for point in unit.points]
    parts = parts_of(group, orbits, unit.numbers)
    return sorted((len(primitive_sites(group, orbits[part.orbit])), len(part.sites)) for part in parts if part.sites)


def test_parts_are_those_that_spglib_finds_by_trying_all(prototypes) -> None:
    found = 0
    for crystal in [*ZOO.values(), *(prototypes[index] for index in range(len(prototypes)))]:
        dataset = symmetry_dataset(crystal.lattice, crystal.frac_coords, crystal.numbers, 0.01)
        unit = find_canonical_unit(crystal.lattice, crystal.frac_coords, crystal.numbers)
        if unit is None or len(dataset.prim_std_cell.numbers) > SMALL:
            continue
        cell = dataset.prim_std_cell
        slow = splitting_parts((np.array(cell.basis), np.array(cell.positions), np.array(cell.numbers)))
        assert sizes_of_parts(unit) == [part for part in slow if part[0] <= MOST_SITES]
        found += len(slow)
    assert found > 100


def test_an_ordering_is_the_crystal_again_without_the_other_element(units) -> None:
    kinds = set()
    for seed, unit in enumerate(units):
        ordering = find_ordering(unit, seed)
        if ordering is None:
            continue
        assert set(ordering.unit.numbers) == {*unit.numbers, ordering.stand_in}
        assert ordering.stand_in not in unit.numbers
        assert ordering.type == type_name(ordering.unit) != type_name(unit)
        group = standard_group(ordering.unit.space_group)
        orbits = [orbit_of(group, point, SAME_POINT) for point in ordering.unit.points]
        restored = np.where(ordering.unit.numbers == ordering.stand_in, ordering.replaced, ordering.unit.numbers)
        numbers = np.repeat(restored, [len(orbit) for orbit in orbits])
        again = find_canonical_unit(ordering.unit.lattice, np.concatenate(orbits), numbers)
        assert type_name(again) == type_name(unit)
        volumes = [abs(np.linalg.det(u.lattice)) / len(standard_group(u.space_group).centring) for u in (again, unit)]
        assert volumes[0] == pytest.approx(volumes[1], rel=1e-4)
        kinds.add(ordering.unit.space_group == unit.space_group)
    assert kinds == {True, False}


def test_rock_salt_has_no_ordering_in_its_cell() -> None:
    salt = ZOO["cubic"]
    assert find_ordering(find_canonical_unit(salt.lattice, salt.frac_coords, salt.numbers), 0) is None


def test_structure_types_have_the_names_that_moyopy_gives_them(prototypes) -> None:
    for index, crystal in enumerate([*ZOO.values(), *(prototypes[i] for i in range(0, len(prototypes), 3))]):
        unit = find_canonical_unit(crystal.lattice, crystal.frac_coords, crystal.numbers)
        assert unit is None or type_name(unit) == structure_type(crystal, 0.01), index


def test_kept_orderings_are_new_and_named_after_their_crystals(model) -> None:
    types, known = model.network.types, known_of(model.network)
    names = list(names_of(known, np.arange(len(known.source)), "names"))
    is_ordering = (known.source < 0).tolist()
    assert not {name for name, one in zip(names, is_ordering, strict=True) if one} & names_of_types(
        select(known, torch.where(known.source >= 0)[0])
    )
    crystals = int((types.source >= 0).sum())
    assert (model.metadata.crystals, model.metadata.orderings) == (crystals, len(types.source) - crystals)
    assert model.metadata.orderings > 50
    row_of = {source: row for row, source in enumerate(types.source.tolist())}
    for row in torch.where(types.source < 0)[0].tolist():
        crystal = row_of[-2 - int(types.source[row])]
        assert set(types.elements[row].tolist()) == set(types.elements[crystal].tolist())
        assert types.counts[row].sum() == types.counts[crystal].sum()
        assert types.log_volume[row] == types.log_volume[crystal]
    keys = types.type_key[types.source < 0]
    assert not types.is_known(keys).any()
    assert types.is_known(types.type_key[types.source >= 0]).all()


@torch.inference_mode()
def test_an_ordering_has_the_coordinates_of_its_crystal_and_elements_like_its(model, monkeypatch) -> None:
    given, types = read_conditions({"structures": "new"}), model.network.types
    row_of = {source: row for row, source in enumerate(types.source.tolist())}
    kept = []
    for bias in (model.network.bias_per_distance, 0.0):
        monkeypatch.setattr(model.network, "bias_per_distance", bias)
        draws = model.draws(0, 0, given, model.plan(given))
        pairs = zip(draws.relative.tolist(), crystals_of(draws), strict=True)
        drawn = [(row_of[source], set(crystal.numbers)) for source, crystal in pairs if crystal is not None]
        assert len(drawn) > 40
        shares = [len(numbers & set(types.elements[row].tolist())) / len(numbers) for row, numbers in drawn]
        kept.append(np.mean(shares))
        for b, (first, last) in enumerate(pairwise(draws.orbit_offsets.tolist())):
            if last > first:
                _, _, points = types.orbits_of(torch.tensor([row_of[int(draws.relative[b])]]))
                difference = (draws.orbit_coords[first:last] - points[0]).numpy()
                assert np.abs(difference - np.rint(difference)).max() < 1e-3
    assert kept[0] > kept[1] + 0.2


def test_orderings_whose_type_is_learned_later_are_dropped(model) -> None:
    known = known_of(model.network)
    is_ordering = known.source < 0
    names = list(names_of(known, np.arange(len(known.source)), "names"))
    first = int(torch.where(is_ordering)[0][0])
    learned = known._replace(source=torch.where(torch.arange(len(known.source)) == first, 10_000, known.source))
    again = with_orderings(learned, 0, (12, 24), 0)  # none is looked for
    kept = [int(known.source[row]) for row in torch.where(is_ordering)[0] if names[row] != names[first]]
    assert 0 < len(kept) < is_ordering.sum()
    assert sorted(again.source[again.source < 0].tolist()) == sorted(kept)
    assert (again.source >= 0).sum() == (known.source >= 0).sum() + 1


@torch.no_grad()
def test_equivalent_descriptions_have_one_key(model) -> None:
    types, rng = model.network.types, np.random.default_rng(0)
    rows = torch.arange(len(types.source))
    group, (letters, slots, _) = types.space_group.long(), types.orbits_of(rows)
    keys = types.name_keys(group, letters, slots)
    names = list(names_of(known_of(model.network), rows.numpy(), "names"))
    name_of = dict(zip(keys.tolist(), names, strict=True))
    assert [name_of[key] for key in keys.tolist()] == names  # the lattice of a few allows further descriptions
    assert 100 < len(set(names)) <= len(name_of) <= 1.02 * len(set(names))
    changes = torch.from_numpy(letter_changes()).long()
    change = torch.from_numpy(rng.integers(changes.shape[1], size=len(rows)))
    changed = changes[group, change].gather(1, letters.clamp(min=0)).masked_fill(letters < 0, -1)
    order = torch.from_numpy(np.stack([rng.permutation(types.most_slots) for _ in rows]))
    assert types.name_keys(group, changed, order.gather(1, slots)).equal(keys)


def test_letters_change_as_the_normalisers_say() -> None:
    for number in (2, 19, 62, 139, 221, 227):
        expected = {tuple(change.letters) for change in normaliser(number)}
        n_letters = len(standard_group(number).positions)
        assert {tuple(change[:n_letters]) for change in letter_changes()[number].tolist()} == expected
