"""Potentials whose weights come in a wheel: CHGNet in one backward pass is CHGNet, SevenNet without forces SevenNet."""

import warnings

import numpy as np
import pytest

import crystalgrid as cg
from crystalgrid.crystal import Crystal
from crystalgrid.worth.potentials import potential
from crystalgrid.worth.relaxing import RelaxOptions, relax_crystal
from zoo import PEROVSKITE, ZOO

ROCK_SALT = Crystal(2.8 * (np.ones((3, 3)) - np.eye(3)), [[0, 0, 0], [0.47, 0.5, 0.51]], [11, 17])


@pytest.mark.parametrize("crystal", [ROCK_SALT, PEROVSKITE])
def test_one_backward_pass_gives_what_chgnet_gives(crystal: Crystal) -> None:
    dynamics = pytest.importorskip("chgnet.model.dynamics")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, found = crystal.to_ase(), crystal.to_ase()
        expected.calc = dynamics.CHGNetCalculator(use_device="cpu")
        found.calc = potential("chgnet").calculator
        assert found.get_potential_energy() == pytest.approx(expected.get_potential_energy(), abs=1e-4)
        np.testing.assert_allclose(found.get_forces(), expected.get_forces(), atol=1e-4)
        np.testing.assert_allclose(found.get_stress(), expected.get_stress(), atol=1e-5)


def test_the_order_of_axes_does_not_change_the_stress() -> None:
    """CHGNet's own calculator gives left-handed lattices the opposite one, by which they fall apart or collapse."""
    pytest.importorskip("chgnet")
    crystal = ZOO["strongly oblique"]
    axes = [1, 0, 2]
    turned = Crystal(crystal.lattice[axes], crystal.frac_coords[:, axes], crystal.numbers)
    stresses = []
    for atoms in (crystal.to_ase(), turned.to_ase()):
        atoms.calc = potential("chgnet").calculator
        stresses.append(atoms.get_stress())
    np.testing.assert_allclose(stresses[0], stresses[1], atol=1e-6)
    assert np.abs(stresses[0]).max() > 1e-3


def test_chgnet_relaxes_salt_and_says_what_it_has_not_learned() -> None:
    pytest.importorskip("chgnet")
    salt, radon = cg.relax([ROCK_SALT, Crystal(3 * np.eye(3), [[0, 0, 0]], [86])], fmax=0.1)
    assert salt.energy_above_hull == pytest.approx(0, abs=0.01)
    assert (salt.decomposition, salt.doubtful, salt.converged) == ("NaCl", "", True)
    assert radon.relax_error == "chgnet has not learned Rn"


def test_an_atom_alone_is_a_reason() -> None:
    pytest.importorskip("chgnet")
    row = relax_crystal(Crystal(12 * np.eye(3), [[0, 0, 0]], [11]), RelaxOptions())
    assert "isolated atom" in row["relax_error"]


def test_sevennet_has_its_elements() -> None:
    pytest.importorskip("sevenn")
    known = potential("7net-0").elements
    assert known is not None
    assert {1, 94} <= known
    assert not {84, 86} & known


def test_an_energy_alone_is_the_energy_of_sevennet() -> None:
    """It is computed without forces, which are there when they are asked for."""
    calculator = pytest.importorskip("sevenn.calculator").SevenNetCalculator
    expected, found = PEROVSKITE.to_ase(), PEROVSKITE.to_ase()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected.calc, found.calc = calculator("7net-0", device="cpu"), potential("7net-0").calculator
        assert found.get_potential_energy() == pytest.approx(expected.get_potential_energy(), abs=1e-5)
        assert "forces" not in found.calc.results
        np.testing.assert_allclose(found.get_forces(), expected.get_forces(), atol=1e-5)
        np.testing.assert_allclose(found.get_stress(), expected.get_stress(), atol=1e-6)
