"""Tests of novelty: which crystals are the same as others, and which as known ones."""

import numpy as np
import pytest

from crystalgrid.crystal import Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.worth.novelty import formula_halves, novelty
from zoo import ZOO, random_rotation

ROCK_SALT = Crystal(
    [[0, 2.8, 2.8], [2.8, 0, 2.8], [2.8, 2.8, 0]],
    [[0, 0, 0], [0.5, 0.5, 0.5]],
    [11, 17],
)
LIKE_CSCL = Crystal(3.5 * np.eye(3), [[0, 0, 0], [0.5, 0.5, 0.5]], [11, 17])
ZINC_BLENDE = Crystal(ROCK_SALT.lattice, [[0, 0, 0], [0.25, 0.25, 0.25]], [11, 17])


def as_set(named: dict[str, Crystal]) -> CrystalSet:
    return CrystalSet.from_crystals(named.values(), named)


def in_another_cell(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """The same crystal, turned, moved, 4 % smaller, its atoms 0.03 Å off, in a cell of twice the volume."""
    basis = np.array([[1, 1, 0], [1, -1, 0], [0, 1, 1]])
    twice = np.concatenate([crystal.frac_coords + np.array([i, 0, 0]) for i in range(2)]) @ np.linalg.inv(basis)
    lattice = 0.96 * basis @ crystal.lattice @ random_rotation(rng)
    off = rng.normal(size=twice.shape) @ np.linalg.inv(lattice) * 0.03
    order = rng.permutation(len(twice))
    return Crystal(lattice, (twice + off + rng.random(3))[order], np.tile(crystal.numbers, 2)[order])


@pytest.mark.parametrize("name", ["rock salt", *ZOO])
def test_a_crystal_is_known_in_any_cell(name: str) -> None:
    crystal = {"rock salt": ROCK_SALT, **ZOO}[name]
    rng = np.random.default_rng(0)
    others = as_set({"one": in_another_cell(crystal, rng), "two": in_another_cell(crystal, rng)})
    same_as, known_as = novelty(others, as_set({"other": LIKE_CSCL, "known": crystal}))
    assert same_as.tolist() == ["", "one"]
    assert known_as.tolist() == ["known", "known"]


def test_polymorphs_and_other_elements_are_new() -> None:
    swapped = Crystal(ZINC_BLENDE.lattice, ZINC_BLENDE.frac_coords, [17, 11])  # the same, seen from the other
    other = Crystal(ROCK_SALT.lattice, ROCK_SALT.frac_coords, [19, 17])
    more = Crystal(LIKE_CSCL.lattice, [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0, 0]], [11, 17, 11])
    crystals = {"a": ZINC_BLENDE, "b": LIKE_CSCL, "c": other, "d": swapped, "e": more, "f": ROCK_SALT}
    same_as, known_as = novelty(as_set(crystals), as_set({"known": ROCK_SALT}))
    assert same_as.tolist() == ["", "", "", "a", "", ""]
    assert known_as.tolist() == ["", "", "", "", "", "known"]


def test_crystals_are_counted_by_whether_their_formula_is_known() -> None:
    other = Crystal(ROCK_SALT.lattice, ROCK_SALT.frac_coords, [19, 17])
    crystals, known = as_set({"a": ZINC_BLENDE, "b": ROCK_SALT, "c": other, "d": ROCK_SALT}), as_set({"x": ROCK_SALT})
    assert formula_halves(crystals, known, *novelty(crystals, known)) == (2, 1, 1)
    assert formula_halves(crystals, known[:0], *novelty(crystals, known[:0])) == (0, 0, 3)


def test_processes_change_nothing() -> None:
    crystals = [ROCK_SALT, ZINC_BLENDE, LIKE_CSCL, *list(ZOO.values())[:5]]
    drawn = np.random.default_rng(1).integers(len(crystals), size=24).tolist()
    many = as_set({str(i): crystals[i_crystal] for i, i_crystal in enumerate(drawn)})
    known_set = as_set({"x": ZINC_BLENDE, "y": crystals[4]})
    alone, together = novelty(many, known_set), novelty(many, known_set, workers=2)
    np.testing.assert_array_equal(alone, together)
    firsts = [drawn.index(i_crystal) for i_crystal in drawn]
    assert alone[0].tolist() == ["" if first == i else str(first) for i, first in enumerate(firsts)]
    assert alone[1].tolist() == [{1: "x", 4: "y"}.get(i_crystal, "") for i_crystal in drawn]


def test_the_order_changes_nothing() -> None:
    """Each of a row of crystals is the same as its neighbours and not as those farther away."""
    row = [
        Crystal(np.diag([4.0, 4.0, 4.0 + 0.35 * i]), [[0, 0, 0], [0.5, 0.5, 0.5 - 0.03 * i]], [11, 17])
        for i in range(12)
    ]
    known, names = as_set({"x": row[0], "y": row[9]}), [str(i) for i in range(len(row))]
    partitions = []
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(row))
        listed = as_set({names[i]: row[i] for i in order})
        same_as, known_as = novelty(listed, known)
        groups: dict[str, set[str]] = {}
        for id, same, match in zip(listed.ids, same_as, known_as, strict=True):
            groups.setdefault(same or id, {match}).add(id)
        partitions.append(sorted(map(sorted, groups.values())))
    assert 1 < len(partitions[0]) < len(row)
    assert partitions[0] == partitions[1] == partitions[2]


def test_crystals_of_one_id_are_told_apart() -> None:
    """Two libraries may hold different structures with the same index."""
    two_libraries = CrystalSet.concatenate([as_set({"0": ROCK_SALT}), as_set({"0": LIKE_CSCL})])
    same_as, known_as = novelty(two_libraries, as_set({"known": ROCK_SALT}))
    assert (same_as.tolist(), known_as.tolist()) == (["", ""], ["known", ""])


def test_nothing_is_known_of_nothing() -> None:
    none = as_set({})
    assert [len(part) for part in novelty(none, as_set({"a": ROCK_SALT}))] == [0, 0]
    same_as, known_as = novelty(as_set({"a": ROCK_SALT}), none)
    assert (same_as.tolist(), known_as.tolist()) == ([""], [""])
