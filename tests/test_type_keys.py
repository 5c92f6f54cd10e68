"""Keys of structure types, crystals and formulas: equal for what is the same, and for nothing else."""

from collections.abc import Hashable

import numpy as np
import torch

from crystalgrid.nets.generators.structure_types import StructureTypes
from crystalgrid.nets.generators.type_keys import TypeKeys
from crystalgrid.nets.generators.wyckoff_words import SLOTS
from reference_compositions import reduced
from reference_generators import described


def are_equal_alike(keys: torch.Tensor, twins: list[Hashable]) -> bool:
    """Return whether keys [B] are equal where their twins are, and only there."""
    pairs = set(zip(keys.tolist(), twins, strict=True))
    return len(pairs) == len(set(twins)) == len(set(keys.tolist()))


def compositions(number: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return elements and counts [B, SLOTS] of few elements, so that many formulas occur twice, in any slots."""
    rng = np.random.default_rng(0)
    elements, counts = torch.zeros(2, number, SLOTS, dtype=torch.int64)
    for row in range(number):
        n = int(rng.integers(1, 4))
        slots = rng.permutation(SLOTS)[:n].tolist()
        elements[row, slots] = torch.from_numpy(rng.choice([1, 8, 22, 26, 94], n, replace=False))
        counts[row, slots] = torch.from_numpy(rng.integers(1, 5, n) * rng.integers(1, 3))
    counts[-1] *= 64
    return elements, counts


def test_formulas_have_one_key_each() -> None:
    elements, counts = compositions(2000)
    twins = [tuple(reduced(z, n)) for z, n in zip(elements.tolist(), counts.tolist(), strict=True)]
    assert 200 < len(set(twins)) < 1000
    assert are_equal_alike(TypeKeys().formula_keys(elements, counts), twins)


def test_formulas_are_seen_if_a_known_crystal_has_them() -> None:
    elements, counts = compositions(400)
    formulas = [reduced(z, n) for z, n in zip(elements.tolist(), counts.tolist(), strict=True)]
    types = StructureTypes(100, 0)
    types.elements.copy_(elements[:100])
    types.counts.copy_(counts[:100])
    types.index()
    seen = [formula in formulas[:100] for formula in formulas]
    assert types.formula_seen(elements, counts).tolist() == seen
    assert 50 < sum(seen[100:]) < 250


def test_types_and_crystals_have_one_key_each() -> None:
    rng = np.random.default_rng(0)
    group = torch.from_numpy(rng.integers(1, 3, 2000))
    letters, slots = torch.from_numpy(rng.integers(0, 3, (2000, 4))), torch.from_numpy(rng.integers(0, 2, (2000, 4)))
    letters[torch.arange(4) >= torch.from_numpy(rng.integers(1, 5, (2000, 1)))] = -1
    keys = TypeKeys()
    type_key = keys.type_keys(group, letters, slots)
    values = zip(group.tolist(), letters.tolist(), slots.tolist(), strict=True)
    types = [described(*description) for description in values]
    assert 200 < len(set(types)) < 1500
    assert are_equal_alike(type_key, types)
    n_slots = 1 + slots.masked_fill(letters < 0, 0).amax(1, keepdim=True)
    elements = torch.from_numpy(rng.choice([1, 2, 8, 94], (2000, SLOTS))) * (torch.arange(SLOTS) < n_slots)
    crystals = [(type_, tuple(row)) for type_, row in zip(types, elements.tolist(), strict=True)]
    assert len(set(types)) < len(set(crystals)) < 1950
    assert are_equal_alike(keys.crystal_keys(type_key, elements), crystals)
