"""Examples of latent vectors with the composition of their crystals, and the readout that learns from them.

A latent vector says in its own way which elements a crystal has. Any crystal can be encoded with other elements in
place of its own, and so shows how they are said: no property needs to be known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..generation.latent_model import LatentModel
from ..geometry.canonical_unit import CanonicalUnit, slots_of
from ..geometry.elements import MENDELEEV_NUMBERS
from ..geometry.wyckoff import standard_group
from ..nets.composition_readout import CompositionReadout
from ..progress import progress

MOST_REDRESSED, MOST_COPIES = 60_000, 10
"""The most crystals with other elements in all, and of one crystal."""
EPOCHS, BATCH, LEARNING_RATE, WEIGHT_DECAY = 12, 128, 2e-3, 1e-2
NOISE = 0.1
"""The deviation of random numbers that are added to standardized vectors."""


class Readings(NamedTuple):
    """K latent vectors with the compositions of their crystals."""

    z: Tensor
    """[K, latent_dim]."""
    elements: Tensor
    """[K, S] int64, Z of each slot; 0 after the last."""
    shares: Tensor
    """[K, S], of the atoms."""


def readings(model: LatentModel, units: Sequence[CanonicalUnit], z: Tensor, seed: int) -> Readings:
    """Return crystals with their latent vectors [B, latent_dim], and the same with other elements."""
    rng = np.random.default_rng(seed)
    copies = int(np.clip(MOST_REDRESSED // len(units), 1, MOST_COPIES))
    seen = np.array(sorted(model.limits.elements, key=lambda number: MENDELEEV_NUMBERS[number]))
    chosen = [units[i] for i in rng.permutation(len(units))[: MOST_REDRESSED // copies]]
    other = [redressed(unit, seen, rng) for _ in range(copies) for unit in chosen]
    compositions = [composition(unit) for unit in [*units, *other]]
    slots = max(len(elements) for elements, _ in compositions)
    padded = [
        np.stack([np.pad(part, (0, slots - len(part))) for part in parts]) for parts in zip(*compositions, strict=True)
    ]
    return Readings(
        torch.cat((z, model.encode_units(other)[0])), torch.from_numpy(padded[0]), torch.from_numpy(padded[1]).float()
    )


def redressed(unit: CanonicalUnit, seen: np.ndarray, rng: np.random.Generator) -> CanonicalUnit:
    """Return a crystal with random ones of the elements seen, whose order by Mendeleev number is that of its own."""
    own, slot = np.unique(MENDELEEV_NUMBERS[unit.numbers], return_inverse=True)
    return unit._replace(numbers=seen[np.sort(rng.choice(len(seen), len(own), replace=False))][slot])


def composition(unit: CanonicalUnit) -> tuple[np.ndarray, np.ndarray]:
    """Return the element of each slot of a crystal, and its share of the atoms, both [S]."""
    slot, elements = slots_of(unit.numbers)
    positions = standard_group(unit.space_group).positions
    counts = np.bincount(slot, [positions[letter].multiplicity for letter in unit.letters])
    return elements, counts / counts.sum()


def fit_readout(readout: CompositionReadout, x: Tensor, elements: Tensor, shares: Tensor) -> None:
    """Fit a readout to compositions of standardized vectors x [K, size]."""
    optimizer = torch.optim.AdamW(readout.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    n_steps = EPOCHS * -(-len(x) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, n_steps)
    for _ in progress(range(EPOCHS), "reading compositions"):
        for rows in torch.randperm(len(x)).split(BATCH):
            logits, predicted = readout(x[rows] + NOISE * torch.randn_like(x[rows]))
            # The absolute error, since shares are ratios of small numbers: most can be read exactly.
            loss = F.cross_entropy(logits.flatten(0, 1), elements[rows].flatten())
            loss = loss + (predicted - shares[rows]).abs().sum(1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
