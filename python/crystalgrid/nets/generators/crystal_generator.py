"""A generator of crystals: a structure type, the elements on it, and a geometry, as the conditions ask for."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...crystal import MAX_Z
from ...geometry.lattices import LATTICE_PARAMS, from_parameters, parameters
from ...geometry.orbits import SPACE_GROUPS
from .cell_finish import CellFinish
from .composition import uniform_from_normal
from .conditions import (
    element_numbers,
    formula_counts,
    interval,
    listed,
    permutations,
    possible_elements,
    possible_groups,
)
from .crystal_draws import Draws
from .structure_types import StructureTypes
from .wyckoff_language import Sentences, WyckoffLanguage
from .wyckoff_words import SLOTS

NEW_SHARE = 0.14
"""The share of new structure types among draws: that of unseen crystals of the Materials Project."""
TEMPERATURE = 0.8
"""The temperature at which elements are drawn for a structure type."""
PROPOSALS = 4
"""The structure types that are drawn for a crystal of a new type, of which the first new one is taken."""
FORMULA_PROPOSALS = 512
"""The structure types that are drawn once for a formula."""
SCORED_AT_ONCE = 256
ATTEMPTS = 4
"""The times that a crystal is drawn before it is given up, if contacts, density or volume are not as they should be."""
CANDIDATE_WIDTH = 3
"""Numbers of a candidate before its letters: space group, log likelihood, number of known crystal or -1."""
DENSITY = 1.66053907
"""g/cm³ of a density of 1 u/Å³."""


class CrystalGenerator(nn.Module):
    """A generator of crystals that stands by itself.

    A crystal has a known structure type, that of a training crystal, or a new one, which `WyckoffLanguage` draws. The
    language also draws the elements. The geometry begins at that of the known crystal of the same type whose elements are
    nearest, or at noise, and `CellFinish` completes it. No step breaks the symmetry.

    width, depth, orbits: of the language; crystals, crystal_orbits: of the training set; widths: of the flow; atoms: the
    most atoms in a primitive cell.
    """

    def __init__(
        self,
        width: int,
        depth: int,
        orbits: int,
        crystals: int,
        crystal_orbits: int,
        widths: tuple[int, ...],
        atoms: int,
    ) -> None:
        super().__init__()
        self.atoms, self.orbits, self.most_slots, self.groups = atoms, orbits, SLOTS, SPACE_GROUPS
        self.new_share, self.temperature, self.attempts, self.proposals = NEW_SHARE, TEMPERATURE, ATTEMPTS, PROPOSALS
        self.language = WyckoffLanguage(width, depth, orbits)
        self.types = StructureTypes(crystals, crystal_orbits)
        self.finish = CellFinish(widths, atoms)
        self.type_words = PROPOSALS * (1 + 2 * orbits)
        self.parts = [2, SLOTS, self.type_words, LATTICE_PARAMS, 3 * atoms]
        self.attempt_dim = 2 + SLOTS + self.type_words + LATTICE_PARAMS + 3 * atoms
        self.noise_dim = ATTEMPTS * self.attempt_dim
        self.seen_elements: Tensor
        self.masses: Tensor
        self.register_buffer("seen_elements", torch.ones(1 + MAX_Z, dtype=torch.bool))
        self.register_buffer("masses", torch.zeros(1 + MAX_Z, dtype=torch.float64))
