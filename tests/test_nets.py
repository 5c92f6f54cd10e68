"""Networks: sizes, scales, TorchScript."""

import numpy as np
import pytest
import torch

from crystalgrid import Crystal, voxelize
from crystalgrid.artifacts.recipe import load_recipe
from crystalgrid.geometry.blur import along_axes, blur_modes
from crystalgrid.nets.autoencoders.principal_components import PrincipalComponents
from crystalgrid.nets.segmentation.heads import PresenceAndSpeciesHead, SoftmaxHead
from crystalgrid.nets.segmentation.unet import UNet

RECIPES = ("paper", "tiny", "modern", "periodic", "atomic")


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
def test_one_question_takes_the_likeliest_class():
    head, features = SoftmaxHead(7), torch.randn(2, 5, 5, 5, 7)
    species, confidence = head(features)
    probabilities = head.classify(features).softmax(-1)
    assert torch.equal(species.long(), probabilities.argmax(-1))
    torch.testing.assert_close(confidence, probabilities.max(-1).values)


def test_bce_is_that_of_one_hot_classes():
    head, features = SoftmaxHead(7), torch.randn(2, 5, 5, 5, 7)
    species = torch.randint(0, 95, (2, 5, 5, 5), dtype=torch.uint8)
    one_hot = torch.nn.functional.one_hot(species.long(), 95).float()
    wanted = torch.nn.functional.binary_cross_entropy_with_logits(head.classify(features), one_hot)
    torch.testing.assert_close(head.loss(features, species), wanted)


PLACES = torch.asinh(torch.arange(1.0, 95))


@pytest.fixture(params=[0, 16], ids=["linear", "with a perceptron"])
def two_questions(request) -> tuple[PresenceAndSpeciesHead, torch.Tensor]:
    torch.manual_seed(0)
    return PresenceAndSpeciesHead(7, PLACES, request.param), 3 * torch.randn(2, 5, 5, 5, 7)


@torch.no_grad()
def test_two_questions_name_the_likeliest_species_where_an_atom_is_likelier_than_none(two_questions):
    head, features = two_questions
    head.presence.bias.zero_()
    species, confidence = head(features)
    atom = torch.sigmoid(head.presence_logits(features))
    named = head.species_logits(features.reshape(-1, 7)).softmax(-1).view(2, 5, 5, 5, 94)
    assert 0.1 < (species > 0).float().mean() < 0.9
    assert torch.equal(species.long(), torch.where(atom > 0.5, 1 + named.argmax(-1), 0))
    torch.testing.assert_close(confidence, torch.where(atom > 0.5, atom * named.max(-1).values, 1 - atom))


@torch.no_grad()
@pytest.mark.parametrize("hidden", [0, 16])
def test_two_questions_begin_with_the_sharpened_density(hidden):
    """Before any training, a last feature of asinh(Z) names Z."""
    head = PresenceAndSpeciesHead(3, PLACES, hidden)
    torch.nn.init.zeros_(head.species.weight)
    numbers = torch.arange(1.0, 95)
    features = torch.stack((torch.rand(94), torch.rand(94), torch.asinh(numbers)), 1)
    assert torch.equal(head.species_logits(features).argmax(-1) + 1, numbers.long())


def test_two_questions_lose_the_likelihood_of_every_voxel_per_atom_voxel(two_questions):
    head, features = two_questions
    head, features = head.double(), 0.1 * features.double()
    species = torch.randint(0, 95, (2, 5, 5, 5), dtype=torch.uint8) * (torch.rand(2, 5, 5, 5) < 0.3)
    atom = torch.sigmoid(head.presence_logits(features))
    named = head.species_logits(features.reshape(-1, 7)).log_softmax(-1).view(2, 5, 5, 5, 94)
    of_its_own = named.gather(-1, (species.long() - 1).clamp_min(0).unsqueeze(-1)).squeeze(-1)
    likelihood = torch.where(species > 0, atom.log() + of_its_own, (1 - atom).log())
    wanted = -likelihood.sum() / (species > 0).sum()
    torch.testing.assert_close(head.loss(features, species), wanted, rtol=1e-6, atol=0)
    nothing = head.loss(features, torch.zeros_like(species))
    torch.testing.assert_close(nothing, -(1 - atom).log().sum(), rtol=1e-6, atol=0)


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
def test_a_wave_model_carries_the_scale_through_its_latent_vector():
    torch.manual_seed(0)
    vae = load_recipe("tiny").build().eval().autoencoder
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
    linear = PrincipalComponents(n=8, count=3, latent_dim=5)
    assert torch.allclose(linear.modes.T @ linear.modes, torch.eye(3), atol=1e-6)
    variance = torch.tensor([9.0, 4.0, 1.0])
    samples = 2 + torch.randn(20000, 3) * variance.sqrt()
    coefficients = torch.cat((samples, torch.zeros(20000, 24)), 1)
    logvar = linear.fit(coefficients, first=1, beta=0.5)
    expected = 0.5 / (0.5 + 2 * variance)
    torch.testing.assert_close(logvar[1:4].exp(), expected, rtol=0.05, atol=0)
    centred = linear.decode(torch.randn(4, 5))
    torch.testing.assert_close(linear.coefficients(linear.density(centred)), centred, rtol=1e-4, atol=1e-5)
    shrunk = (1 - expected) * centred[:, :3]  # by the posterior
    torch.testing.assert_close(linear.decode(linear.encode(centred))[:, :3], shrunk, rtol=0.05, atol=0.05)


