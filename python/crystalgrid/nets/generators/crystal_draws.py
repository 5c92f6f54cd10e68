"""Crystals that a generator drew, as flat tensors in the standard setting and in a primitive cell."""

from typing import NamedTuple

from torch import Tensor


class Draws(NamedTuple):
    """B crystals of O orbits and N atoms in all; one that could not be drawn as asked for has none of them."""

    space_group: Tensor
    """[B] int64."""
    lattice: Tensor
    """[B, 3, 3] float64, rows in Å, of the conventional cell in the standard setting."""
    orbit_offsets: Tensor
    """[B + 1] int64."""
    letters: Tensor
    """[O] int64, Wyckoff letters: 0 for a, 25 for z, 26 for A."""
    multiplicities: Tensor
    """[O] int64, in the conventional cell."""
    orbit_numbers: Tensor
    """[O] int64, Z."""
    orbit_coords: Tensor
    """[O, 3] float64, fractional coordinates of the first atom of each orbit in the conventional cell."""
    primitive_lattice: Tensor
    """[B, 3, 3] float64, rows in Å."""
    atom_offsets: Tensor
    """[B + 1] int64."""
    numbers: Tensor
    """[N] int64, Z."""
    frac_coords: Tensor
    """[N, 3] float64, in the primitive cell."""
    log_likelihood: Tensor
    """[B] float64, of structure type and elements; of the composition that was asked for, if one was."""
    relative: Tensor
    """[B] int64, the training crystal whose geometry the crystal began at, -1 for none.

    For an ordering of a training crystal, which has a new structure type, it is -2 minus that crystal's index.
    """
    same_as: Tensor
    """[B] int64, a training crystal with the same structure type and elements, `relative` if it is one; -1 for none."""
    formula_seen: Tensor
    """[B] bool, whether training crystals have its reduced formula."""
