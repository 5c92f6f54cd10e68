"""The weights by which the candidates for a formula are ranked."""

from typing import NamedTuple


class RankWeights(NamedTuple):
    """The weights of a conditional logit: a candidate's log odds are their sum, each times what it weighs.

    The defaults are those that are most likely on validation crystals of MP-20, rounded. No formula of these crystals
    was learned, so that they say nothing of training crystals themselves.
    """

    likelihood: float = 0.3
    """Of the log likelihood by the language."""
    distance: float = -4.0
    """Of the square root of the chemical distance to a known crystal of the type; 0 for freely drawn types."""
    new_type: float = -6.0
    """Of a structure type that no known crystal has."""
    known_crystal: float = 0.0
    """Of a known crystal's structure type with the same elements on it."""
