"""Normalisers of space groups: every change keeps the operations, and exchanges the letters that tables exchange."""

import numpy as np
import pytest

from crystalgrid.geometry.normaliser import letter_of, normaliser, orbit_of
from crystalgrid.geometry.wyckoff import standard_group


@pytest.mark.parametrize("number", [1, 4, 12, 14, 31, 62, 88, 122, 152, 166, 198, 216, 225, 227])
def test_a_change_maps_an_orbit_onto_an_orbit(number: int) -> None:
    group, rng = standard_group(number), np.random.default_rng(number)
    for change in normaliser(number):
        for position in group.positions:
            orbit = orbit_of(group, position.linear @ rng.random(3) + position.offset)
            changed = orbit @ change.linear.T + change.shift
            again = orbit_of(group, changed[0])
            difference = changed[:, None] - again
            assert (np.abs(difference - np.rint(difference)).max(2) < 1e-6).any(1).all()
            assert letter_of(group, again) == change.letters[position.letter]


def test_the_two_ions_of_rock_salt_change_places() -> None:
    letters = [change.letters[:4].tolist() for change in normaliser(225)]
    assert letters == [[0, 1, 2, 3], [1, 0, 2, 3]]


def test_a_generic_crystal_has_as_many_descriptions_as_the_tables_say() -> None:
    # Indices of the group in its Euclidean normaliser without continuous shifts and reflections that are not its own.
    assert {number: len(normaliser(number)) for number in (2, 62, 166, 225, 229)} == {
        2: 8,
        62: 8,
        166: 2,
        225: 2,
        229: 1,
    }
