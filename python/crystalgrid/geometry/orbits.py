"""Sites: where a crystal's symmetry lets its atoms be, and of what shape its lattice."""

from typing import NamedTuple

import torch
from torch import Tensor

from .lattices import from_parameters, parameters_of, products

GROUPS = 230
"""Space groups."""
WHOLE = 48
"""Turns and metrics are averages over operations, of which there are always a divisor of as many."""
FINE = 1 << 14
"""Shifts are multiples of one in so many, 0.6 mÅ of 10 Å."""


class Sites(NamedTuple):
    """Of B crystals with room for K atoms each. In whole numbers, as they are kept, or as they are used.

    Atoms that symmetry takes to each other are an orbit, and lie where one free point of space says: each at
    turn · free + shift, in fractional coordinates.
    """

    turn: Tensor
    """[B, K, 3, 3], in units of 1 / WHOLE; zero for no atom."""
    back: Tensor
    """[B, K, 3, 3], a step of the atom to the step of its orbit's free point; in units of 1 / WHOLE."""
    shift: Tensor
    """[B, K, 3], in units of 1 / FINE."""
    orbit: Tensor
    """[B, K], its orbit's first atom."""
    metric: Tensor
    """[B, 6, 6], takes a lattice's `products` to symmetric ones; in units of 1 / WHOLE."""
    group: Tensor
    """[B], the number of the space group."""


def as_used(sites: Sites, whole: int = WHOLE, fine: int = FINE) -> Sites:
    """From whole numbers to float32, indices to int64."""
    return Sites(
        sites.turn.float() / whole,
        sites.back.float() / whole,
        sites.shift.float() / fine,
        sites.orbit.long(),
        sites.metric.float() / whole,
        sites.group.long(),
    )


def of_orbit(sites: Sites, values: Tensor) -> Tensor:
    """[B, K, 3] of each atom's orbit's first one."""
    return values.gather(1, sites.orbit.unsqueeze(2).expand_as(values))


def moved(sites: Sites, steps: Tensor) -> Tensor:
    """Steps [B, K, 3] of atoms, where each orbit's first says how its free point moves."""
    return (sites.turn @ of_orbit(sites, steps).unsqueeze(3)).squeeze(3)


def placed(sites: Sites, free: Tensor) -> Tensor:
    """Fractional coordinates [B, K, 3] of atoms, of which each orbit's first has a free point of [B, K, 3]."""
    return moved(sites, free) + sites.shift


def symmetric(sites: Sites, steps: Tensor) -> Tensor:
    """Of steps of atoms [B, K, 3], in fractional coordinates, the part that keeps the symmetry."""
    together = (sites.orbit.unsqueeze(2) == sites.orbit.unsqueeze(1)).to(steps.dtype)
    free = together @ (sites.back @ steps.unsqueeze(3)).squeeze(3) / together.sum(2, keepdim=True)
    return moved(sites, free)


def symmetric_sides(sites: Sites, sides: Tensor) -> Tensor:
    """Of lattices' `parameters` [B, SIDES], those of the symmetric lattices that are nearest by their metric."""
    return parameters_of((sites.metric @ products(from_parameters(sides)).unsqueeze(2)).squeeze(2))


def shortest(sites: Sites, ways: Tensor, rounds: int = 3) -> Tensor:
    """Ways [B, K, 3] between two free points of an orbit to the shortest between their images that keep the symmetry.

    Only the first atom's of each orbit counts, whose `turn` takes any point to where it may be.
    """
    step = torch.tensor([0.0, -1.0, 1.0, -2.0, 2.0], device=ways.device)  # (x, 2 x, z) repeats after (1, 2, 0)
    steps = torch.cartesian_prod(step, step, step)
    possible = ((sites.turn.unsqueeze(2) @ steps.unsqueeze(2)).squeeze(4) - steps).abs().amax(3) < 0.5 / WHOLE
    for _ in range(rounds):
        length = (ways.unsqueeze(2) + steps).square().sum(3).masked_fill(~possible, torch.inf)
        ways = ways + steps[length.argmin(2)]
    return ways
