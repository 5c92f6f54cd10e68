"""Lennard-Jones as an ASE calculator, a stand-in for slow potentials; some that fail; and small crystals of argon."""

from __future__ import annotations

import os

from ase.calculators.lj import LennardJones


def calculator() -> LennardJones:
    """Return the potential of argon, with a minimum at 3.8 Å."""
    return LennardJones(sigma=3.4, epsilon=0.0104, rc=10.0, smooth=True)


class Failing(LennardJones):
    """A potential that fails for krypton, gives no number for neon, and kills the process for helium."""

    def calculate(self, atoms=None, properties=("energy",), system_changes=("positions",)) -> None:
        """Compute what can be computed."""
        numbers = set(atoms.numbers.tolist())
        if 36 in numbers:
            raise RuntimeError("no\nparameters")
        if 2 in numbers:
            os._exit(1)
        super().calculate(atoms, properties, system_changes)
        if 10 in numbers:
            self.results["energy"] = float("nan")


def failing() -> Failing:
    """Return the potential that fails."""
    return Failing(sigma=3.4, epsilon=0.0104, rc=10.0, smooth=True)
