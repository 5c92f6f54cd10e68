"""Structure types with elements on them, of equal lengths, so that they can be chosen, exchanged and stored in rows."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Dressed(NamedTuple):
    """B structure types with elements, of O orbits and S slots."""

    space_group: Tensor
    """[B] int64."""
    letters: Tensor
    """[B, O] int64, -1 after the last."""
    slots: Tensor
    """[B, O] int64, from 0."""
    elements: Tensor
    """[B, S] int64, Z of each slot; 0 after the last."""
    log_likelihood: Tensor
    """[B] float64."""
    log_volume: Tensor
    """[B] float64, the logarithm of the volume in Å³ per atom that the language expects."""
    tie_break: Tensor
    """[B] float64 in [0, 1], which of several equally near known crystals the geometry begins at: a share of them."""


def with_values(dressed: Dressed, log_likelihood: Tensor, log_volume: Tensor, tie_break: Tensor) -> Dressed:
    """Return the same structure types and elements with other likelihoods, volumes and tie breaks, each [B]."""
    group, letters, slots, elements, _, _, _ = dressed
    return Dressed(group, letters, slots, elements, log_likelihood, log_volume, tie_break)


def with_tie_break(dressed: Dressed, tie_break: Tensor) -> Dressed:
    """Return the same structure types with other tie breaks [B]."""
    return with_values(dressed, dressed.log_likelihood, dressed.log_volume, tie_break)


def to_orbits(values: Tensor, orbits: int, padding: int) -> Tensor:
    """Return values [B, n] padded to [B, orbits]."""
    return F.pad(values, [0, orbits - values.size(1)], value=float(padding))


def joined(parts: list[Dressed]) -> Dressed:
    """Return structure types of several parts as one."""
    return Dressed(
        torch.cat([part.space_group for part in parts]),
        torch.cat([part.letters for part in parts]),
        torch.cat([part.slots for part in parts]),
        torch.cat([part.elements for part in parts]),
        torch.cat([part.log_likelihood for part in parts]),
        torch.cat([part.log_volume for part in parts]),
        torch.cat([part.tie_break for part in parts]),
    )


def chosen(dressed: Dressed, rows: Tensor) -> Dressed:
    """Return the structure types of some rows."""
    return Dressed(
        dressed.space_group[rows],
        dressed.letters[rows],
        dressed.slots[rows],
        dressed.elements[rows],
        dressed.log_likelihood[rows],
        dressed.log_volume[rows],
        dressed.tie_break[rows],
    )


def replace(dressed: Dressed, rows: Tensor, others: Dressed) -> None:
    """Put other structure types in some rows."""
    for values, replacing in zip(dressed, others):  # noqa: B905, TorchScript has no strict
        values[rows] = replacing


def trimmed(dressed: Dressed) -> Dressed:
    """Return structure types with no more columns for orbits than the one with the most orbits needs."""
    most = max(1, int((dressed.letters >= 0).sum(1).max()))
    return Dressed(
        dressed.space_group,
        dressed.letters[:, :most],
        dressed.slots[:, :most],
        dressed.elements,
        dressed.log_likelihood,
        dressed.log_volume,
        dressed.tie_break,
    )


def padded(dressed: Dressed, orbits: int) -> Dressed:
    """Return structure types with columns for `orbits` orbits."""
    return Dressed(
        dressed.space_group,
        to_orbits(dressed.letters, orbits, -1),
        to_orbits(dressed.slots, orbits, 0),
        dressed.elements,
        dressed.log_likelihood,
        dressed.log_volume,
        dressed.tie_break,
    )


def to_rows(dressed: Dressed) -> Tensor:
    """Return structure types as rows of numbers, [B, 3 + 2 O + S] float64, without their tie breaks."""
    single = (dressed.space_group.double(), dressed.log_likelihood, dressed.log_volume)
    return torch.cat((torch.stack(single, 1), dressed.letters, dressed.slots, dressed.elements), 1)


def from_rows(rows: Tensor, orbits: int, slots: int) -> Dressed:
    """Return the structure types that `to_rows` made rows of, each with the first of equally near known crystals."""
    whole = rows[:, 3:].long()
    letters, slots_of_orbits, elements = whole.split([orbits, orbits, slots], 1)
    group, log_likelihood, log_volume = rows[:, 0].long(), rows[:, 1], rows[:, 2]
    return Dressed(group, letters, slots_of_orbits, elements, log_likelihood, log_volume, torch.zeros_like(log_volume))
