"""Blur modes, their principal components, and the autoencoder that is made of them."""

import numpy as np
import torch

from crystalgrid import Crystal, Grid, voxelize
from crystalgrid.artifacts.recipe import load_recipe
from crystalgrid.data.cubes import evaluation_cubes
from crystalgrid.geometry.blur import along_axes, blur_modes
from crystalgrid.nets.autoencoders.principal_components import PrincipalComponents


@torch.no_grad()
def test_along_axes_multiplies_every_axis():
    torch.manual_seed(0)
    grid, matrix = torch.randn(2, 5, 5, 5), torch.randn(5, 3)
    product = torch.einsum("bxyz,xi,yj,zk->bijk", grid, matrix, matrix, matrix)
    torch.testing.assert_close(along_axes(grid, matrix), product)


@torch.no_grad()
def test_blur_modes_hold_any_density():
    """Atoms in the cube and beyond its faces: twelve modes along each axis lose little."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        crystal = Crystal(99 * np.eye(3), rng.uniform(-2, 12, (40, 3)) / 99, rng.integers(1, 95, 40))
        density = voxelize([crystal], periodic=False)
        modes = blur_modes(30, 12)
        assert torch.allclose(modes.T @ modes, torch.eye(12), atol=1e-5)
        held = along_axes(along_axes(density, modes), modes.T)
        assert (held - density).norm() < 0.01 * density.norm()


@torch.no_grad()
def test_principal_components_are_the_best_linear_model():
    """Bases of a known model come back with the posterior that minimises Σ error² + beta · KL."""
    torch.manual_seed(0)
    components = PrincipalComponents(n=8, count=3, latent_dim=5)
    assert torch.allclose(components.modes.T @ components.modes, torch.eye(3), atol=1e-6)
    variance = torch.tensor([9.0, 4.0, 1.0])
    samples = 2 + torch.randn(20000, 3) * variance.sqrt()
    coefficients = torch.cat((samples, torch.zeros(20000, 24)), 1)
    logvar = components.fit(coefficients, first=1, beta=0.5)
    expected = 0.5 / (0.5 + 2 * variance)
    torch.testing.assert_close(logvar[1:4].exp(), expected, rtol=0.05, atol=0)
    centred = components.decode(torch.randn(4, 5))
    torch.testing.assert_close(components.coefficients(components.density(centred)), centred, rtol=1e-4, atol=1e-5)
    shrunk = (1 - expected) * centred[:, :3]  # by the posterior
    torch.testing.assert_close(components.decode(components.encode(centred))[:, :3], shrunk, rtol=0.05, atol=0.05)


@torch.no_grad()
def test_the_scale_goes_through_the_latent_vector():
    torch.manual_seed(0)
    autoencoder = load_recipe("tiny").build().eval().autoencoder
    density = torch.rand(2, 30, 30, 30, generator=torch.Generator().manual_seed(0))
    autoencoder.fit([torch.stack((density[0], 20 * density[0])), density], beta=0.1)
    mu, heavy = autoencoder.encode(density)[0], autoencoder.encode(7 * density)[0]
    torch.testing.assert_close(heavy[:, 1:], mu[:, 1:], rtol=1e-3, atol=1e-4)
    step = (heavy - mu)[:, 0] * autoencoder.log_mean[1]
    torch.testing.assert_close(step.exp(), torch.full((2,), 7.0))
    assert autoencoder.decode(heavy).mean() > 5 * autoencoder.decode(mu).mean()
    assert torch.isfinite(autoencoder.encode(torch.zeros(1, 30, 30, 30))[0]).all()


@torch.no_grad()
def test_a_fitted_model_reconstructs_before_any_training(prototypes):
    torch.manual_seed(0)
    autoencoder = load_recipe("tiny").build().eval().autoencoder
    cubes = evaluation_cubes(prototypes[:120], "repeated", Grid(), seed=0, per_crystal=4)
    *seen, unseen = (batch.density(Grid()) for batch in cubes)
    autoencoder.fit(seen, beta=0.1)
    decoded = autoencoder.decode(autoencoder.encode(unseen)[0])
    assert ((decoded - unseen).norm() / unseen.norm()) < 0.15
