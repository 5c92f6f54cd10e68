"""Elements: their symbols, electronegativities, atomic weights and radii, and formulas as chemists write them."""

from __future__ import annotations

import math

import numpy as np

SYMBOLS = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr "
    "Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu "
    "Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu"
).split()
"""Chemical symbols of Z = 1 to 94."""
ATOMIC_NUMBERS = {**{symbol: z for z, symbol in enumerate(SYMBOLS, start=1)}, "D": 1, "T": 1}
"""Atomic numbers of chemical symbols; deuterium and tritium are hydrogen."""


def _by_number(values: str) -> np.ndarray:
    """Return the values of Z = 1 to 94 as an array [95] that Z indexes."""
    return np.array([np.nan, *map(float, values.split())])


MENDELEEV_NUMBERS = np.array([0, *map(int, (
    "103 1 12 77 86 95 100 101 102 2 11 73 80 85 90 94 99 3 10 16 19 51 54 57 60 61 64 67 72 76 81 84 89 93 98 4 9 "
    "15 25 49 53 56 59 62 65 69 71 75 79 83 88 92 97 5 8 14 33 32 31 30 29 28 18 27 26 24 23 22 21 17 20 50 52 55 "
    "58 63 66 68 70 74 78 82 87 91 96 6 7 13 48 47 46 45 44 43"
).split())])  # fmt: skip
"""Mendeleev numbers by Z, as in pymatgen: the columns of the periodic table one after the other; 0 for Z = 0."""
ELECTRONEGATIVITIES = _by_number(
    "2.2 inf 0.98 1.57 2.04 2.55 3.04 3.44 3.98 inf 0.93 1.31 1.61 1.9 2.19 2.58 3.16 inf 0.82 1 1.36 1.54 1.63 1.66 "
    "1.55 1.83 1.88 1.91 1.9 1.65 1.81 2.01 2.18 2.55 2.96 3 0.82 0.95 1.22 1.33 1.6 2.16 1.9 2.2 2.28 2.2 1.93 1.69 "
    "1.78 1.96 2.05 2.1 2.66 2.6 0.79 0.89 1.1 1.12 1.13 1.14 1.13 1.17 1.2 1.2 1.1 1.22 1.23 1.24 1.25 1.1 1.27 1.3 "
    "1.5 2.36 1.9 2.2 2.2 2.28 2.54 2 1.62 2.33 2.02 2 2.2 2.2 0.7 0.9 1.1 1.3 1.5 1.38 1.36 1.28"
)
"""Pauling electronegativities, [95] by Z, as pymatgen has them; infinite for He, Ne and Ar, which have none."""
ATOMIC_WEIGHTS = _by_number(
    "1.008 4.0026 6.94 9.0122 10.81 12.011 14.007 15.999 18.9984 20.1797 22.9898 24.305 26.9815 28.085 30.9738 32.06 "
    "35.45 39.948 39.0983 40.078 44.9559 47.867 50.9415 51.9961 54.938 55.845 58.9332 58.6934 63.546 65.38 69.723 "
    "72.63 74.9216 78.971 79.904 83.798 85.4678 87.62 88.9058 91.224 92.9064 95.95 97.9072 101.07 102.9055 106.42 "
    "107.8682 112.414 114.818 118.71 121.76 127.6 126.9045 131.293 132.9055 137.327 138.9055 140.116 140.9077 144.242 "
    "144.9128 150.36 151.964 157.25 158.9254 162.5 164.9303 167.259 168.9342 173.054 174.9668 178.49 180.9479 183.84 "
    "186.207 190.23 192.217 195.084 196.9666 200.592 204.38 207.2 208.9804 208.9824 209.9872 222.0176 223.0197 "
    "226.0254 227.0278 232.0377 231.0359 238.0289 237.0482 244.0642"
)
"""Standard atomic weights (IUPAC 2016), [95] by Z, g/mol; of the longest-lived isotope where there is no standard."""
DALTON = 1.66053907
"""The density of 1 Da in 1 Å³, in g/cm³."""
COVALENT_RADII = _by_number(
    "0.31 0.28 1.28 0.96 0.84 0.76 0.71 0.66 0.57 0.58 1.66 1.41 1.21 1.11 1.07 1.05 1.02 1.06 2.03 1.76 1.7 1.6 1.53 "
    "1.39 1.39 1.32 1.26 1.24 1.32 1.22 1.22 1.2 1.19 1.2 1.2 1.16 2.2 1.95 1.9 1.75 1.64 1.54 1.47 1.46 1.42 1.39 "
    "1.45 1.44 1.42 1.39 1.39 1.38 1.39 1.4 2.44 2.15 2.07 2.04 2.03 2.01 1.99 1.98 1.98 1.96 1.94 1.92 1.92 1.89 1.9 "
    "1.87 1.87 1.75 1.7 1.62 1.51 1.44 1.41 1.36 1.36 1.32 1.45 1.46 1.48 1.4 1.5 1.5 2.6 2.21 2.15 2.06 2 1.96 1.9 "
    "1.87"
)
"""Covalent radii (Cordero et al., Dalton Trans. 2008, 2832), [95] by Z, Å."""
ATOMIC_RADII = _by_number(
    "0.25 nan 1.45 1.05 0.85 0.7 0.65 0.6 0.5 nan 1.8 1.5 1.25 1.1 1 1 1 0.71 2.2 1.8 1.6 1.4 1.35 1.4 1.4 1.4 1.35 "
    "1.35 1.35 1.35 1.3 1.25 1.15 1.15 1.15 nan 2.35 2 1.8 1.55 1.45 1.45 1.35 1.3 1.35 1.4 1.6 1.55 1.55 1.45 1.45 "
    "1.4 1.4 nan 2.6 2.15 1.95 1.85 1.85 1.85 1.85 1.85 1.85 1.8 1.75 1.75 1.75 1.75 1.75 1.75 1.75 1.55 1.45 1.35 "
    "1.35 1.3 1.35 1.35 1.35 1.5 1.9 1.8 1.6 1.9 nan nan nan 2.15 1.95 1.8 1.8 1.75 1.75 1.75"
)
"""Empirical atomic radii (Slater 1964), [95] by Z, Å, as pymatgen has them; NaN where there is none."""
PERIODS = np.concatenate([[0], np.repeat(np.arange(1, 8), (2, 8, 8, 18, 18, 32, 8))])
"""The periods of the periodic table, [95] by Z; 0 for Z = 0."""
GROUPS = np.array([0, 1, 18, *(1, 2, *range(13, 19)) * 2, *range(1, 19), *range(1, 19), 1, 2, *[3] * 14, *range(3, 19),
                   1, 2, *[3] * 6])  # fmt: skip
