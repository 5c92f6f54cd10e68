"""Energies above the hull, against pymatgen's phase diagrams."""

import numpy as np
import pytest
from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
from pymatgen.core import Composition

from crystalgrid.crystal import SYMBOLS, Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.worth.hull import Hull


def crystal_of(formula: str) -> Crystal:
    """Return some crystal of a formula; only its atoms count."""
    numbers = [element.Z for element, n in Composition(formula).items() for _ in range(int(n))]
    return Crystal(10 * np.eye(3), np.random.default_rng(0).random((len(numbers), 3)), numbers)


def known(energies: dict[str, float]) -> Hull:
    return Hull.of_crystals(CrystalSet.from_crystals(map(crystal_of, energies)), np.array(list(energies.values())))


def test_a_mixture_of_two_phases() -> None:
    hull = known({"Na": -1.0, "Cl2": -2.0, "NaCl": -3.5, "NaCl3": -2.5, "Na2": -0.9, "Na2Cl2": np.nan})
    assert hull.above(np.array([11, 17]), -3.2).energy == pytest.approx(0.3)
    assert hull.above(np.array([11, 11, 17]), -3.0) == (
        pytest.approx(-3.0 - (-3.5 * 2 - 1.0) / 3),
        {"Na": pytest.approx(1 / 3), "NaCl": pytest.approx(2 / 3)},
        2,
    )
    assert hull.above(np.array([11, 17]), -3.8).energy == pytest.approx(-0.3)


def test_without_an_element_by_itself_there_is_no_number() -> None:
    hull = known({"Na": -1.0, "NaCl": -3.5})
    assert hull.above(np.array([11, 17]), -3.5) is None
    assert hull.above(np.array([26]), -3.5) is None
    assert hull.above(np.array([11, 11]), -0.9).energy == pytest.approx(0.1)


@pytest.mark.parametrize("n_elements", [1, 2, 3, 4])
def test_it_is_pymatgens_phase_diagram(n_elements: int) -> None:
    rng = np.random.default_rng(n_elements)
    elements = rng.permutation(94)[:n_elements] + 1
    cells = [np.array([z]) for z in elements] + [rng.choice(elements, rng.integers(1, 9)) for _ in range(60)]
    energies = [-rng.random() * len(set(cell.tolist())) for cell in cells]
    crystals = CrystalSet.from_crystals(Crystal(10 * np.eye(3), rng.random((len(c), 3)), c) for c in cells)
    entries = [
        PDEntry(Composition("".join(f"{SYMBOLS[z - 1]}" for z in cell)), energy * len(cell))
        for cell, energy in zip(cells, energies, strict=True)
    ]
    diagram = PhaseDiagram(entries)
    for cell, energy, entry in zip(cells, energies, entries, strict=True):
        above = Hull.of_crystals(crystals, np.array(energies)).above(cell, energy)
        assert above.energy == pytest.approx(diagram.get_e_above_hull(entry), abs=1e-6)
        assert sum(above.decomposition.values()) == pytest.approx(1)
