"""The atom codec: its latent vectors are lists of atoms."""

import numpy as np
import pytest
import torch

from atoms_in_cube import GRID, density_of, random_atoms
from crystalgrid.data.cubes import evaluation_cubes
from crystalgrid.data.load import load_crystals
from crystalgrid.nets.autoencoders.atoms import AtomAutoencoder, AtomConfig
from posterior import loss_with_variances
from strange_densities import check_strange_densities


@pytest.fixture(scope="module")
def densities() -> torch.Tensor:
    """Return cubes of 1 to 20 atoms anywhere."""
    rng = np.random.default_rng(0)
    return torch.cat([density_of(*random_atoms(rng, 1 + i % 20, 1.5)) for i in range(40)])


@pytest.fixture(scope="module")
def autoencoder(densities) -> AtomAutoencoder:
    """Return a codec that is fitted to those cubes."""
    fitted = AtomAutoencoder(AtomConfig())
    with torch.no_grad():
        fitted.fit(densities.split(20), beta=1e-3)
    return fitted


def atoms_of(autoencoder: AtomAutoencoder, mu: torch.Tensor) -> torch.Tensor:
    """Return ln(1 + Z) and position of the atoms of latent vectors, [B, 75, 4]."""
    return (autoencoder.centre + autoencoder.deviation * mu).view(len(mu), -1, 4)


@torch.no_grad()
def test_densities_of_real_crystals_come_back(autoencoder):
    crystals = load_crystals("prototypes", mode="single", grid=GRID).split("test")
    for cubes in evaluation_cubes(crystals, "single", GRID, seed=1, per_crystal=1):
        density = cubes.density(GRID)
        decoded = autoencoder.decode(autoencoder.encode(density)[0])
        assert (
            (decoded - density).flatten(1).norm(dim=1) / density.flatten(1).norm(dim=1)
        ).max() < autoencoder.error_bound


@torch.no_grad()
def test_latent_vectors_are_the_atoms_heaviest_first(autoencoder):
    positions, numbers = random_atoms(np.random.default_rng(2), 9, 1.5)
    numbers = np.array([8, 8, 8, 22, 38, 1, 1, 22, 8])
    atoms = atoms_of(autoencoder, autoencoder.encode(density_of(positions, numbers))[0])[0].double().numpy()
    order = np.lexsort((-positions @ [1, 0.3, 0.1], -numbers))
    np.testing.assert_allclose(np.expm1(atoms[:9, 0]), numbers[order], atol=1e-3)
    np.testing.assert_allclose(atoms[:9, 1:] + 5, positions[order], atol=1e-4)
    np.testing.assert_allclose(atoms[9:], 0, atol=1e-6)


@torch.no_grad()
def test_a_moved_latent_number_moves_an_atom(autoencoder):
    positions, numbers = random_atoms(np.random.default_rng(2), 5, 2.0)
    numbers = np.array([50, 40, 30, 20, 10])
    z = autoencoder.encode(density_of(positions, numbers))[0]
    z[0, 4 * 2 + 3] += 0.3 / autoencoder.deviation[4 * 2 + 3]
    moved = positions + 0.3 * np.outer(numbers == 30, [0, 0, 1])
    torch.testing.assert_close(autoencoder.decode(z), density_of(moved, numbers), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_any_latent_vector_decodes_to_a_density(autoencoder):
    z = torch.randn(4, 300, generator=torch.Generator().manual_seed(2)) * torch.tensor([1.0, 5, 50, 1e4])[:, None]
    density = autoencoder.decode(z)
    assert torch.isfinite(density).all()
    assert (density >= 0).all()


@torch.no_grad()
def test_no_density_is_too_strange(autoencoder):
    check_strange_densities(autoencoder, 1e-3)


@torch.no_grad()
def test_posterior_variances_are_the_best_for_the_loss(autoencoder, densities):
    """Nearly: of atoms near a face, less is in the cube than they are taken for, which makes the best ones smaller."""
    narrow, best, wide = (loss_with_variances(autoencoder, densities, factor, beta=1e-3) for factor in (1 / 16, 1, 4))
    assert best < min(narrow, wide)
    assert (autoencoder.logvar <= 0).all()


@torch.no_grad()
def test_a_latent_vector_that_is_too_short_holds_atoms_all_the_same():
    short = AtomAutoencoder(AtomConfig(latent_dim=40))
    positions, numbers = random_atoms(np.random.default_rng(3), 14, 1.8)
    density = density_of(positions, numbers)
    atoms = atoms_of(short, short.encode(density)[0])[0]
    near = torch.cdist(atoms[:, 1:] + 5, torch.from_numpy(positions).float()).min(1).values
    assert (near < 0.4).float().mean() >= 0.8
