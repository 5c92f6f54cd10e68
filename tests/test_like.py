"""Crystals near a given one: of its structure type, moved by the strength, with other elements but for fixed sites."""

import json
import warnings
from collections import Counter

import numpy as np
import pytest
from moyopy import Cell, MoyoDataset

import crystalgrid as cg
from crystalgrid.errors import InputError
from crystalgrid.generation.like import like_as_text, read_like, unit_of
from crystalgrid.geometry.elements import ATOMIC_NUMBERS
from fake_generator import structures, write_fake_generator
from programs import assert_refused, run

TITANATE = cg.Crystal(
    np.diag([3.9] * 3), [[0.5] * 3, [0, 0, 0], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]], [38, 22, 8, 8, 8]
)


@pytest.fixture(scope="module")
def model():
    """Return the released generator."""
    return cg.load("mp10a")


@pytest.fixture(scope="module")
def generator(made_once):
    """Return the artifact of a generator that draws from a few known crystals."""
    return made_once("generator", lambda folder: write_fake_generator(folder / "model.pt")) / "model.pt"


@pytest.fixture(scope="module")
def given() -> dict[str, cg.Crystal]:
    """Return crystals with and without free coordinates, by formula."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {crystal.formula: crystal for crystal in map(cg.Crystal.from_pymatgen, structures()[:-1])}


def sites(crystal: cg.Crystal, symprec: float = 0.01) -> tuple[int, Counter]:
    """Return the space group of a crystal, and how many atoms of the conventional cell have each Wyckoff letter."""
    cell = Cell(crystal.lattice.tolist(), crystal.frac_coords.tolist(), crystal.numbers.tolist())
    found = MoyoDataset(cell, symprec=symprec)
    again = MoyoDataset(found.std_cell, symprec=1e-4)
    return found.number, Counter(again.wyckoffs)


@pytest.mark.parametrize("formula", ["LiFePO4", "Al2O3", "ZrO2", "KBH2"])
def test_a_crystal_of_which_all_is_fixed_stays_the_same(model, given, formula) -> None:
    crystal = given[formula]
    symbols = sorted({cg.crystal.SYMBOLS[z - 1] for z in crystal.numbers})
    (same,) = cg.generate(1, model, like=crystal, strength=0, fix=symbols)
    before, after = unit_of(crystal), unit_of(same)
    assert after.letters.tolist() == before.letters.tolist()
    assert after.numbers.tolist() == before.numbers.tolist()
    assert np.allclose(after.lattice @ after.lattice.T, before.lattice @ before.lattice.T, rtol=1e-5)
    difference = after.points - before.points
    assert np.allclose(difference, np.rint(difference), atol=1e-6)


@pytest.mark.parametrize(("formula", "strength"), [("LiFePO4", 0.3), ("ZrO2", 0), ("Al2O3", 1)])
def test_the_structure_type_is_that_of_the_crystal(model, given, formula, strength) -> None:
    near = cg.generate(3, model, like=given[formula], strength=strength, seed=1)
    assert len(near) == 3
    for crystal in near:
        assert sites(crystal) == sites(given[formula])
    assert len({crystal.formula for crystal in near} | {formula}) > 1


def test_the_crystal_moves_in_proportion_to_the_strength(model, given) -> None:
    means = []
    for strength in (0, 0.1, 0.5):
        conditions = read_like(given["ZrO2"], strength)
        draws = model.draws(0, 0, conditions, model.plan(conditions))
        difference = draws.orbit_coords[: 3 * 16].view(16, 3, 3).numpy() - unit_of(given["ZrO2"]).points
        means.append(np.abs(difference - np.rint(difference)).mean())
    assert means[0] < 1e-9 < 0.005 < means[1] < means[2]


def test_fixed_sites_stay_and_others_do_not(model, given) -> None:
    unit = unit_of(given["LiFePO4"])
    oxygen = [i for i, z in enumerate(unit.numbers) if z == ATOMIC_NUMBERS["O"]]
    conditions = read_like(given["LiFePO4"], 0.4, "O")
    assert conditions["fix"] == oxygen
    draws = model.draws(0, 0, conditions, model.plan(conditions))
    drawn = np.flatnonzero(np.diff(draws.orbit_offsets.numpy()))
    assert len(drawn) > 32
    names = set()
    for b in drawn:
        orbits = slice(int(draws.orbit_offsets[b]), int(draws.orbit_offsets[b + 1]))
        points, numbers = draws.orbit_coords[orbits].numpy(), draws.orbit_numbers[orbits].numpy()
        difference = points - unit.points
        shift = np.abs(difference - np.rint(difference)).max(1)
        assert (numbers[oxygen] == ATOMIC_NUMBERS["O"]).all()
        assert shift[oxygen].max() < 1e-9
        assert shift.max() > 1e-3
        names.add(tuple(numbers))
    assert len(names) > 4


def test_other_conditions_choose_the_elements(model) -> None:
    for crystal in cg.generate(3, model, like=TITANATE, formula="BaZrO3"):
        assert (crystal.formula, sites(crystal)[0]) == ("BaZrO3", 221)
    for crystal in cg.generate(3, model, like=TITANATE, elements="K,Mg,F"):
        assert set(crystal.numbers) == {9, 12, 19}
    (crystal,) = cg.generate(1, model, like=TITANATE, formula="BaZrO3", best=1, strength=0)
    assert crystal.volume > TITANATE.volume
    for crystal in cg.generate(3, model, like=TITANATE, fix=["O"], without="Sr,Ti", largest_z=(40, 60)):
        assert 8 in crystal.numbers
        assert not {38, 22} & set(crystal.numbers)
        assert 40 <= crystal.numbers.max() <= 60


def test_sites_of_no_crystal_are_refused_before_the_sampler_starts() -> None:
    with pytest.raises(cg.InputError, match="fix: wanted like with it"):
        like_as_text({"fix": "O"})


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"strength": 1.5}, "strength: wanted a number from 0 to 1, got 1.5"),
        ({"strength": "much"}, "strength: wanted a number from 0 to 1"),
        ({"like": None, "fix": "O"}, "fix: wanted like with it"),
        ({"like": None, "strength": 0.1}, "strength: wanted like with it"),
        ({"fix": "Fe"}, "fix: wanted elements or numbers of these sites: 0 .* a, 1 .* b, 2 O .*; got 'Fe'"),
        ({"fix": "3"}, "fix: wanted elements or numbers of these sites"),
        ({"fix": "O", "without": "O"}, "fix: O is fixed, and left out by another condition"),
        ({"fix": "O", "elements": "K,Mg,F"}, "fix: O is fixed, and left out by another condition"),
        ({"fix": "Sr,Ti,O", "largest_z": "50:"}, "fix: all elements are fixed, and `largest_z` excludes them"),
        ({"space_group": 225}, "like: the crystal has space group 221, which another condition excludes"),
        ({"atoms": "6:"}, "like: the crystal has 5 atoms in the primitive cell, which `atoms` excludes"),
        ({"n_elements": 2}, "like: the crystal has 3 elements, more or less than other conditions leave"),
        ({"elements": "K,F"}, "like: the crystal has 3 elements, more or less"),
        ({"among": "K,F"}, "like: the crystal has 3 elements, more or less"),
        ({"structures": "new"}, "like: the crystal has a known structure type, which `structures` excludes"),
        ({"formula": "Al2MgO4"}, "formula .* does not fit the atoms of the given crystal, .*3 O"),
        ({"like": "nowhere.cif"}, "like: wanted a file with one crystal, and there is no file nowhere.cif"),
        ({"like": 3}, "wanted a Crystal, pymatgen Structure or ASE Atoms"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(model, conditions, message) -> None:
    with pytest.raises(InputError, match=message) as raised:
        cg.generate(1, model, **{"like": TITANATE, **conditions})
    assert "\n" not in str(raised.value)


def test_a_crystal_beyond_the_generator_is_refused(model) -> None:
    rng = np.random.default_rng(0)
    points, cell = rng.random((40, 3)), np.diag([9, 10, 11])
    with pytest.raises(InputError, match="40 Wyckoff orbits, and this generator draws at most 32"):
        cg.generate(1, model, like=cg.Crystal(cell, points, [8] * 40))
    with pytest.raises(InputError, match="9 elements, and this generator draws at most 8"):
        cg.generate(1, model, like=cg.Crystal(cell, points[:9], range(3, 12)))
    with pytest.raises(InputError, match="holds Po, which no training crystal does"):
        cg.generate(1, model, like=cg.Crystal(np.diag([3.3] * 3), [[0, 0, 0]], [84]))
    images = np.concatenate(
        [points[:17] * sign for sign in np.array([[1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]])]
    )
    with pytest.raises(InputError, match="68 atoms in the primitive cell, this generator at most 64"):
        cg.generate(1, model, like=cg.Crystal(cell, images, [8] * 68))


def test_files_with_several_or_broken_crystals_are_refused(model, tmp_path) -> None:
    TITANATE.write(tmp_path / "one.xyz")
    text = (tmp_path / "one.xyz").read_text()
    (tmp_path / "two.xyz").write_text(text + text)
    (tmp_path / "broken.cif").write_text("data_x\n_cell_length_a 3\n")
    assert read_like(tmp_path / "one.xyz") == read_like(TITANATE)
    for name, message in (("two.xyz", "one crystal, got .*two.xyz with 2"), ("broken.cif", "broken.cif")):
        with pytest.raises(InputError, match=message):
            cg.generate(1, model, like=tmp_path / name)


def test_the_sampler_reads_the_numbers_that_python_makes_of_a_file(tmp_path) -> None:
    sampling = pytest.importorskip("crystalgrid._sampling")
    given = {"like": str(tmp_path / "given.cif"), "strength": "0.25", "fix": "Ti,2"}
    TITANATE.write(given["like"])
    words = [f"--{name}={value}" for name, value in like_as_text(given).items()]
    conditions = sampling.Options(["model.pt", "-o", "out", *words]).conditions
    assert conditions == read_like(given["like"], 0.25, "Ti,2")
    assert len(conditions["fix"]) == 2
    assert like_as_text({"strength": "0.3"}) == {"strength": "0.3"}


NUMBERS = "221,3.9,0,0,0,3.9,0,0,0,3.9,0,22,0,0,0"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--like", "given.cif"], "--like: wanted the numbers of a crystal"),
        (["--like", NUMBERS + ",1"], "--like: wanted the numbers of a crystal"),
        (["--like", NUMBERS.replace("221", "231")], "--like: wanted the numbers of a crystal"),
        (["--like", NUMBERS.replace("22,0", "95,0")], "--like: wanted the numbers of a crystal"),
        (["--like", NUMBERS, "--strength", "-0.1"], "--strength: wanted a number from 0 to 1, got '-0.1'"),
        (["--like", NUMBERS, "--fix", "1"], "--fix: the crystal has 1 sites, numbered from 0"),
        (["--like", NUMBERS, "--fix", "O"], "--fix: wanted numbers of sites from 0"),
        (["--strength", "0.1"], "--strength: wanted --like with it"),
        (["--fix", "0"], "--fix: wanted --like with it"),
    ],
)
def test_the_sampler_refuses_what_is_no_crystal(sampler, generator, tmp_path, options, message) -> None:
    assert_refused(run(sampler, generator, "-o", tmp_path / "out", *options), message)


def test_a_run_near_another_crystal_is_not_resumed(sampler, generator, tmp_path) -> None:
    model, out = generator, tmp_path / "out"
    options = ["-n", "4", "--threads", "1", "--like", NUMBERS]
    assert run(sampler, model, "-o", out, *options).returncode == 0
    before = (out / "crystals.xyz").read_bytes()
    assert json.loads((out / "manifest.json").read_text())["settings"]["conditions"] == {"like": NUMBERS}
    assert_refused(
        run(sampler, model, "-o", out, *options[:-1], NUMBERS.replace("22,", "40,"), "--resume"), "conditions"
    )
    assert run(sampler, model, "-o", out, *options, "--resume").returncode == 0
    assert (out / "crystals.xyz").read_bytes() == before
