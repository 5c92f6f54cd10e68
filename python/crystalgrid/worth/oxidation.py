"""The likeliest oxidation states of a composition, by how often each element has which in the ICSD."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cache

from ..crystal import ATOMIC_NUMBERS, SYMBOLS
from ..geometry.elements import ELECTRONEGATIVITIES
from .composition import Counts


@cache
def oxidation_states(counts: Counts) -> str:
    """Return such as 'Li+1 Mn+3 O-2', the likeliest states that balance, or '' if none do; for mixed ones their mean.

    The states of one element are at most 1 apart. Likelihoods multiply over atoms.
    """
    likeliest: dict[int, tuple[float, tuple[float, ...]]] = {0: (0.0, ())}
    for z, n in counts:
        following: dict[int, tuple[float, tuple[float, ...]]] = {}
        choices = list(_charge_sums(_frequencies().get(z, {}), n))
        for total, (score, means) in likeliest.items():
            for charge, gain in choices:
                if score + gain > following.get(total + charge, (-math.inf, ()))[0]:
                    following[total + charge] = score + gain, (*means, charge / n)
        likeliest = following
    _, means = likeliest.get(0, (0.0, ()))
    states = [
        (ELECTRONEGATIVITIES[z], f"{SYMBOLS[z - 1]}{mean:+.3g}") for (z, _), mean in zip(counts, means, strict=False)
    ]
    return " ".join(text for _, text in sorted(states))


def _charge_sums(frequencies: Mapping[int, float], n: int) -> Iterator[tuple[int, float]]:
    """Yield the charge of n atoms of an element, states at most 1 apart, with the logarithm of its likelihood."""
    for state, frequency in frequencies.items():
        yield n * state, n * math.log(frequency)
        if state + 1 in frequencies:
            gain = math.log(frequencies[state + 1]) - math.log(frequency)
            yield from ((n * state + k, n * math.log(frequency) + k * gain) for k in range(1, n))


@cache
def _frequencies() -> dict[int, dict[int, float]]:
    """Return the share of each oxidation state but 0 among crystals of the ICSD, by atomic number."""
    from pymatgen.analysis.bond_valence import PRIOR_PROB

    occurrences: dict[int, dict[int, float]] = {}
    for species, number in PRIOR_PROB.items():
        state = int(species.oxi_state or 0)
        if state and number > 0 and species.symbol in ATOMIC_NUMBERS:
            occurrences.setdefault(species.Z, {})[state] = number
    return {z: {s: n / sum(states.values()) for s, n in states.items()} for z, states in occurrences.items()}
