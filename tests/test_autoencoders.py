"""Tests of the interface of every kind of autoencoder: a further kind needs no change elsewhere."""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor

from artifacts import run_info
from atoms_in_cube import density_of, random_atoms
from crystalgrid.artifacts.metadata import ArtifactInfo
from crystalgrid.artifacts.recipe import recipe_from
from crystalgrid.artifacts.state_names import state_for_file, state_from_file
from crystalgrid.data.cubes import MODES
from crystalgrid.errors import InputError
from crystalgrid.grid import Grid
from crystalgrid.model import Model
from crystalgrid.nets.autoencoders import AUTOENCODERS
from crystalgrid.nets.autoencoders.base import Autoencoder, AutoencoderConfig
from crystalgrid.nets.network import CrystalNet
from crystalgrid.training.joint import JointTraining
from crystalgrid.training.losses import joint_loss
from repeated_cubes import cubes_of, random_crystals

SMALL = {
    "paper": {"encoder": [2, 2, 2, 2], "decoder": [2, 2, 2, 2], "latent_dim": 12},
    "blur_modes": {"modes": 5, "latent_dim": 20, "fit_cubes": 24},
    "lattice": {"fit_cubes": 24},
    "atoms": {"fit_cubes": 24},
}
"""Sizes with which a kind is quick; one that is not named here has its own."""
FIFTH = "mean"


class MeanAutoencoder(Autoencoder):
    """Cubes that are the same everywhere, as a kind that the package does not know."""

    config = AutoencoderConfig

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__(config)
        self.weight = torch.nn.Parameter(torch.ones(()))

    @torch.jit.export
    def encode(self, density: Tensor) -> tuple[Tensor, Tensor]:
        mu = self.weight * density.mean((1, 2, 3)).unsqueeze(1).repeat(1, self.latent_dim)
        return mu, torch.zeros_like(mu)

    @torch.jit.export
    def decode(self, z: Tensor) -> Tensor:
        return torch.relu(self.weight * z.mean(1))[:, None, None, None].expand(-1, 30, 30, 30)


