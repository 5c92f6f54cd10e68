"""Crystals: which are accepted and which refused, and batches of them."""

import warnings
from collections import Counter

import numpy as np
import pytest
import torch
from pymatgen.core import Composition

from crystalgrid import Crystal, InputError
from crystalgrid.crystal import ATOMIC_NUMBERS, MAX_Z, SYMBOLS, pack
from crystalgrid.geometry.elements import reduced_formula
from zoo import PEROVSKITE, ZOO

NAN = float("nan")
BAD_CRYSTALS = {
    r"lattice must have shape \(3, 3\)": (np.eye(2), [[0, 0, 0]], [1]),
    r"must have shapes \(N, 3\) and \(N,\)": (np.eye(3), [[0, 0, 0]], [1, 2]),
    "wanted at least one atom": (np.eye(3), np.zeros((0, 3)), np.zeros(0, int)),
    "must be finite": (np.eye(3), [[0, NAN, 0]], [1]),
    "lattice and frac_coords must be finite": (np.diag([1, 1, np.inf]), [[0, 0, 0]], [1]),
    "lattice is singular": ([[1, 0, 0], [0, 1, 0], [1, 1, 0]], [[0, 0, 0]], [1]),
    "singular, wanted three independent": (np.diag([1, 1, 0]), [[0, 0, 0]], [1]),
    "from 1 to 94, got 95": (np.eye(3), [[0, 0, 0]], [95]),
    "from 1 to 94, got 0": (np.eye(3), [[0, 0, 0]], [0]),
    "numbers must be whole, got an array of float64": (np.eye(3), [[0, 0, 0]], [1.5]),
    "numbers must be whole, got an array of <U2": (np.eye(3), [[0, 0, 0]], ["Na"]),
    r"at least 0.1 Å³ per atom, got 1e-09": (1e-3 * np.eye(3), [[0, 0, 0]], [1]),
    "lattice must be an array of numbers, got 'cubic'": ("cubic", [[0, 0, 0]], [1]),
    r"frac_coords must be an array of numbers, got \[\[0\], \[0, 0\]\]": (np.eye(3), [[0], [0, 0]], [1]),
}


