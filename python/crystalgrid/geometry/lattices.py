"""Lattices: their shortest bases, and six numbers that any values make a lattice."""

import torch
from torch import Tensor

SIDES = 6
"""Numbers of a lattice, whichever way it is turned."""
ROUNDS = 8
"""Of making basis vectors shorter; lattices as crystals are given need two or three."""


def reduced(lattice: Tensor, rounds: int = ROUNDS, ties: float = 0.0) -> Tensor:
    """Bases [B, 3, 3] (rows, Å) to shortest bases of the same lattices, by length, the first at no obtuse angles.

    ties: vectors whose lengths differ by a smaller share stay in their order; rounding would choose among those that
        symmetry makes equal.
    """
    place = torch.arange(9, device=lattice.device) - 4
    later = 1 + ties * (place.abs() + 0.5 * (place > 0))  # than no step, which is the fifth
    step = torch.tensor([-1.0, 0.0, 1.0], dtype=lattice.dtype, device=lattice.device)
    for _ in range(rounds):
        lattice = by_length(lattice, ties)
        a, b, c = lattice.unbind(1)
        b = b - ((1 - ties) * dot(a, b) / dot(a, a)).round() * a
        c = c - ((1 - ties) * dot(a, c) / dot(a, a)).round() * a
        c = c - ((1 - ties) * dot(b, c) / dot(b, b)).round() * b
        near = c[:, None, None] + step[:, None, None] * a[:, None, None] + step[:, None] * b[:, None, None]
        near = near.flatten(1, 2)
        shortest = (near.square().sum(2) * later).argmin(1)[:, None, None].expand(-1, 1, 3)
        lattice = torch.stack((a, b, near.gather(1, shortest).squeeze(1)), 1)
    a, b, c = by_length(lattice, ties).unbind(1)
    obtuse = -ties * dot(a, a)
    return torch.stack((a, torch.where(dot(a, b) < obtuse, -b, b), torch.where(dot(a, c) < obtuse, -c, c)), 1)


def neighbours(device: torch.device | None = None) -> Tensor:
    """[27, 3]: whole steps from a cell to those around it, first to itself."""
    step = torch.tensor([0.0, -1.0, 1.0], device=device)
    return torch.cartesian_prod(step, step, step)


def by_length(lattice: Tensor, ties: float = 0.0) -> Tensor:
    """Basis vectors [B, 3, 3], the shortest first."""
    later = 1 + ties * torch.arange(3, device=lattice.device)
    order = (lattice.square().sum(2) * later).argsort(dim=1, stable=True)
    return lattice.gather(1, order.unsqueeze(2).expand_as(lattice))


def dot(u: Tensor, v: Tensor) -> Tensor:
    """[B, 3] and [B, 3] to [B, 1]."""
    return (u * v).sum(1, keepdim=True)


def parameters(lattice: Tensor) -> Tensor:
    """Lattices [B, 3, 3], turned (or mirrored) so that a is along x and b in the plane of x and y, to [B, SIDES].

    The logarithms of a_x, b_y and c_z, and b_x / a_x, c_x / a_x and c_y / b_y.
    """
    return parameters_of(products(lattice))


def products(lattice: Tensor) -> Tensor:
    """Of basis vectors [B, 3, 3]: aa, bb, cc, ab, ac and bc, Å², [B, 6]."""
    a, b, c = lattice.unbind(1)
    return torch.cat((dot(a, a), dot(b, b), dot(c, c), dot(a, b), dot(a, c), dot(b, c)), 1)


def parameters_of(products: Tensor) -> Tensor:
    """`products` [B, 6] to the lattices' `parameters` [B, SIDES]."""
    aa, bb, cc, ab, ac, bc = products.unbind(1)
    a = aa.sqrt()
    along_b, along_c = ab / a, ac / a
    b = (bb - along_b.square()).sqrt()
    across = (bc - along_b * along_c) / b
    c = (cc - along_c.square() - across.square()).sqrt()
    return torch.stack((a.log(), b.log(), c.log(), along_b / a, along_c / a, across / b), 1)


def from_parameters(numbers: Tensor) -> Tensor:
    """[B, SIDES] to lattices [B, 3, 3], a along x and b in the plane of x and y."""
    a, b, c = numbers[:, :3].exp().unbind(1)
    zero = torch.zeros_like(a)
    rows = (a, zero, zero, numbers[:, 3] * a, b, zero, numbers[:, 4] * a, numbers[:, 5] * b, c)
    return torch.stack(rows, 1).view(-1, 3, 3)
