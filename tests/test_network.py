"""The networks of the shipped recipes: shapes, types, TorchScript."""

import pytest
import torch

from crystalgrid.artifacts.recipe import load_recipe

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
def test_a_batch_of_one_is_the_same_cube(net, density):
    together, alone = net.encode(density)[0], net.encode(density[:1])[0]
    torch.testing.assert_close(together[:1], alone, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(net.decode(together)[:1], net.decode(alone), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_torchscript_as_it_stands(net, density):
    scripted = torch.jit.script(net)
    mu, logvar = net.encode(density)
    for seen, expected in zip(scripted.encode(density), (mu, logvar), strict=True):
        torch.testing.assert_close(seen, expected)
    decoded = net.decode(mu)
    torch.testing.assert_close(scripted.decode(mu), decoded)
    for seen, expected in zip(scripted.segment(decoded), net.segment(decoded), strict=True):
        torch.testing.assert_close(seen, expected)
