"""Crystals on demand: conditions are read, kept in every crystal, or refused in one line."""

import warnings
from collections import Counter
from math import gcd

import numpy as np
import pytest
import torch
from moyopy import Cell, MoyoDataset

import crystalgrid as cg
from crystalgrid.crystal import ATOMIC_NUMBERS
from crystalgrid.errors import InputError
from crystalgrid.generation.conditions import read_conditions
from crystalgrid.geometry.formula import parse_formula
from crystalgrid.nets.generators.contacts import BONDING_GAP, closest_contact
from crystalgrid.nets.generators.dressed_types import from_rows
from crystalgrid.nets.generators.rank_weights import RankWeights
from reference import orbit_of
from reference_generators import closest_contact as slow_closest_contact
from reference_generators import equally_near


@pytest.fixture(scope="module")
def model():
    """Return the released generator."""
    return cg.load("mp10a")


def elements_of(crystal: cg.Crystal) -> set[str]:
    return {cg.crystal.SYMBOLS[z - 1] for z in crystal.numbers}


def reduced(numbers: np.ndarray) -> Counter:
    counts = Counter(numbers.tolist())
    divisor = gcd(*counts.values())
    return Counter({z: count // divisor for z, count in counts.items()})


def group_of(crystal: cg.Crystal) -> int:
    cell = Cell(crystal.lattice.tolist(), crystal.frac_coords.tolist(), crystal.numbers.tolist())
    return MoyoDataset(cell, symprec=0.01).number


@pytest.mark.parametrize("formula", ["LiFePO4", "BaTiO3", "CaCO3", "NaCl", "MgAl2O4"])
def test_a_formula_is_kept(model, formula) -> None:
    crystals = cg.generate(3, model, formula=formula, atoms=(1, 16))
    assert len(crystals) == 3
    for crystal in crystals:
        assert reduced(crystal.numbers) == parse_formula("formula", formula)
        assert len(crystal) <= 16


def test_elements_and_a_space_group_are_kept(model) -> None:
    crystals = cg.generate(8, model, elements="Li,Mn,O", space_group=166)
    assert len(crystals) == 8
    for crystal in crystals:
        assert elements_of(crystal) == {"Li", "Mn", "O"}
        assert group_of(crystal) == 166


@pytest.mark.parametrize("given", [{"among": "Na,Cl"}, {"among": "Na,Cl,O", "structures": "new"}, {"largest_z": "1:2"}])
def test_no_site_is_without_an_element_where_few_are_possible(model, given) -> None:
    conditions = read_conditions(given)
    draws = model.draws(0, 0, conditions, model.plan(conditions))
    assert len(draws.numbers) > 100
    assert (draws.numbers > 0).all()
    assert (draws.orbit_numbers > 0).all()


def test_a_heavy_element_is_drawn_where_one_is_wanted(model) -> None:
    conditions = read_conditions({"largest_z": "75:83"})
    plan, n_drawn = model.plan(conditions), 0
    for first in (0, 128, 256):
        draws = model.draws(first, 0, conditions, plan)
        n_atoms = draws.atom_offsets.diff()
        n_drawn += int((n_atoms > 0).sum())
        for numbers in draws.numbers.split(n_atoms.tolist()):
            assert len(numbers) == 0 or 75 <= numbers.max() <= 83
    assert n_drawn > 0.9 * 3 * 128


def test_the_symmetry_of_every_crystal_holds(model) -> None:
    plan = model.plan({})
    drawn, kept = 0, 0
    for first in (0, 64):
        draws = model.draws(first, 5, {}, plan)
        offsets = draws.atom_offsets.tolist()
        for b in range(64):
            atoms = slice(offsets[b], offsets[b + 1])
            if offsets[b + 1] > offsets[b] and drawn < 100:
                arrays = draws.primitive_lattice[b], draws.frac_coords[atoms], draws.numbers[atoms]
                crystal = cg.Crystal(*(array.numpy() for array in arrays))
                drawn, kept = drawn + 1, kept + (group_of(crystal) == int(draws.space_group[b]))
    assert drawn == 100
    assert kept >= 99  # a new crystal may by chance have more symmetry than its space group


def test_other_conditions_are_kept(model) -> None:
    given = {
        "among": "Na,K,Mg,Ca,O,S", "without": "K", "n_elements": "2:3", "atoms": (4, 20), "density": (1, 4),
        "volume_per_atom": "8:40", "largest_z": (1, 16), "crystal_system": "cubic,tetragonal,hexagonal",
    }  # fmt: skip
    for crystal in cg.generate(6, model, **given):
        assert elements_of(crystal) <= {"Na", "Mg", "O", "S"}
        assert 2 <= len(elements_of(crystal)) <= 3
        assert 4 <= len(crystal) <= 20
        assert 1 <= crystal.density <= 4
        assert 8 <= crystal.volume / len(crystal) <= 40
        assert crystal.numbers.max() <= 16
        assert group_of(crystal) >= 75


def test_known_and_new_structure_types(model) -> None:
    draws = {}
    for name in ("known", "new", "free"):
        given = read_conditions({"structures": name, "atoms": (1, 12)})
        draws[name] = model.draws(0, 0, given, model.plan(given))
    assert (draws["known"].relative >= 0).all()
    is_drawn = draws["new"].atom_offsets.diff() > 0
    assert is_drawn.float().mean() > 0.9
    assert (draws["new"].relative[is_drawn] < -1).all()  # orderings of known crystals
    assert (draws["free"].relative == -1).all()
    assert (draws["new"].same_as == -1).all()
    assert (draws["free"].same_as == -1).all()


def test_new_types_of_a_formula_are_orderings_where_there_are_any(model) -> None:
    given = read_conditions({"formula": "Na2TiSO5", "structures": "new"})
    draws = model.draws(0, 0, given, model.plan(given))
    is_drawn = draws.atom_offsets.diff() > 0
    assert is_drawn.float().mean() > 0.5
    assert (draws.relative[is_drawn] < -1).all()
    single = read_conditions({"formula": "Si", "structures": "new"})  # of one element there is no ordering
    draws = model.draws(0, 0, single, model.plan(single))
    assert (draws.relative == -1).all()


def test_the_best_of_a_formula_are_different_and_the_likeliest_first(model) -> None:
    given = read_conditions({"formula": "NaCl", "atoms": (2, 2)})
    plan = model.plan(given)
    draws = model.network.likeliest(4, given, plan)
    likelihood = draws.log_likelihood.tolist()
    assert likelihood == sorted(likelihood, reverse=True)
    best = cg.generate(1, model, formula="NaCl", atoms=(2, 2), best=4)
    assert len(best) == len(likelihood)
    assert {crystal.formula for crystal in best} == {"NaCl"}


def test_a_formula_of_several_units_is_warned_of_and_so_many_units_can_be_asked_for(model) -> None:
    with pytest.warns(UserWarning, match="formula: Mg2O2 is 2 formula units; .* z=2 asks for Mg2O2 in the primitive"):
        cg.generate(1, model, formula="Mg2O2")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (crystal,) = cg.generate(1, model, formula="Mg2O2", z=2)
    assert len(crystal) == 4


def test_a_generator_says_which_models_have_latent_vectors(model) -> None:
    with pytest.raises(AttributeError, match=r"autoencoders of crystals have encode_crystals .*load\('mp10a-latent'\)"):
        model.encode(None)
    with pytest.raises(AttributeError, match=r"CrystalModel has no attribute 'sing'$"):
        model.sing()


def test_more_of_the_best_than_are_drawn_are_refused(model) -> None:
    with pytest.raises(InputError, match="best: wanted at most 3, the number of draws, got 5"):
        cg.generate(3, model, elements="Mg,O", best=5)


@torch.inference_mode()
def test_the_likelihood_of_a_candidate_is_less_the_farther_known_crystals_of_its_type_are(model, monkeypatch) -> None:
    network, given = model.network, read_conditions({"formula": "GaAs", "atoms": (2, 4)})
    assert network.rank_weights == list(RankWeights())
    weights = RankWeights(0.3, -4.0, -6.0, -2.0)
    monkeypatch.setattr(network, "rank_weights", list(weights))
    candidates = from_rows(network.plan(given), network.orbits, network.most_slots)
    near = equally_near(network.types, candidates)
    distances = np.array([distance for distance, _ in near])
    is_ordering = np.array([len(rows) > 0 and int(network.types.source[rows[0]]) < 0 for _, rows in near])
    assert is_ordering.any()
    assert np.isnan(distances).any()  # of types that are drawn freely
    assert (distances == 0).any()  # of training crystals themselves
    assert (distances > 0).any()
    by_words = []
    for row, n_atoms in enumerate(network.n_atoms(candidates).tolist()):
        one = [values[row : row + 1] for values in candidates[:4]]
        by_words.append(float(network.scored(*one, [31, 33], [n_atoms // 2, n_atoms // 2]).log_likelihood))
    odds = np.where(np.isnan(distances), 0.0, weights.distance * np.sqrt(distances))
    odds += weights.new_type * (np.isnan(distances) | is_ordering)
    odds += weights.likelihood * np.array(by_words) + weights.known_crystal * (distances == 0)
    assert candidates.log_likelihood.numpy() == pytest.approx(odds, abs=1e-3)


def test_atoms_do_not_come_too_near(model) -> None:
    radii = model.network.radii
    for crystal in cg.generate(8, model, atoms=(2, 10), seed=9):
        slow = slow_closest_contact(crystal, radii.numpy(), BONDING_GAP)
        arrays = crystal.frac_coords, crystal.lattice, crystal.numbers
        assert float(closest_contact(*(torch.from_numpy(x)[None] for x in arrays), radii)) == pytest.approx(slow)
        assert slow >= model.network.least_contact


def test_orbits_have_the_multiplicity_and_the_atoms_that_operations_give(model) -> None:
    draws = model.draws(0, 2, {}, model.plan({}))
    for b in range(12):
        orbits = slice(int(draws.orbit_offsets[b]), int(draws.orbit_offsets[b + 1]))
        atoms = slice(int(draws.atom_offsets[b]), int(draws.atom_offsets[b + 1]))
        operations = model.network.operations(int(draws.space_group[b])).numpy()
        images = [orbit_of(x, operations) for x in draws.orbit_coords[orbits].numpy()]
        assert [len(image) for image in images] == draws.multiplicities[orbits].tolist()
        positions = draws.frac_coords[atoms] @ draws.primitive_lattice[b]
        conventional = (positions @ torch.linalg.inv(draws.lattice[b])).numpy()
        everywhere = np.concatenate([*images, np.zeros((0, 3))])
        for x in conventional:
            difference = everywhere - x
            assert np.abs(difference - np.rint(difference)).max(1).min() < 1e-6


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"formula": "LiXy"}, "no element of Z = 1 to 94 has the symbol Xy"),
        ({"formula": "Li2)"}, "wanted a formula such as"),
        ({"formula": ""}, "wanted a formula such as"),
        ({"formula": "Li100Fe"}, "101 atoms in a formula unit; this generator draws at most 64"),
        ({"formula": "NaCl", "z": 33}, "no z gives 1 to 64 atoms"),
        ({"formula": "NaCl", "elements": "Na"}, "has other elements"),
        ({"formula": "NaCl", "without": "Cl"}, "Cl is asked for, and left out"),
        ({"elements": "Po,O"}, "no training crystal holds Po"),
        ({"elements": "Na,Qq"}, "elements: wanted symbols"),
        ({"among": "O", "n_elements": 2}, "n_elements: wanted at least 2, and the other conditions leave 1"),
        ({"n_elements": (9, 12)}, "n_elements: excluded"),
        ({"atoms": (100, 200)}, "atoms: this generator draws 1 to 64"),
        ({"density": (30, 40)}, "density: this generator draws"),
        ({"volume_per_atom": (3, 1)}, "volume_per_atom: wanted a range LO:HI"),
        ({"space_group": 231}, "space_group: wanted numbers from 1 to 230"),
        ({"space_group": "Pnmx"}, "space_group: wanted numbers from 1 to 230"),
        ({"space_group": 62, "crystal_system": "cubic"}, "none of these groups is in that system"),
        ({"crystal_system": "round"}, "crystal_system: wanted one of triclinic"),
        ({"z": 4}, "z: wanted formula with it"),
        ({"structures": "old"}, "structures: wanted any, known, new or free"),
        ({"structures": ["new"]}, "structures: wanted any, known, new or free"),
        ({"largest_z": "5:4"}, "largest_z: wanted a range"),
        ({"formula": "LiFePO4", "space_group": 225, "structures": "known"}, "known ones are in space group .*62"),
        ({"n_elements": (1.5, 1.9)}, "n_elements: wanted whole numbers"),
        ({"atoms": "2.5:4"}, "atoms: wanted whole numbers"),
        ({"largest_z": 20.5}, "largest_z: wanted whole numbers"),
        ({"formula": "(" * 3000 + "Na" + ")" * 3000}, "formula: wanted a formula such as"),
        ({"seed": 1.0}, "seed: wanted a whole number"),
        ({"seed": "x"}, "seed: wanted a whole number"),
        ({"n": 0}, "n: wanted a whole number"),
        ({"best": 0, "formula": "NaCl"}, "best: wanted a whole number"),
    ],
)
def test_what_cannot_be_met_is_said_in_one_line(model, given, message) -> None:
    given = {"n": 2, "model": model, **given}
    with pytest.raises(InputError, match=message) as raised:
        cg.generate(**given)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("given", "conditions"),
    [
        ({"formula": "Ca3(PO4)2", "z": [2, 1]}, {"formula": [8, 8, 15, 2, 20, 3], "z": [1, 2]}),
        ({"formula": "C60"}, {"formula": [6, 1]}),
        ({"formula": "[Fe(CN)6]K4"}, {"formula": [6, 6, 7, 6, 19, 4, 26, 1]}),
        ({"elements": ["O", "Li"]}, {"elements": [3, 8]}),
        ({"elements": {"O", "Li"}}, {"elements": [3, 8]}),
        ({"among": np.array(["O", "Li"]), "space_group": np.arange(3, 5)}, {"among": [3, 8], "space_groups": [3, 4]}),
        ({"formula": "D2O", "space_group": "P6_3mc"}, {"formula": [1, 2, 8, 1], "space_groups": [186]}),
        ({"n_elements": 2, "atoms": "4:"}, {"n_elements": [2, 2], "atoms": [4, 1e9]}),
        ({"density": (None, 3), "volume_per_atom": 8.5}, {"density": [0, 3], "volume_per_atom": [8.5, 8.5]}),
        ({"space_group": "Pnma, 225"}, {"space_groups": [62, 225]}),
        ({"space_group": ["Fm-3m", 166], "crystal_system": "cubic"}, {"space_groups": [225]}),
        ({"crystal_system": "triclinic", "structures": "new"}, {"space_groups": [1, 2], "structures": [2]}),
        ({"largest_z": "1:40"}, {"largest_z": [1, 40]}),
    ],
)  # fmt: skip
def test_conditions_are_read_as_the_sampler_reads_them(given, conditions) -> None:
    assert read_conditions(given) == conditions


def test_formulas_are_read_as_pymatgen_reads_them() -> None:
    from pymatgen.core import Composition

    for formula in ("Li", "NaCl", "Ca(OH)2", "K4Fe(CN)6", "Al2(SO4)3", "CaAl2Si2(H4O6)2"):
        counts = parse_formula("formula", formula)
        assert counts == {ATOMIC_NUMBERS[str(e)]: n for e, n in Composition(formula).items()}, formula
