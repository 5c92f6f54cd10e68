"""The sizes of a generator of crystals, from which all of its parts are built."""

from typing import NamedTuple


class Sizes(NamedTuple):
    """The sizes of a generator's networks, and of the crystals that it keeps."""

    width: int
    """The width of the language."""
    depth: int
    """The number of its layers."""
    orbits: int
    """The most orbits of a crystal."""
    crystals: int
    """The number of known crystals."""
    crystal_orbits: int
    """The number of their orbits."""
    widths: tuple[int, ...]
    """The widths of the layers of the flow."""
    atoms: int
    """The most atoms in a primitive cell."""
    stability: bool = False
    """Whether energies above the hull are predicted."""
