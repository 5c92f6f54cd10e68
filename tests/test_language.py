"""The language of crystals: what it draws in batches, against one sentence at a time."""

from __future__ import annotations

import pytest
import torch

from crystalgrid.crystal import MAX_Z
from crystalgrid.geometry.orbits import SPACE_GROUPS
from crystalgrid.nets.generators.wyckoff_language import ElementChoice, Sentences, WyckoffLanguage

ORBITS, DRAWN, TIMES = 5, 40, 3


@pytest.fixture(scope="module")
def language() -> WyckoffLanguage:
    torch.manual_seed(0)
    return WyckoffLanguage(48, 2, ORBITS).eval()


@pytest.fixture(scope="module")
def words() -> torch.Tensor:
    return torch.rand(DRAWN, 1 + 2 * ORBITS, generator=torch.Generator().manual_seed(1))


def types_of(language: WyckoffLanguage, words: torch.Tensor) -> tuple[torch.Tensor, ...]:
    beginning = language.beginning(torch.zeros(len(words), 0, 2, dtype=torch.int64))
    groups = torch.arange(SPACE_GROUPS + 1) > 0
    return language.draw_types(beginning, words, groups, (6, 24), (2, 5))


@torch.no_grad()
def test_types_are_those_that_are_drawn_alone(language: WyckoffLanguage, words: torch.Tensor) -> None:
    group, letters, slots, met = types_of(language, words)
    n_orbits = (letters >= 0).sum(1)
    assert 5 < met.sum() < len(met)  # some have too few elements or atoms, or no room for what must follow
    assert len(set(n_orbits.tolist())) > 3
    assert n_orbits[met].max() == ORBITS  # a sentence may be as long as they get
    for row in range(len(words)):
        alone = types_of(language, words[row : row + 1])
        n_orbits = alone[1].size(1)
        assert (group[row], met[row]) == (alone[0], alone[3])
        assert letters[row, :n_orbits].equal(alone[1][0])
        assert slots[row, :n_orbits].equal(alone[2][0])
        assert (letters[row, n_orbits:] == -1).all()


@torch.no_grad()
def test_elements_are_read_as_they_are_drawn(language: WyckoffLanguage, words: torch.Tensor) -> None:
    group, letters, slots, _ = types_of(language, words)
    beginning = language.beginning(torch.zeros(DRAWN, 0, 2, dtype=torch.int64))
    uniform = torch.rand(DRAWN, TIMES, language.slots, generator=torch.Generator().manual_seed(2))
    possible = torch.arange(MAX_Z + 1) > 0
    nothing = torch.zeros(1, language.slots, dtype=torch.int64)
    choice = ElementChoice(possible, nothing, 0, 1.0, torch.zeros(1, language.slots, 1))
    elements, reading = language.dress(beginning, group, letters, slots, uniform, choice)
    assert len(elements) == DRAWN * TIMES
    assert not elements[0::TIMES].equal(elements[1::TIMES])  # other elements on the same types
    n_slots = ((slots + 1) * (letters >= 0)).amax(1).repeat_interleave(TIMES)
    assert ((elements > 0).sum(1) == n_slots).all()
    for row in range(0, DRAWN * TIMES, 7):
        one, n_orbits = row // TIMES, int((letters[row // TIMES] >= 0).sum())
        alone = language.read(
            Sentences(
                group[one : one + 1],
                letters[one : one + 1, :n_orbits],
                slots[one : one + 1, :n_orbits],
                elements[row : row + 1, : n_slots[row]],
                torch.zeros(1, 0, 2, dtype=torch.int64),
            )
        )
        for value, expected in zip(reading, alone, strict=True):
            torch.testing.assert_close(value[row], expected[0], rtol=1e-4, atol=1e-5)
