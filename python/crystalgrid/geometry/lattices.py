"""Lattices: their shortest bases, and six parameters of which any values describe a lattice."""

import torch
from torch import Tensor

LATTICE_PARAMS = 6
"""The number of parameters of a lattice, without its orientation."""
ROUNDS = 8
"""The rounds in which basis vectors are made shorter; lattices of data sets need two or three."""


def reduced(lattice: Tensor, rounds: int = ROUNDS, ties: float = 0.0) -> Tensor:
    """Return the shortest bases of lattices, sorted by length, with no obtuse angle at the first vector.

    lattice: bases [B, 3, 3], rows in Å.
    ties: vectors whose lengths differ by a smaller share keep their order; otherwise rounding would choose among
        vectors that are equal by symmetry.
    """
    index = torch.arange(9, device=lattice.device) - 4
    handicap = 1 + ties * (index.abs() + 0.5 * (index > 0))  # the fifth of the nine, no change at all, has none
    step = torch.tensor([-1.0, 0.0, 1.0], dtype=lattice.dtype, device=lattice.device)
    for _ in range(rounds):
        lattice = by_length(lattice, ties)
        a, b, c = lattice.unbind(1)
        b = b - ((1 - ties) * dot(a, b) / dot(a, a)).round() * a
        c = c - ((1 - ties) * dot(a, c) / dot(a, a)).round() * a
        c = c - ((1 - ties) * dot(b, c) / dot(b, b)).round() * b
        choices = c[:, None, None] + step[:, None, None] * a[:, None, None] + step[:, None] * b[:, None, None]
        choices = choices.flatten(1, 2)
        shortest = (choices.square().sum(2) * handicap).argmin(1)[:, None, None].expand(-1, 1, 3)
        lattice = torch.stack((a, b, choices.gather(1, shortest).squeeze(1)), 1)
    a, b, c = by_length(lattice, ties).unbind(1)
    obtuse = -ties * dot(a, a)
    return torch.stack((a, torch.where(dot(a, b) < obtuse, -b, b), torch.where(dot(a, c) < obtuse, -c, c)), 1)


def neighbours(device: torch.device | None = None) -> Tensor:
    """Return the integer translations from a cell to itself, the first, and to the 26 cells around it, [27, 3]."""
    step = torch.tensor([0.0, -1.0, 1.0], device=device)
    return torch.cartesian_prod(step, step, step)


def by_length(lattice: Tensor, ties: float = 0.0) -> Tensor:
    """Return basis vectors [B, 3, 3] sorted by length, the shortest first; ties: as in `reduced`."""
    handicap = 1 + ties * torch.arange(3, device=lattice.device)
    order = (lattice.square().sum(2) * handicap).argsort(dim=1, stable=True)
    return lattice.gather(1, order.unsqueeze(2).expand_as(lattice))


def dot(u: Tensor, v: Tensor) -> Tensor:
    """Return the dot products of vectors [B, 3] and [B, 3], [B, 1]."""
    return (u * v).sum(1, keepdim=True)


def parameters(lattice: Tensor) -> Tensor:
    """Return the parameters [B, 6] of lattices [B, 3, 3], which do not depend on orientation or handedness.

    With a along x and b in the plane of x and y, they are the logarithms of a_x, b_y and c_z, and b_x / a_x,
    c_x / a_x and c_y / b_y.
    """
    return parameters_of(products(lattice))


def products(lattice: Tensor) -> Tensor:
    """Return the dot products aa, bb, cc, ab, ac and bc of basis vectors [B, 3, 3], [B, 6] in Å²."""
    a, b, c = lattice.unbind(1)
    return torch.cat((dot(a, a), dot(b, b), dot(c, c), dot(a, b), dot(a, c), dot(b, c)), 1)


def parameters_of(products: Tensor) -> Tensor:
    """Return the `parameters` [B, 6] of lattices whose `products` are given, [B, 6]."""
    aa, bb, cc, ab, ac, bc = products.unbind(1)
    a = aa.sqrt()
    along_b, along_c = ab / a, ac / a
    b = (bb - along_b.square()).sqrt()
    across = (bc - along_b * along_c) / b
    c = (cc - along_c.square() - across.square()).sqrt()
    return torch.stack((a.log(), b.log(), c.log(), along_b / a, along_c / a, across / b), 1)


def from_parameters(numbers: Tensor) -> Tensor:
    """Return lattices [B, 3, 3] of `parameters` [B, 6], with a along x and b in the plane of x and y."""
    a, b, c = numbers[:, :3].exp().unbind(1)
    zero = torch.zeros_like(a)
    rows = (a, zero, zero, numbers[:, 3] * a, b, zero, numbers[:, 4] * a, numbers[:, 5] * b, c)
    return torch.stack(rows, 1).view(-1, 3, 3)