"""The groups of the periodic table, [95] by Z, that of scandium for lanthanides and actinides; 0 for Z = 0."""
NONMETALS = frozenset(
    ATOMIC_NUMBERS[s] for s in "H He B C N O F Ne Si P S Cl Ar Ge As Se Br Kr Sb Te I Xe At Rn".split()
)
"""Atomic numbers of the nonmetals and metalloids, which form anions, molecules and covalent networks."""
POLYANION = 1.65
"""The difference of electronegativity below which the last two elements of a formula are a polyanion, as pymatgen's."""
DOUBLED = frozenset("Li1O1 Na1O1 K1O1 H1O1 Cs1O1 Rb1O1 O1 N1 F1 Cl1 H1".split())
"""Reduced formulas that are written twice as large: peroxides, and elements that are molecules of two atoms."""

OXIDATION_STATES = [[], *([int(state) for state in states.split()] for states in (
    "-1 +1, 0, +1, +2, +1 +2 +3, -4 -3 -2 -1 +1 +2 +3 +4, -3 -2 -1 +1 +2 +3 +4 +5, -2 -1 +1 +2, -1, 0, -1 +1, +1 +2, "
    "+1 +3, -4 -3 -2 -1 +1 +2 +3 +4, -3 -2 -1 +1 +2 +3 +4 +5, -2 -1 +1 +2 +3 +4 +5 +6, -1 +1 +2 +3 +4 +5 +6 +7, 0, -1 "
    "+1, +2, +1 +2 +3, -1 +2 +3 +4, -1 +1 +2 +3 +4 +5, -2 -1 +1 +2 +3 +4 +5 +6, -3 -2 -1 +1 +2 +3 +4 +5 +6 +7, -2 -1 "
    "+1 +2 +3 +4 +5 +6, -1 +1 +2 +3 +4 +5, -1 +1 +2 +3 +4, +1 +2 +3 +4, +1 +2, +1 +2 +3, -4 +1 +2 +3 +4, -3 +2 +3 +5, "
    "-2 +2 +4 +6, -1 +1 +3 +4 +5 +7, 0, +1, +2, +1 +2 +3, +1 +2 +3 +4, -1 +2 +3 +4 +5, -2 -1 +1 +2 +3 +4 +5 +6, -3 -1 "
    "+1 +2 +3 +4 +5 +6 +7, -2 +1 +2 +3 +4 +5 +6 +7 +8, -1 +1 +2 +3 +4 +5 +6, +2 +4, +1 +2 +3, +1 +2, +1 +2 +3, -4 +2 "
    "+4, -3 +3 +5, -2 +2 +4 +5 +6, -1 +1 +3 +5 +7, 0, +1, +2, +2 +3, +2 +3 +4, +2 +3 +4, +2 +3, +3, +2 +3, +2 +3, +1 "
    "+2 +3, +1 +3 +4, +2 +3, +3, +3, +2 +3, +2 +3, +3, +2 +3 +4, -1 +2 +3 +4 +5, -2 -1 +1 +2 +3 +4 +5 +6, -3 -1 +1 +2 "
    "+3 +4 +5 +6 +7, -2 -1 +1 +2 +3 +4 +5 +6 +7 +8, -3 -1 +1 +2 +3 +4 +5 +6, -2 +2 +4 +5 +6, -1 +1 +2 +3 +5, +1 +2 "
    "+4, +1 +3, -4 +2 +4, -3 +3 +5, -2 +2 +4 +6, -1 +1 +3 +5, 0, +1, +2, +3, +2 +3 +4, +3 +4 +5, +3 +4 +5 +6, +3 +4 "
    "+5 +6 +7, +3 +4 +5 +6 +7"
).split(", "))]  # fmt: skip
"""Oxidation states that elements are known in, by Z, as pymatgen has them; 0 where it has none."""