@pytest.mark.parametrize("message", BAD_CRYSTALS)
def test_bad_crystals_are_refused_in_one_line(message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        Crystal(*BAD_CRYSTALS[message])
    assert "\n" not in str(caught.value)


def test_a_crystal_keeps_what_it_is_given() -> None:
    frac_coords = np.array([[1.5, -2, 0.25]])
    crystal = Crystal(np.diag([2.0, 3, -4]), frac_coords, [94])
    frac_coords[:] = 0  # a copy is kept
    assert crystal.positions.tolist() == [[3, -6, -1]]
    assert len(crystal) == 1
    assert crystal.longest_side == 4


@pytest.mark.parametrize(
    ("numbers", "line"),
    [
        ([8, 8, 22, 8, 38], "Crystal(SrTiO3, P1 (1), 5 atoms, 64.0 Å³)"),
        ([8, 1, 1, 8, 1, 1], "Crystal(H2O, P1 (1), 6 atoms, 64.0 Å³)"),
        ([26], "Crystal(Fe, Pm-3m (221), 1 atom, 64.0 Å³)"),
        (65 * [26], "Crystal(Fe, 65 atoms, 64.0 Å³)"),
    ],
)
def test_a_crystal_is_shown_in_one_line(numbers: list[int], line: str) -> None:
    frac_coords = np.random.default_rng(0).random((len(numbers), 3))
    assert repr(Crystal(4 * np.diag([1, 1, -1]), frac_coords, numbers)) == line


def test_a_crystal_that_has_no_symmetry_to_find_is_shown_all_the_same() -> None:
    coincide = Crystal(4 * np.eye(3), np.full((2, 3), 0.25), [8, 8])
    assert repr(coincide) == "Crystal(O2, P1 (1), 2 atoms, 64.0 Å³)"


def test_formulas_are_those_of_pymatgen(prototypes) -> None:
    rng = np.random.default_rng(0)
    made_up = [np.repeat(rng.permutation(np.arange(1, 95))[:6], rng.choice([0, 1, 2, 3, 4, 12], 6)) for _ in range(999)]
    special = [[3, 8], [1, 1, 8, 8], [8], [1], [17, 17], [2, 18, 10], [2, 8, 8], [7, 7], [20, *2 * [15], *8 * [8]]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pymatgen, for elements without an electronegativity
        for numbers in [*(crystal.numbers for crystal in prototypes), *filter(len, made_up), *special]:
            composition = Composition(Counter(SYMBOLS[z - 1] for z in numbers))
            assert reduced_formula(np.array(numbers)) == composition.reduced_formula


def test_density_is_the_mass_of_the_atoms_in_the_volume() -> None:
    for crystal in ZOO.values():
        atoms = crystal.to_ase()
        assert crystal.volume == pytest.approx(atoms.get_volume())
        assert crystal.density == pytest.approx(atoms.get_masses().sum() / atoms.get_volume() * 1.66053907, rel=1e-5)


def test_a_tolerance_of_symmetry_may_be_given() -> None:
    moved = PEROVSKITE.frac_coords + 0.05 / 3.9 * np.random.default_rng(0).uniform(-1, 1, (5, 3))
    crystal = Crystal(PEROVSKITE.lattice, moved, PEROVSKITE.numbers)
    assert (crystal.space_group.number, str(crystal.symmetry(0.2))) == (1, "Pm-3m (221)")


@pytest.mark.parametrize("symprec", [0, -1, float("nan"), float("inf")])
def test_a_tolerance_is_a_positive_number(symprec: float) -> None:
    crystal = Crystal(4 * np.eye(3), [[0, 0, 0]], [84])
    for ask in (crystal.symmetry, crystal.to_cif):
        with pytest.raises(InputError, match="symprec: wanted a positive number in Å"):
            ask(symprec)


def test_pymatgen_there_and_back() -> None:
    for crystal in ZOO.values():
        back = Crystal.from_pymatgen(crystal.to_pymatgen())
        assert np.array_equal(back.numbers, crystal.numbers)
        assert back.positions == pytest.approx(crystal.positions, abs=1e-9)


def test_disordered_structures_are_refused() -> None:
    from pymatgen.core import Structure

    with pytest.raises(InputError, match="disordered"):
        Crystal.from_pymatgen(Structure(np.eye(3) * 4, [{"Fe": 0.5, "Ni": 0.5}], [[0, 0, 0]]))


@pytest.mark.parametrize("symbol", ["X", "X2+", "Bk"])
def test_structures_with_sites_of_no_element_are_refused(symbol) -> None:
    from pymatgen.core import DummySpecies, Structure

    species = DummySpecies.from_str(symbol) if symbol[0] == "X" else symbol
    structure = Structure(np.eye(3) * 4, [species, "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    with pytest.raises(InputError, match=f"wanted elements of Z = 1 to 94, got {symbol[:2]}"):
        Crystal.from_pymatgen(structure)


def test_symbols_are_in_the_order_of_their_numbers() -> None:
    assert len(SYMBOLS) == len(set(SYMBOLS)) == MAX_Z
    numbers = {"H": 1, "D": 1, "T": 1, "C": 6, "O": 8, "Fe": 26, "La": 57, "Lu": 71, "U": 92, "Pu": 94}
    assert {symbol: ATOMIC_NUMBERS[symbol] for symbol in numbers} == numbers


def test_a_batch_is_flat() -> None:
    crystals = list(ZOO.values())
    batch = pack(crystals)
    assert batch.size == len(crystals)
    assert batch.offsets.diff().tolist() == [len(crystal) for crystal in crystals]
    assert {tensor.dtype for tensor in batch} == {torch.float64, torch.int64}
    third = slice(int(batch.offsets[2]), int(batch.offsets[3]))
    assert np.array_equal(batch.frac_coords[third], crystals[2].frac_coords)
    assert np.array_equal(batch.lattice[2], crystals[2].lattice)
    assert pack(batch) is batch
    assert batch.to("meta").lattice.device.type == "meta"


def test_an_empty_batch() -> None:
    batch = pack([])
    assert batch.size == 0
    assert batch.lattice.shape == (0, 3, 3)
    assert batch.offsets.tolist() == [0]


def test_one_crystal_is_a_batch_of_one() -> None:
    assert pack(PEROVSKITE).offsets.tolist() == pack([PEROVSKITE]).offsets.tolist() == [0, 5]


@pytest.mark.parametrize("crystals", [[PEROVSKITE, None], ["NaCl"], "NaCl.cif", 3, None])
def test_what_is_no_crystal_is_refused(crystals: object) -> None:
    with pytest.raises(InputError, match="crystals: wanted"):
        pack(crystals)