@pytest.fixture(autouse=True, scope="module")
def fifth_kind():
    """Register a further kind: a line, and nothing else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(AUTOENCODERS, FIFTH, MeanAutoencoder)
        yield


@pytest.fixture(scope="module", params=[*AUTOENCODERS, FIFTH])
def name(request) -> str:
    return request.param


def recipe_of(name: str, **changes: object):
    """Return a recipe for a small autoencoder of a kind."""
    network = {"autoencoder": name, "unet": [2, 4], **SMALL.get(name, {}), **changes}
    optimizer = {"learning_rate": 1e-3, "batch_size": 2, "steps": 2}
    return recipe_from({"name": "small", "network": network, "loss": {"beta": 1e-3}, "optimizer": optimizer}, "small")


@pytest.fixture(scope="module")
def densities() -> dict[str, Tensor]:
    """Return 24 cubes of each mode."""
    rng = np.random.default_rng(0)
    single = torch.cat([density_of(*random_atoms(rng, 1 + i % 12, 1.5)) for i in range(24)])
    return {"repeated": cubes_of(random_crystals(24)), "single": single}


@pytest.fixture(scope="module")
def density(name, densities) -> Tensor:
    """Return cubes of a mode that the kind encodes."""
    return densities[AUTOENCODERS[name].modes[0]]


@pytest.fixture(scope="module")
def network(name, density) -> CrystalNet:
    """Return a network whose autoencoder has been fitted, and is not trained."""
    torch.manual_seed(0)
    built = recipe_of(name).build().eval()
    with torch.no_grad():
        built.autoencoder.fit(density.split(8), beta=1e-3)
    return built


@torch.no_grad()
def test_shapes_and_types(network, density):
    autoencoder = network.autoencoder
    mu, logvar = autoencoder.encode(density[:3])
    decoded = autoencoder.decode(mu)
    assert mu.shape == logvar.shape == (3, autoencoder.latent_dim)
    assert decoded.shape == density[:3].shape
    for tensor in (mu, logvar, decoded):
        assert tensor.dtype == torch.float32
        assert torch.isfinite(tensor).all()
    assert decoded.min() >= 0
    alone = autoencoder.encode(density[:1])[0]
    torch.testing.assert_close(alone, mu[:1], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(autoencoder.decode(alone), decoded[:1], rtol=1e-3, atol=1e-4)


@torch.no_grad()
def test_nothing_is_encoded_and_decoded_to_nothing(network, name):
    kind = AUTOENCODERS[name]
    metadata = ArtifactInfo(kind.modes[0], Grid(), network.autoencoder.latent_dim, {"name": name})
    model = Model(copy.deepcopy(network), metadata)  # which takes gradients from its network
    mu, logvar = model.encode(torch.zeros(0, 30, 30, 30))
    assert mu.shape == logvar.shape == (0, model.latent_dim)
    assert network.autoencoder.decode(mu).shape == (0, 30, 30, 30)


@torch.no_grad()
def test_densities_come_back_within_the_bound(network, density):
    bound = network.autoencoder.error_bound
    if bound is None:
        pytest.skip("nothing is promised before training")
    decoded = network.autoencoder.decode(network.autoencoder.encode(density)[0])
    error = (decoded - density).flatten(1).norm(dim=1) / density.flatten(1).norm(dim=1)
    assert error.max() < bound


@torch.no_grad()
def test_fit_uses_as_many_cubes_as_it_says(name, density):
    autoencoder = recipe_of(name).build().autoencoder
    used = []

    def cubes():
        for batch in density.split(8):
            used.append(len(batch))
            yield batch

    autoencoder.fit(cubes(), beta=1e-3)
    assert sum(used) == autoencoder.fit_cubes


def test_training_gives_fit_as_many_cubes_as_it_wants(prototypes):
    training = JointTraining(run_info(recipe_of("paper")), prototypes[:8])
    assert [len(batch) for batch in training.first_densities(300)] == [256, 44]


@torch.no_grad()
def test_torchscript_gives_the_same(network, density):
    scripted = torch.jit.script(network)
    mu, logvar = network.encode(density[:3])
    for seen, expected in zip(scripted.encode(density[:3]), (mu, logvar), strict=True):
        torch.testing.assert_close(seen, expected)
    decoded = network.decode(mu)
    torch.testing.assert_close(scripted.decode(mu), decoded)
    for seen, expected in zip(scripted.segment(decoded), network.segment(decoded), strict=True):
        torch.testing.assert_close(seen, expected)


class Method(torch.nn.Module):
    """A method of an autoencoder as a `forward`, which `torch.export` wants."""

    def __init__(self, autoencoder: Autoencoder, name: str) -> None:
        super().__init__()
        self.autoencoder, self.name = autoencoder, name

    def forward(self, x: Tensor):
        return getattr(self.autoencoder, self.name)(x)


@torch.no_grad()
def test_torch_export_traces_what_can_be_traced(network, density):
    autoencoder, batch = network.autoencoder, torch.export.Dim("batch", min=1, max=64)
    mu, _ = autoencoder.encode(density[:3])
    expected = {"decode": (mu[:2], mu, autoencoder.decode(mu))}
    if autoencoder.traceable:
        expected["encode"] = (density[:2].contiguous(), density[:3].contiguous(), mu)
    for method, (example, given, result) in expected.items():
        traced = torch.export.export(Method(autoencoder, method), (example,), dynamic_shapes=({0: batch},)).module()
        seen = traced(given)
        torch.testing.assert_close(seen[0] if method == "encode" else seen, result, rtol=1e-4, atol=1e-4)


def test_gradients_are_finite(network, density):
    batch = density[:2].contiguous()
    species = (batch > 0.5).to(torch.uint8)
    noise = torch.randn(2, network.autoencoder.latent_dim, generator=torch.Generator().manual_seed(0))
    joint_loss(network, batch, species, recipe_of("paper").loss, noise)["loss"].backward()
    for parameter in network.parameters():
        if parameter.grad is not None:
            assert torch.isfinite(parameter.grad).all()
    z = noise.requires_grad_()
    network.decode(z).sum().backward()
    assert torch.isfinite(z.grad).all()


@torch.no_grad()
def test_bfloat16_leaves_densities_in_float32(network, density):
    autoencoder = network.autoencoder
    mu, _ = autoencoder.encode(density[:2])
    decoded = autoencoder.decode(mu)
    with torch.autocast("cpu", torch.bfloat16):
        mixed_mu, mixed = autoencoder.encode(density[:2])[0], autoencoder.decode(mu)
    assert mixed_mu.dtype == mixed.dtype == torch.float32
    if autoencoder.exact:
        assert torch.equal(mixed_mu, mu)
        assert torch.equal(mixed, decoded)
    assert (mixed - decoded).abs().max() <= 0.05 * decoded.abs().max()


@torch.no_grad()
def test_state_goes_through_a_file_and_names_do_not_meet(network, name, density):
    state = state_for_file(network)
    assert len(state) == len(network.state_dict())
    again = recipe_of(name).build().eval()
    again.load_state_dict(state_from_file(again, state))
    assert torch.equal(again.encode(density[:1])[0], network.encode(density[:1])[0])
    assert again.state_dict().keys() == network.state_dict().keys()


@torch.no_grad()
def test_the_scale_is_the_latent_number_that_is_named(network, density):
    scale = network.autoencoder.scale()
    if scale is None:
        pytest.skip("the scale is in no latent number of its own")
    index, deviation = scale
    step = network.encode(7 * density[:3])[0][:, index] - network.encode(density[:3])[0][:, index]
    torch.testing.assert_close((step * deviation).exp(), torch.full((3,), 7.0), rtol=1e-3, atol=0)


@torch.no_grad()
def test_cells_are_encoded_where_that_is_promised(network):
    lattice = 4 * torch.eye(3).expand(2, 3, 3)
    frac_coords = torch.tensor([[[0.0, 0, 0], [0.5, 0.5, 0.5]]]).expand(2, 2, 3)
    cells = (lattice, frac_coords, torch.tensor([[55, 17], [55, 0]]))
    autoencoder = network.autoencoder
    if autoencoder.encodes_cells:
        z = autoencoder.encode_cells(*cells)
        assert z.shape == (2, autoencoder.latent_dim)
        assert torch.isfinite(z).all()
    else:
        with pytest.raises(NotImplementedError):
            autoencoder.encode_cells(*cells)


def test_other_modes_are_refused_in_one_line(name):
    recipe, modes = recipe_of(name), AUTOENCODERS[name].modes
    assert modes
    for mode in MODES:
        if mode in modes:
            assert recipe.for_mode(mode) is recipe
        else:
            with pytest.raises(InputError, match=rf"^small: this recipe is for --mode {modes[0]} [^\n]*$"):
                recipe.for_mode(mode)


def test_recipes_name_the_kind_and_its_sizes(name):
    recipe = recipe_of(name)
    assert recipe_from(recipe.to_dict(), "again") == recipe
    assert recipe.to_dict()["network"]["autoencoder"] == name
    with pytest.raises(InputError, match=r"^small: network: unknown key 'wings'; there are autoencoder, unet, [^\n]*$"):
        recipe_of(name, wings=2)
    with pytest.raises(InputError, match=r"^small: [^\n]*latent_dim must be [^\n]*$"):
        recipe_of(name, latent_dim=0)


def test_the_grid_is_the_one_that_networks_are_made_for():
    from crystalgrid.geometry.blur import LENGTH, SIGMA, N

    assert Grid() == Grid(N, LENGTH, SIGMA)