@torch.no_grad()
def test_waves_hold_any_density():
    """Atoms in the cube and beyond its faces: twelve waves along each axis lose little."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        crystal = Crystal(99 * np.eye(3), rng.uniform(-2, 12, (40, 3)) / 99, rng.integers(1, 95, 40))
        density = voxelize([crystal], periodic=False)
        basis = blur_modes(30, 12)
        assert torch.allclose(basis.T @ basis, torch.eye(12), atol=1e-5)
        held = along_axes(along_axes(density, basis), basis.T)
        assert (held - density).norm() < 0.01 * density.norm()


@torch.no_grad()
def test_along_axes_multiplies_every_axis():
    grid, matrix = torch.randn(2, 5, 5, 5), torch.randn(5, 3)
    wanted = torch.einsum("bxyz,xi,yj,zk->bijk", grid, matrix, matrix, matrix)
    torch.testing.assert_close(along_axes(grid, matrix), wanted)


@torch.no_grad()
def test_sharpening_brings_neighbours_apart():
    """Atoms 2 Å apart are one bump in the density; boldly sharpened they are two, which say more of their Z."""
    places = np.array([[4.0, 5.0, 5.0], [6.0, 5.0, 5.0]])
    density = voxelize([Crystal(99 * np.eye(3), places / 99, [30, 20])], periodic=False)
    sharpen = UNet((4,), "deblurred").filters
    grids = torch.cat((density, *(channel.sinh() for channel in sharpen(density))))
    blurred, gentle, bold = grids[:, 6:24, 14:16, 14:16].mean((2, 3))
    bumps = [int(((row[1:-1] > row[:-2]) & (row[1:-1] > row[2:])).sum()) for row in (blurred, bold)]
    assert bumps == [1, 2]
    assert 30 > bold.max() > 1.2 * gentle.max()


@torch.no_grad()
def test_a_fitted_model_reconstructs_before_any_training(prototypes):
    from crystalgrid.data.cubes import evaluation_cubes
    from crystalgrid.grid import Grid

    torch.manual_seed(0)
    vae = load_recipe("tiny").build().eval().autoencoder
    cubes = evaluation_cubes(prototypes[:120], "repeated", Grid(), seed=0, per_crystal=4)
    *seen, unseen = (batch.density(Grid()) for batch in cubes)
    vae.fit(seen, beta=0.1)
    decoded = vae.decode(vae.encode(unseen)[0])
    assert ((decoded - unseen).norm() / unseen.norm()) < 0.15


@pytest.mark.parametrize("n", [1, 7, 16, 30])
def test_unet_keeps_the_grid(n):
    assert UNet((4, 4, 4)).eval().features(torch.rand(1, n, n, n)).shape == (1, n, n, n, 4)


def test_unet_sees_no_offset_between_levels():
    """Halving with rounding up and doubling keeps voxels in place, so a mirrored input gives mirrored attention."""
    from crystalgrid.nets.segmentation.unet import doubled

    coarse = torch.arange(8.0)[None, None, :, None, None].expand(1, 1, 8, 8, 8)
    fine = doubled(coarse, torch.zeros(1, 1, 15, 15, 15))[0, 0, :, 0, 0]
    assert torch.allclose(fine[1:-1], torch.arange(1, 14) / 2 - 0.25)