def element_features() -> np.ndarray:
    """Return numbers that are near for elements that replace each other in crystals, [95, 5] by Z; 0 for Z = 0.

    They are the Mendeleev number, the electronegativity, the radius, the group and the period, each in a unit that
    weighs it against the others.
    """
    electronegativity = np.where(np.isfinite(ELECTRONEGATIVITIES), ELECTRONEGATIVITIES, 4.0)
    radius = np.nan_to_num(ATOMIC_RADII, nan=1.3)
    features = np.stack((MENDELEEV_NUMBERS / 20, 2 * electronegativity, 1.5 * radius, GROUPS / 6, PERIODS / 2), 1)
    features[0] = 0
    return features


def reduced_formula(numbers: np.ndarray) -> str:
    """Return the reduced formula of atomic numbers [N], such as LiFePO4 or Ca3(PO4)2, as pymatgen writes it.

    Elements are in the order of their electronegativity; the last two are in parentheses if they are a polyanion.
    """
    elements, counts = np.unique(numbers, return_counts=True)
    by_element = {int(z): int(count) for z, count in zip(elements, counts // np.gcd.reduce(counts), strict=True)}
    ordered = sorted(by_element, key=lambda z: (ELECTRONEGATIVITIES[z], SYMBOLS[z - 1]))
    terms = [(SYMBOLS[z - 1], by_element[z]) for z in ordered]
    if "".join(f"{symbol}{count}" for symbol, count in terms) in DOUBLED:
        terms = [(symbol, 2 * count) for symbol, count in terms]
    if len(ordered) >= 3 and ELECTRONEGATIVITIES[ordered[-1]] - ELECTRONEGATIVITIES[ordered[-2]] < POLYANION:
        (central, n_central), (ligand, n_ligand) = terms[-2:]
        groups = math.gcd(n_central, n_ligand)
        if groups > 1:
            polyanion = _joined([(central, n_central // groups), (ligand, n_ligand // groups)])
            terms = [*terms[:-2], (f"({polyanion})", groups)]
    return _joined(terms)


def _joined(terms: list[tuple[str, int]]) -> str:
    return "".join(name if count == 1 else f"{name}{count}" for name, count in terms)
