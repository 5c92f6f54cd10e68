"""Latent vectors of unit cells: they decode to the densities of the crystals."""

import numpy as np
import torch

from crystalgrid import Crystal, Grid, voxelize
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.geometry.lattices import from_parameters
from crystalgrid.nets.autoencoders.atoms import AtomAutoencoder, AtomConfig
from crystalgrid.nets.autoencoders.lattice import LatticeAutoencoder, LatticeConfig
from crystalgrid.training.unit_cells import build_unit_cells
from padded_crystals import SMALL_ZOO, to_crystals

GRID = Grid()


@torch.no_grad()
def test_latent_vectors_of_cells_decode_to_their_densities_in_repeated_mode():
    crystals = [crystal for crystal in SMALL_ZOO.values() if abs(np.linalg.det(crystal.lattice)) < 250]
    cells = build_unit_cells(CrystalSet.from_crystals(crystals), 12)
    lattice = from_parameters(cells.lattice_params)
    autoencoder = LatticeAutoencoder(LatticeConfig(latent_dim=900))
    autoencoder.factors.choose(torch.linalg.inv(lattice).transpose(1, 2))
    decoded = autoencoder.decode(autoencoder.encode_cells(lattice, cells.frac_coords, cells.numbers))
    rebuilt = to_crystals(lattice, cells.frac_coords, cells.numbers)
    density = voxelize(rebuilt, GRID, torch.full((len(rebuilt), 3), -GRID.length / 2))
    error = (decoded - density).flatten(1).norm(dim=1) / density.flatten(1).norm(dim=1)
    assert error.max() < 2e-3


@torch.no_grad()
def test_latent_vectors_of_cells_decode_to_their_densities_in_single_mode():
    cells = build_unit_cells(CrystalSet.from_crystals(SMALL_ZOO.values()), 12)
    lattice = from_parameters(cells.lattice_params)
    autoencoder = AtomAutoencoder(AtomConfig())
    decoded = autoencoder.decode(autoencoder.encode_cells(lattice, cells.frac_coords, cells.numbers))
    rebuilt = to_crystals(lattice, cells.frac_coords, cells.numbers)
    in_cell = [Crystal(crystal.lattice, crystal.frac_coords % 1, crystal.numbers) for crystal in rebuilt]
    origin = torch.from_numpy(np.stack([crystal.positions.mean(0) - GRID.length / 2 for crystal in in_cell]))
    density = voxelize(in_cell, GRID, origin, periodic=False)
    torch.testing.assert_close(decoded, density, rtol=1e-3, atol=1e-4 * float(density.max()))
