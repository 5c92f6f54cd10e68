"""The cube of voxels that a density lives on."""

import math
import warnings
from dataclasses import dataclass
from numbers import Integral, Real

from .errors import InputError


@dataclass(frozen=True)
class Grid:
    """A Cartesian cube of n³ voxels (section 3.1) with sides of `length` Å, and Gaussians of width `sigma` Å.

    Warns if the cube is too small, or its voxels too large, to show atoms. A model needs densities on its own grid,
    `model.grid`.

    Voxel (i, j, k) has its centre at ((i+½)h, (j+½)h, (k+½)h) from the cube's corner, with h = `spacing` Å.
    """

    n: int = 30
    length: float = 10.0
    sigma: float = 1.0

    def __post_init__(self) -> None:
        if not (isinstance(self.n, Integral) and not isinstance(self.n, bool) and 0 < self.n <= 1024):
            raise InputError(f"Grid: n must be a whole number from 1 to 1024, got {self.n!r}")
        object.__setattr__(self, "n", int(self.n))
        for name in ("length", "sigma"):
            value = getattr(self, name)
            if not (isinstance(value, Real) and math.isfinite(value) and value > 0):
                raise InputError(f"Grid: {name} must be a positive number of Å, got {value!r}")
            object.__setattr__(self, name, float(value))
        if self.length < 2 * self.sigma or self.sigma < self.spacing / 2:
            warnings.warn(
                f"Grid: a cube of {self.length:g} Å in voxels of {self.spacing:.2g} Å cannot show atoms with sigma "
                f"{self.sigma:g} Å; wanted length and sigma in Å, sigma from half a voxel to half the cube",
                stacklevel=3,
            )

    @property
    def spacing(self) -> float:
        """The distance h between the centres of neighbouring voxels, Å."""
        return self.length / self.n


DEFAULT_GRID = Grid()
"""The paper's cube: 30³ voxels, 10 Å, σ = 1 Å."""
