"""Draws as crystals: how many are recovered from their cubes, how many are new, and whether they are like real ones."""

from __future__ import annotations

import sys
import warnings
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..crystal import Crystal
from ..data.crystalset import CrystalSet
from ..data.sampled import Library
from ..pool import cpu_count, in_processes
from ..progress import progress
from ..report.distances import neighbours_in_crystal, wasserstein
from ..report.novelty import novelty
from ..report.panels import canvas, draw_histogram, label_axes, save
from ..report.recovered_library import SYMPREC, parts_of, recovered
from .study import Study

REAL = 500
"""Crystals of the training and of the test split that draws are compared with, at most."""
FARTHEST, BIN = 6.0, 0.1
"""Å, of nearest neighbours."""
ROOMIEST = 60.0
"""Å³ per atom, where the histogram ends."""
SYSTEMS = {
    "triclinic": 2, "monoclinic": 15, "orthorhombic": 74, "tetragonal": 142, "trigonal": 167, "hexagonal": 194,
    "cubic": 230,
}  # fmt: skip
"""Crystal systems, and the last space group of each."""


class Seen(NamedTuple):
    """What is compared of B crystals with N atoms."""

    groups: np.ndarray
    """[B], numbers of space groups."""
    spacing: np.ndarray
    """[N] Å, to the nearest neighbour."""
    volume: np.ndarray
    """[B] Å³ per atom."""


def run(study: Study, folder: Path) -> dict[str, Any] | None:
    """Draws recovered with their densities, beside crystals of the training and the test split; drawn_crystals.png.

    None, and a line that says so, in single mode.
    """
    if study.model.mode != "repeated":
        print("drawn crystals: left out, since in single mode a cube shows no lattice", file=sys.stderr, flush=True)
        return None
    workers = cpu_count()
    drawn = recovered_draws(study, workers)
    same_as, known_as = novelty(drawn, study.crystals, workers)
    shown = {"drawn": drawn} | {name: _some(study.crystals.split(name), study.seed) for name in ("train", "test")}
    seen = {name: look(crystals) for name, crystals in shown.items()}
    _draw(folder / "drawn_crystals.png", seen)
    first = same_as == ""
    without = {name: float((one.groups == 1).mean()) for name, one in seen.items() if len(one.groups)}
    return {
        "n_draws": len(study.drawn.z),
        "recovered": len(drawn),
        "different": int(first.sum()),
        "known": int((first & (known_as != "")).sum()),
        "space_groups": {name: len(np.unique(one.groups)) for name, one in seen.items()},
        "without_symmetry": without,
        "wasserstein_to_train": {
            name: {
                "spacing_A": wasserstein(seen[name].spacing, seen["train"].spacing),
                "volume_per_atom_A3": wasserstein(seen[name].volume, seen["train"].volume),
            }
            for name in ("drawn", "test")
        },
    }


def recovered_draws(study: Study, workers: int) -> CrystalSet:
    """Crystals of the draws in which a lattice is found; ids are the draws' indices."""
    draws, mode = study.drawn, study.model.mode
    library = Library(np.arange(len(draws.z)), draws.atoms, draws.density, study.model.grid, mode)
    parts = [(part,) for part in parts_of(library)]
    found = chain.from_iterable(progress(in_processes(recovered, parts, workers), "recovering draws", len(parts)))
    indices_and_crystals = list(found)
    crystals = [result.crystal for _, result in indices_and_crystals]
    return CrystalSet.from_crystals(crystals, [index for index, _ in indices_and_crystals])


def look(crystals: CrystalSet) -> Seen:
    """At each crystal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of elements that have no electronegativity
        groups = np.array([space_group(one) for one in crystals], int)
        spacing = np.concatenate([np.zeros(0), *(neighbours_in_crystal(one, FARTHEST) for one in crystals)])
    volumes = np.abs(np.linalg.det(crystals.lattice)) / np.diff(crystals.offsets)
    return Seen(groups, spacing, volumes)


def space_group(crystal: Crystal) -> int:
    """Its number, within 0.1 Å; 1 where atoms all but coincide and none is found."""
    with suppress(Exception):
        return crystal.to_pymatgen().get_space_group_info(SYMPREC)[1]
    return 1


def _some(crystals: CrystalSet, seed: int) -> CrystalSet:
    return crystals[np.random.default_rng(seed).permutation(len(crystals))[:REAL]]


def _draw(path: Path, seen: dict[str, Seen]) -> None:
    figure, cells = canvas(1, 3)
    axes = [figure.add_subplot(cells[0, column]) for column in range(3)]
    draw_histogram(axes[0], {name: one.spacing for name, one in seen.items()}, np.arange(0.0, FARTHEST + BIN / 2, BIN))
    label_axes(axes[0], "distance to the nearest atom, Å", "probability density, Å⁻¹", "spacing")
    draw_histogram(axes[1], {name: one.volume for name, one in seen.items()}, np.linspace(0, ROOMIEST, 31))
    label_axes(axes[1], "volume per atom, Å³", "probability density, Å⁻³", "volume")
    place, width = np.arange(len(SYSTEMS)), 0.8 / len(seen)
    for i, one in enumerate(seen.values()):
        system = np.searchsorted(list(SYSTEMS.values()), one.groups)
        shares = np.bincount(system, minlength=len(SYSTEMS)) / max(1, len(system))
        axes[2].bar(place + (i - 1) * width, shares, width)  # in the colours of the other panels' legends
    axes[2].set_xticks(place, list(SYSTEMS), rotation=40, ha="right")
    label_axes(axes[2], "", "share", "crystal systems")
    save(figure, path)
