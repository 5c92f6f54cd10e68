"""The round trip of crystals through density and labels to atoms, at random origins."""

import numpy as np

import reference
from crystalgrid import Grid, find_atoms, fit_atoms, label_species, voxelize
from crystalgrid.data.crystalset import CrystalSet
from zoo import random_origins


def round_trip(crystals: CrystalSet, device: str, fit: bool = False) -> tuple[np.ndarray, float]:
    """Return how well atoms come back from true densities and labels of crystals, fitted to the density or not.

    Of the atoms at least 1 Å from the faces, the first result has the errors in Å of those whose nearest neighbour is
    1.35 Å away or more (infinite where no atom or several come back, or another species); the second is the share of
    the others that come back with their species within 0.25 Å.
    """
    rng, grid = np.random.default_rng(6), Grid()
    origin, batch = random_origins(rng, list(crystals)).to(device), crystals.batch(slice(None)).to(device)
    density = voxelize(batch, grid, origin)
    atoms = find_atoms(label_species(batch, grid, origin), density, grid)
    if fit:
        atoms = fit_atoms(atoms, density, grid)
    errors, survived = [], []
    for b, crystal in enumerate(crystals):
        true, sites = reference.images(crystal, grid.length, origin[b].cpu().numpy(), np.eye(3), 2.0)
        found = slice(int(atoms.offsets[b]), int(atoms.offsets[b + 1]))
        apart = np.linalg.norm(true[:, None] - true, axis=2) + np.diag(np.full(len(true), np.inf))
        distance = np.linalg.norm(true[:, None] - atoms.positions[found].cpu().numpy(), axis=2)
        for i in np.flatnonzero(((true >= 1) & (true <= 9)).all(axis=1)):
            numbers = atoms.numbers[found].cpu().numpy()[np.argsort(distance[i])]
            right = numbers[0] == crystal.numbers[sites[i]]
            if apart[i].min() >= 1.35:
                errors.append(distance[i].min() if right and (distance[i] < 0.6).sum() == 1 else np.inf)
            else:
                survived.append(right and distance[i].min() < 0.25)
    return np.array(errors), float(np.mean(survived))
