"""Networks: sizes, scales, TorchScript."""

import copy

import pytest
import torch

from crystalgrid.nets import UNet
from crystalgrid.nets.linear import LinearPart
from crystalgrid.recipe import load_recipe

RECIPES = ("paper", "tiny")


@pytest.fixture(scope="module", params=RECIPES)
def net(request):
    torch.manual_seed(0)
    return load_recipe(request.param).build().eval()


@pytest.fixture
def density():
    return (
        torch.rand(2, 30, 30, 30, generator=torch.Generator().manual_seed(1))
        * torch.tensor([0.1, 5.0])[:, None, None, None]
    )


@torch.no_grad()
def test_shapes_and_types(net, density):
    mu, logvar = net.encode(density)
    assert mu.shape == logvar.shape == (2, 300)
    decoded = net.decode(mu)
    assert decoded.shape == (2, 30, 30, 30)
    assert decoded.min() >= 0
    species, confidence = net.segment(decoded)
    assert species.shape == confidence.shape == (2, 30, 30, 30)
    assert species.dtype == torch.uint8
    assert confidence.dtype == torch.float32


@torch.no_grad()
@pytest.mark.parametrize("together", [False, True])
def test_segment_says_atom_where_a_species_or_all_together_are_likelier_than_none(net, density, together):
    net = copy.deepcopy(net)
    net.together = together
    species, confidence = net.segment(density)
    probabilities = net.unet(density).softmax(1)
    none, (best, index) = probabilities[:, 0], probabilities[:, 1:].max(1)
    margin = (1 - none if together else best) - none
    wanted, sure = torch.where(margin > 0, index + 1, 0), margin.abs() > 1e-5
    assert torch.equal(species.long()[sure], wanted[sure])
    torch.testing.assert_close(confidence, probabilities.gather(1, species.long().unsqueeze(1)).squeeze(1))


@torch.no_grad()
def test_a_batch_of_one_is_the_same_cube(net, density):
    together, alone = net.encode(density)[0], net.encode(density[:1])[0]
    torch.testing.assert_close(together[:1], alone, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(net.decode(together)[:1], net.decode(alone), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_torchscript_as_it_stands(net, density):
    scripted = torch.jit.script(net)
    mu, logvar = net.encode(density)
    for seen, wanted in zip(scripted.encode(density), (mu, logvar), strict=True):
        torch.testing.assert_close(seen, wanted)
    decoded = net.decode(mu)
    torch.testing.assert_close(scripted.decode(mu), decoded)
    for seen, wanted in zip(scripted.segment(decoded), net.segment(decoded), strict=True):
        torch.testing.assert_close(seen, wanted)


@torch.no_grad()
def test_a_relative_model_carries_the_scale_through_its_latent_vector():
    torch.manual_seed(0)
    vae = load_recipe("tiny").build().eval().vae
    density = torch.rand(2, 30, 30, 30)
    vae.fit([torch.stack((density[0], 20 * density[0])), density], beta=0.1)
    mu, heavy = vae.encode(density)[0], vae.encode(7 * density)[0]
    torch.testing.assert_close(heavy[:, 1:], mu[:, 1:], rtol=1e-3, atol=1e-4)
    step = (heavy - mu)[:, 0] * vae.log_mean[1]
    torch.testing.assert_close(step.exp(), torch.full((2,), 7.0))
    assert vae.decode(heavy).mean() > 5 * vae.decode(mu).mean()
    assert torch.isfinite(vae.encode(torch.zeros(1, 30, 30, 30))[0]).all()


@torch.no_grad()
def test_the_linear_part_is_the_best_linear_model():
    """Bases of a known model come back with the posterior that minimises Σ error² + beta · KL."""
    torch.manual_seed(0)
    linear = LinearPart(n=8, waves=3, latent_dim=5)
    assert torch.allclose(linear.cosines.T @ linear.cosines, torch.eye(3), atol=1e-6)
    variance = torch.tensor([9.0, 4.0, 1.0])
    samples = 2 + torch.randn(20000, 3) * variance.sqrt()
    coefficients = torch.cat((samples, torch.zeros(20000, 24)), 1)
    logvar = linear.fit(coefficients, first=1, beta=0.5)
    expected = 0.5 / (0.5 + 2 * variance)
    torch.testing.assert_close(logvar[1:4].exp(), expected, rtol=0.05, atol=0)
    density = linear.decode(torch.randn(4, 5))
    z = linear.encode(density)
    torch.testing.assert_close(linear.decode(z), density, rtol=0.3, atol=0.3)  # but for the shrinkage of the posterior
    shrunk = (1 - expected)[None] * (linear.coefficients(density) - linear.centre)[:, :3]
    torch.testing.assert_close(
        (linear.coefficients(linear.decode(z)) - linear.centre)[:, :3], shrunk, rtol=0.05, atol=0.05
    )


@torch.no_grad()
def test_a_fitted_model_reconstructs_before_any_training(prototypes):
    from crystalgrid.data import evaluation_cubes
    from crystalgrid.grid import Grid

    torch.manual_seed(0)
    vae = load_recipe("tiny").build().eval().vae
    cubes = evaluation_cubes(prototypes[:120], "repeated", Grid(), seed=0, per_crystal=4)
    *seen, unseen = (batch.density(Grid()) for batch in cubes)
    vae.fit(seen, beta=0.1)
    decoded = vae.decode(vae.encode(unseen)[0])
    assert ((decoded - unseen).norm() / unseen.norm()) < 0.15


@pytest.mark.parametrize("n", [1, 7, 16, 30])
def test_unet_keeps_the_grid(n):
    assert UNet((4, 4, 4)).eval()(torch.rand(1, n, n, n)).shape == (1, 95, n, n, n)


def test_unet_sees_no_offset_between_levels():
    """Halving with rounding up and doubling keeps voxels in place, so a mirrored input gives mirrored attention."""
    from crystalgrid.nets.unet import doubled

    coarse = torch.arange(8.0)[None, None, :, None, None].expand(1, 1, 8, 8, 8)
    fine = doubled(coarse, torch.zeros(1, 1, 15, 15, 15))[0, 0, :, 0, 0]
    assert torch.allclose(fine[1:-1], torch.arange(1, 14) / 2 - 0.25)
