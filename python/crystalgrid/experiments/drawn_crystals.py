"""Crystals recovered from draws: how many there are, how many are new, and how they compare with real ones."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..data.crystalset import CrystalSet
from ..data.sampled import Structure
from ..geometry.space_group import space_group
from ..pool import cpu_count, in_processes
from ..progress import progress
from ..report.crystal_picture import draw_crystals
from ..report.crystal_table import SYMPREC
from ..report.distances import BIN, neighbours_in_crystal, wasserstein
from ..report.panels import FORMATS, canvas, draw_histogram, label_axes, save
from ..report.recovered_library import CHUNK_SIZE, recover_structure
from ..worth.novelty import formula_halves, novelty
from .study import Study

IN_PICTURE = 8
"""The most crystals in the picture."""
MAX_REAL = 500
"""The most crystals of the training and of the test split that draws are compared with."""
MAX_DISTANCE = 6.0
"""The largest distance in the histogram of nearest neighbours, in Å."""
MAX_VOLUME = 60.0
"""The largest volume in the histogram of volumes, in Å³ per atom."""
SYSTEMS = {
    "triclinic": 2, "monoclinic": 15, "orthorhombic": 74, "tetragonal": 142, "trigonal": 167, "hexagonal": 194,
    "cubic": 230,
}  # fmt: skip
"""The crystal systems, and the number of the last space group of each."""


class Properties(NamedTuple):
    """The properties by which B crystals with N atoms in all are compared with others."""

    space_groups: np.ndarray
    """[B], numbers of space groups within 0.1 Å."""
    distances: np.ndarray
    """[N] Å, from each atom to its nearest neighbour."""
    volumes: np.ndarray
    """[B] Å³ per atom."""


def run(study: Study, folder: Path) -> dict[str, Any] | None:
    """Recover draws with their densities, and compare them with crystals of the training and the test split.

    Draws drawn_crystals.png, and the first different ones as crystals.png, .svg and .pdf. In single mode, prints a line
    and returns None.
    """
    if study.model.mode != "repeated":
        print("drawn crystals: left out, since in single mode a cube shows no lattice", file=sys.stderr, flush=True)
        return None
    drawn = recovered_draws(study, cpu_count())
    same_as, known_as = novelty(drawn, study.crystals, cpu_count())
    is_first = same_as == ""
    real = {split: _choose(study.crystals.split(split), study.seed) for split in ("train", "test")}
    properties = {name: measure(crystals) for name, crystals in {"drawn": drawn, **real}.items()}
    _draw(folder / "drawn_crystals.png", properties)
    if len(drawn):
        for ending in FORMATS:
            draw_crystals(list(drawn[is_first][:IN_PICTURE]), folder / f"crystals{ending}", SYMPREC)
    groups = {name: measured.space_groups for name, measured in properties.items()}
    return {
        "n_draws": len(study.drawn.z),
        "recovered": len(drawn),
        "different": int(is_first.sum()),
        "known": int((is_first & (known_as != "")).sum()),
        "trained_formulas": formula_halves(drawn, study.crystals.split("train"), same_as, known_as)._asdict(),
        "space_groups": {name: len(np.unique(numbers)) for name, numbers in groups.items()},
        "without_symmetry": {name: float((numbers == 1).mean()) for name, numbers in groups.items() if len(numbers)},
        "wasserstein_to_train": {
            name: {
                "spacing_A": wasserstein(properties[name].distances, properties["train"].distances),
                "volume_per_atom_A3": wasserstein(properties[name].volumes, properties["train"].volumes),
            }
            for name in ("drawn", "test")
        },
    }


def recovered_draws(study: Study, workers: int) -> CrystalSet:
    """Return the crystals of the draws in which a lattice is found; ids are the draws' indices."""
    atoms, density = study.drawn.atoms, study.drawn.density.numpy()
    n_draws = len(density)
    jobs = ((Structure(b, *atoms.cube(b), density[b]), study.model.grid) for b in range(n_draws))
    processes = workers if n_draws > CHUNK_SIZE else 1
    results = progress(in_processes(recover_structure, jobs, processes, CHUNK_SIZE), "recovering draws", n_draws)
    recovered = {b: result.crystal for b, result in enumerate(results) if result is not None}
    return CrystalSet.from_crystals(recovered.values(), recovered.keys())


def measure(crystals: CrystalSet) -> Properties:
    """Measure space groups, nearest-neighbour distances and volumes of crystals."""
    distances = [neighbours_in_crystal(crystal, MAX_DISTANCE) for crystal in crystals]
    return Properties(
        np.array([space_group(crystal, SYMPREC).number for crystal in crystals], int),
        np.concatenate([np.zeros(0), *distances]),
        np.abs(np.linalg.det(crystals.lattice)) / np.diff(crystals.offsets),
    )


def _choose(crystals: CrystalSet, seed: int) -> CrystalSet:
    return crystals[np.random.default_rng(seed).permutation(len(crystals))[:MAX_REAL]]


def _draw(path: Path, properties: dict[str, Properties]) -> None:
    figure, panels = canvas(1, 3)
    axes = [figure.add_subplot(panels[0, column]) for column in range(3)]
    bins = np.arange(0.0, MAX_DISTANCE + BIN / 2, BIN)
    draw_histogram(axes[0], {name: measured.distances for name, measured in properties.items()}, bins)
    label_axes(axes[0], "distance to the nearest atom, Å", "probability density, Å⁻¹", "spacing")
    bins = np.linspace(0, MAX_VOLUME, 31)
    draw_histogram(axes[1], {name: measured.volumes for name, measured in properties.items()}, bins)
    label_axes(axes[1], "volume per atom, Å³", "probability density, Å⁻³", "volume")
    positions, width = np.arange(len(SYSTEMS)), 0.8 / len(properties)
    for i, measured in enumerate(properties.values()):
        systems = np.searchsorted(list(SYSTEMS.values()), measured.space_groups)
        shares = np.bincount(systems, minlength=len(SYSTEMS)) / max(1, len(systems))
        axes[2].bar(positions + (i - 1) * width, shares, width)  # in the colours of the other panels' legends
    axes[2].set_xticks(positions, list(SYSTEMS), rotation=40, ha="right")
    label_axes(axes[2], "", "share", "crystal systems")
    save(figure, path)
