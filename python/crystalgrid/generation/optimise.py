"""Latent vectors moved along the gradient of a property, and judged by the crystals that they decode to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ..crystal import Crystal
from ..geometry.canonical_unit import CanonicalUnit
from .described_crystals import canonical_units
from .property_model import PropertyModel

Goal = float | Literal["lower", "higher"]
STEPS, LEARNING_RATE = 100, 0.05
LOOKS = 5
"""The number of times on the way that vectors are decoded and the crystals judged."""
CLOSE = 0.2
"""The weight of the squared distance from the start, so that vectors stay where the prediction was learned."""


class Found(NamedTuple):
    """The best crystal that one start led to."""

    start: float
    """The prediction at the start."""
    crystal: Crystal
    predicted: float
    """The prediction for the crystal itself, encoded anew, not for the vector that it was decoded from."""


def distance(predicted: Tensor, goal: Goal) -> Tensor:
    """Return how far predictions [B] are from a goal: what is to be made small."""
    if isinstance(goal, str):
        return predicted if goal == "lower" else -predicted
    return (predicted - goal).abs()


def optimise(model: PropertyModel, start: Tensor, goal: Goal) -> list[Found | None]:
    """Return the best crystal that each latent vector [B, latent_dim] leads to, or None if `crystals_at` has none."""
    first = model.head(start)
    best: list[Found | None] = [None] * len(start)
    for crystals in crystals_on_the_way(model, start, goal):
        for i, (crystal, predicted) in crystals.items():
            found, rival = Found(float(first[i]), crystal, predicted), best[i]
            if rival is None or is_nearer(found.predicted, rival.predicted, goal):
                best[i] = found
    return best


def crystals_on_the_way(
    model: PropertyModel, start: Tensor, goal: Goal, looks: int = LOOKS
) -> Iterator[dict[int, tuple[Crystal, float]]]:
    """Yield so many times the crystals that latent vectors [B, latent_dim] decode to, as `crystals_at` returns them.

    A vector goes along the gradient of the prediction and stays near its start. On its way it is decoded, and each
    crystal is encoded anew: the prediction for that decides, since a vector may fool the head where no crystal is.
    """
    scale = model.head.y_std
    z = start.clone().requires_grad_(True)
    optimizer = torch.optim.Adam([z], LEARNING_RATE)
    for step in range(1, STEPS + 1):
        loss = distance(model.head(z), goal) / scale + CLOSE * (z - start).square().mean(1)
        (gradient,) = torch.autograd.grad(loss.sum(), z)
        z.grad = gradient
        optimizer.step()
        if step % (STEPS // looks) == 0:
            yield crystals_at(model, z.detach())


def crystals_at(model: PropertyModel, z: Tensor) -> dict[int, tuple[Crystal, float]]:
    """Return the crystals that latent vectors decode to, each with the prediction for its own latent vector.

    Those with elements that the property was not learned from are left out: what is predicted for them means nothing.
    """
    decoded = enumerate(model.latent.decode_crystals(z))
    crystals = {i: crystal for i, crystal in decoded if crystal is not None and model.has_learned(crystal)}
    units: dict[int, CanonicalUnit] = canonical_units(list(crystals.values()), model.latent.limits)[0]
    if not units:
        return {}
    predicted = model.head(model.latent.encode_units(list(units.values()))[0]).tolist()
    pairs = list(crystals.items())
    return {pairs[n][0]: (pairs[n][1], value) for n, value in zip(units, predicted, strict=True)}


def is_nearer(value: float, rival: float, goal: Goal) -> bool:
    """Return whether one value is nearer to the goal than another."""
    first, second = distance(torch.tensor([value, rival]), goal).tolist()
    return bool(first < second)
