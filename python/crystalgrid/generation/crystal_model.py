"""A trained generator of crystals."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import torch
from torch import Tensor

from ..artifacts.generator_info import GeneratorInfo
from ..crystal import Crystal, CrystalLike
from ..errors import InputError
from ..latents import latents
from ..nets.generators.crystal_draws import Draws
from ..pool.threads import one_thread
from .conditions import Conditions, read_conditions
from .like import read_like

BATCH = 128
"""The number of crystals that are drawn together, always whole, so that a draw does not depend on how many are."""
MOST_TRIES = 4
"""The draws for each crystal that is wanted before it is given up, where conditions are hard to meet."""


WITH_VECTORS = (
    "autoencoders of crystals have encode_crystals and decode_crystals, such as crystalgrid.load('mp10a-latent'), "
    "those of densities encode and decode, such as mp10a-repeated; a generator has no latent vectors"
)
"""What is said of a model that is asked to encode or decode and cannot."""


class Drawn(NamedTuple):
    """A crystal that was drawn, as it is compared with others."""

    crystal: Crystal
    log_likelihood: float
    relative: int
    """The training crystal that its geometry began at, -1 for none."""


class CrystalModel:
    """A generator of crystals with its description."""

    def __init__(self, network: Any, metadata: GeneratorInfo) -> None:
        self.network = network.eval()
        self.metadata = metadata
        self.noise_dim: int = network.noise_dim

    if not TYPE_CHECKING:  # which would then take any name for an attribute

        def __getattr__(self, name: str) -> NoReturn:
            """Raise AttributeError that says which models encode and decode, if that is what is wanted."""
            advice = f"; {WITH_VECTORS}" if name.startswith(("encode", "decode")) else ""
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{advice}")

    def generate(
        self,
        n: int,
        *,
        like: CrystalLike | str | Path | None = None,
        strength: float | None = None,
        fix: Any = None,
        best: int | None = None,
        seed: int = 0,
        **conditions: Any,
    ) -> list[Crystal]:
        """Return crystals that meet the conditions, as `crystalgrid.generate` does."""
        check_count("n", n)
        check_count("best", 1 if best is None else best)
        read = read_conditions(conditions) | read_like(like, strength, fix)
        plan = self.plan(read)
        if best is None:
            return [drawn.crystal for drawn in self.some(n, seed, read, plan)]
        if "formula" in read:
            with as_it_is():
                draws = Draws(*self.network.likeliest(best, read, plan))
            return [crystal for crystal in crystals_of(draws) if crystal is not None]
        if best > n:
            raise InputError(f"best: wanted at most {n}, the number of draws, got {best}; a larger n draws more")
        return different(sorted(self.some(n, seed, read, plan), key=lambda drawn: -drawn.log_likelihood))[:best]

    def plan(self, conditions: Conditions) -> Tensor:
        """Return what all draws share. Raises InputError in one line for conditions that cannot be met."""
        with as_it_is():
            if problem := self.network.problem(conditions):
                raise InputError(problem)
            plan: Tensor = self.network.plan(conditions)
        return plan

    def draws(self, first: int, seed: int, conditions: Conditions, plan: Tensor) -> Draws:
        """Return draws `first` to `first + BATCH` of the library `seed`, as the C++ sampler draws them."""
        noise = latents(seed, first, BATCH, self.noise_dim)
        with as_it_is():
            return Draws(*self.network.draw(noise, conditions, plan))

    def some(self, n: int, seed: int, conditions: Conditions, plan: Tensor) -> list[Drawn]:
        """Return the first n crystals that could be drawn; warn if they are fewer."""
        found: list[Drawn] = []
        n_drawn = 0
        for first in range(0, MOST_TRIES * n + BATCH, BATCH):
            if len(found) >= n:
                break
            draws = self.draws(first, seed, conditions, plan)
            n_drawn += BATCH
            columns = crystals_of(draws), draws.log_likelihood.tolist(), draws.relative.tolist()
            found += [Drawn(crystal, *values) for crystal, *values in zip(*columns, strict=True) if crystal is not None]
        if len(found) < n:
            warnings.warn(
                f"generate: {len(found)} of {n} crystals met the conditions in {n_drawn} draws; "
                "wider ranges of density, volume or atoms are easier to meet",
                stacklevel=4,
            )
        return found[:n]


@contextmanager
def as_it_is() -> Iterator[None]:
    """Run networks without gradients, on one thread, and TorchScript without optimizing it.

    Optimizing would take a minute, and round the first batches differently. The layers of generators are so small that
    several threads gain little, and on a busy machine they wait for each other many times as long as they compute.
    """
    with torch.inference_mode(), torch.jit.optimized_execution(False), one_thread():
        yield


def check_count(name: str, count: object) -> None:
    """Raise InputError unless a number of crystals is a whole number from 1 on."""
    if isinstance(count, bool) or not isinstance(count, Integral) or count < 1:
        raise InputError(f"{name}: wanted a whole number of crystals from 1 on, got {count!r}")


def crystals_of(draws: Draws) -> Iterator[Crystal | None]:
    """Yield the primitive cell of each draw as a Crystal; None for one that could not be drawn."""
    offsets = draws.atom_offsets.tolist()
    for b, (start, end) in enumerate(pairwise(offsets)):
        lattice, atoms = draws.primitive_lattice[b].numpy(), slice(start, end)
        yield Crystal(lattice, draws.frac_coords[atoms].numpy(), draws.numbers[atoms].numpy()) if end > start else None


def different(ranked: list[Drawn]) -> list[Crystal]:
    """Return crystals without those that began at the known crystal of another, with its type and elements.

    Type and elements are the same where formula and likelihood are.
    """
    first = {
        (drawn.crystal.formula, round(drawn.log_likelihood, 6), drawn.relative): drawn.crystal
        for drawn in reversed(ranked)
    }
    return list(reversed(first.values()))
