"""Latent vectors moved along the gradient of a property, and judged by the crystals that they decode to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ..crystal import Crystal
from .described_crystals import canonical_units
from .property_model import PropertyModel

Goal = float | Literal["lower", "higher"]
Rule = Callable[[Crystal], bool]
"""A rule that says whether a crystal is valid."""
STEPS, LEARNING_RATE = 100, 0.05
LOOKS = 5
"""The number of times on the way that vectors are decoded and the crystals judged."""
CLOSE = 0.2
"""The weight of the squared distance from the start, so that vectors stay where the prediction was learned."""


class Reached(NamedTuple):
    """A crystal that a latent vector decodes to on its way."""

    crystal: Crystal
    own: Tensor
    """[latent_dim], the latent vector of the crystal itself, encoded anew."""
    predicted: float
    """The prediction for that, not for the vector that the crystal was decoded from."""
    is_valid: bool

    def is_better(self, rival: Reached, goal: Goal) -> bool:
        """Return whether this is valid and another is not or, if that is the same for both, nearer to the goal."""
        if self.is_valid != rival.is_valid:
            return self.is_valid
        return is_nearer(self.predicted, rival.predicted, goal)


class Found(NamedTuple):
    """The best crystal that one start led to, with the prediction at the start and for the crystal."""

    start: float
    crystal: Crystal
    predicted: float


def distance(predicted: Tensor, goal: Goal) -> Tensor:
    """Return how far predictions [B] are from a goal: what is to be made small."""
    if isinstance(goal, str):
        return predicted if goal == "lower" else -predicted
    return (predicted - goal).abs()


def is_nearer(value: float, rival: float, goal: Goal) -> bool:
    """Return whether one value is nearer to the goal than another."""
    first, second = distance(torch.tensor([value, rival]), goal).tolist()
    return bool(first < second)


def optimise(model: PropertyModel, start: Tensor, goal: Goal, rule: Rule) -> list[Found | None]:
    """Return the best crystal that each latent vector [B, latent_dim] leads to, or None if there is none."""
    best: dict[int, Reached] = {}
    for crystals in crystals_on_the_way(model, start, goal, rule):
        for i, reached in crystals.items():
            if i not in best or reached.is_better(best[i], goal):
                best[i] = reached
    values = model.head(start).tolist()
    return [Found(value, best[i].crystal, best[i].predicted) if i in best else None for i, value in enumerate(values)]


def crystals_on_the_way(
    model: PropertyModel, start: Tensor, goal: Goal, rule: Rule, looks: int = LOOKS
) -> Iterator[dict[int, Reached]]:
    """Yield, `looks` times, the crystals that latent vectors [B, latent_dim] decode to, as `crystals_at` returns them.

    A vector goes along the gradient of the prediction and stays near where it began. On its way it is decoded, and each
    crystal is encoded anew: the prediction for that decides, since a vector may fool the head where no crystal is. A
    valid crystal that is better than all before is where the way begins again.
    """
    z, origin, best_so_far = start.clone(), start.clone(), model.head(start).tolist()
    for _ in range(looks):
        z = after_gradient_steps(model, z, origin, goal, STEPS // looks)
        crystals = crystals_at(model, z, rule)
        for i, reached in crystals.items():
            if reached.is_valid and is_nearer(reached.predicted, best_so_far[i], goal):
                z[i], origin[i], best_so_far[i] = reached.own, reached.own, reached.predicted
        yield crystals


def after_gradient_steps(model: PropertyModel, z: Tensor, origin: Tensor, goal: Goal, steps: int) -> Tensor:
    """Return latent vectors [B, latent_dim] after some steps along the gradient of the prediction, near an origin."""
    scale = model.head.y_std
    z = z.clone().requires_grad_(True)
    optimizer = torch.optim.Adam([z], LEARNING_RATE)
    for _ in range(steps):
        loss = distance(model.head(z), goal) / scale + CLOSE * (z - origin).square().mean(1)
        (z.grad,) = torch.autograd.grad(loss.sum(), z)
        optimizer.step()
    return z.detach()


def crystals_at(model: PropertyModel, z: Tensor, rule: Rule) -> dict[int, Reached]:
    """Return the crystals that latent vectors [B, latent_dim] decode to, by row; without those that cannot be encoded.

    Only elements that the property was learned from are decoded: what is predicted for others means nothing.
    """
    decoded = enumerate(model.latent.decode_crystals(z, among=model.elements))
    pairs = [(i, crystal) for i, crystal in decoded if crystal is not None]
    units = canonical_units([crystal for _, crystal in pairs], model.latent.limits)[0]
    if not units:
        return {}
    own = model.latent.encode_units(list(units.values()))[0]
    found = zip(units, own, model.head(own).tolist(), strict=True)
    crystals = ((*pairs[n], vector, value) for n, vector, value in found)
    return {i: Reached(crystal, vector, value, rule(crystal)) for i, crystal, vector, value in crystals}
