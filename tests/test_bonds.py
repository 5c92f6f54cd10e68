"""Bonds: the neighbours that textbooks draw, and no others."""

import itertools

import numpy as np
import pytest

from crystalgrid import Crystal
from crystalgrid.crystal import ATOMIC_NUMBERS
from crystalgrid.geometry.asymmetric_unit import conventional_operations
from crystalgrid.geometry.bonds import REACH, SHORTEST, bonds
from crystalgrid.geometry.elements import COVALENT_RADII

HEXAGONAL = np.array([[1, 0, 0], [-0.5, 0.75**0.5, 0], [0, 0, 1]])
SALT = 225, 5.64 * np.eye(3), {"Na": (0, 0, 0), "Cl": (0.5, 0.5, 0.5)}
PEROVSKITE = 221, 3.905 * np.eye(3), {"Sr": (0.5, 0.5, 0.5), "Ti": (0, 0, 0), "O": (0.5, 0, 0)}
SPINEL = 227, 8.08 * np.eye(3), {"Mg": (0.125,) * 3, "Al": (0.5,) * 3, "O": (0.2624,) * 3}
IRON = 229, 2.866 * np.eye(3), {"Fe": (0, 0, 0)}
CALCITE = 167, np.diag([4.99, 4.99, 17.06]) @ HEXAGONAL, {"Ca": (0, 0, 0), "C": (0, 0, 0.25), "O": (0.2568, 0, 0.25)}
INTERMETALLIC = 221, 3.57 * np.eye(3), {"Al": (0, 0, 0), "Ni": (0.5, 0.5, 0)}


def cluster(number: int, lattice: np.ndarray, sites: dict[str, tuple[float, ...]]) -> tuple[np.ndarray, np.ndarray]:
    """Return positions and numbers of the atoms of 3 × 3 × 3 cells of a crystal."""
    rotations, translations = conventional_operations(number)
    steps = np.array(list(itertools.product((-1, 0, 1), repeat=3)))
    positions, numbers = [], []
    for symbol, site in sites.items():
        orbit = np.unique((rotations @ site + translations).round(6) % 1.0, axis=0)
        positions.append((orbit + steps[:, None]).reshape(-1, 3) @ lattice)
        numbers.append(np.full(len(positions[-1]), ATOMIC_NUMBERS[symbol]))
    return np.concatenate(positions), np.concatenate(numbers)


@pytest.mark.parametrize(
    ("crystal", "neighbours"),
    [
        (SALT, {"Na": 6, "Cl": 6}),
        (PEROVSKITE, {"Sr": 0, "Ti": 6, "O": 2}),
        (SPINEL, {"Mg": 4, "Al": 6, "O": 4}),
        (IRON, {"Fe": 8}),
        (CALCITE, {"Ca": 0, "C": 3, "O": 1}),
        (INTERMETALLIC, {"Al": 12, "Ni": 12}),
    ],
    ids=["salt", "perovskite", "spinel", "iron", "calcite", "intermetallic"],
)
def test_neighbours_are_those_of_textbooks(crystal, neighbours: dict[str, int]) -> None:
    positions, numbers = cluster(*crystal)
    counts = np.bincount(bonds(positions, numbers).reshape(-1), minlength=len(numbers))
    for symbol, count in neighbours.items():
        same = np.flatnonzero(numbers == ATOMIC_NUMBERS[symbol])
        innermost = same[np.linalg.norm(positions[same] - positions.mean(axis=0), axis=1).argmin()]
        assert counts[innermost] == count, symbol


def test_bonds_of_nonmetals_are_all_pairs_that_are_near() -> None:
    rng = np.random.default_rng(0)
    positions, numbers = rng.uniform(0, 7, (60, 3)), rng.choice([1, 6, 8, 16], 60)
    lengths = np.linalg.norm(positions[:, None] - positions, axis=2)
    longest = REACH * (COVALENT_RADII[numbers][:, None] + COVALENT_RADII[numbers])
    expected = np.argwhere(np.triu((lengths > SHORTEST) & (lengths < longest), 1))
    found = np.sort(bonds(positions, numbers), axis=1)
    assert sorted(map(tuple, found)) == sorted(map(tuple, expected))


def test_atoms_in_one_place_are_not_bonded() -> None:
    crystal = Crystal(4 * np.eye(3), [[0, 0, 0], [0, 0, 1e-5]], [6, 6])
    assert len(bonds(crystal.positions, crystal.numbers)) == 0
