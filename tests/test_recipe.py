"""Recipes: what is shipped, what is refused, and that the documented sizes are the real ones."""

from pathlib import Path

import pytest
import torch

from crystalgrid.artifacts.recipe import load_recipe, recipe_from
from crystalgrid.errors import InputError
from crystalgrid.files import shipped

DOCUMENT = Path(__file__).parents[1] / "docs" / "networks.md"
NAMES = sorted({file.stem for file in (shipped("models") / "recipes").glob("*.toml")} - {"generator", "latent"})


def test_paper_is_as_the_paper():
    recipe = load_recipe("paper")
    assert recipe.network.config.encoder == (16, 32, 64, 128)
    assert recipe.network.config.decoder == (128, 64, 32, 16)
    assert recipe.network.latent_dim == 300
    assert recipe.loss.gamma == 0.1
    assert recipe.network.autoencoder == "paper"
    assert (recipe.optimizer.learning_rate, recipe.optimizer.batch_size) == (1e-5, 24)


@pytest.mark.parametrize("name", NAMES)
def test_dictionaries_read_back(name):
    recipe = load_recipe(name)
    assert recipe_from(recipe.to_dict(), "here") == recipe
    assert recipe.name == name


def test_a_misspelt_name_lists_the_recipes():
    with pytest.raises(
        InputError, match="no such recipe; there are atomic, generator, latent, modern, paper, periodic, tiny"
    ):
        load_recipe("tyni")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("beta =", "betta =", "unknown key 'betta'; there are beta, gamma"),
        ("gamma = 0.1", "gamma = nan", "gamma must be a finite number"),
        ("gamma = 0.1", "gamma = -1", "gamma must be a finite number and not negative"),
        ("gamma = 0.1", 'gamma = "0.1"', "gamma must be of type float"),
        ("batch_size = 24", "batch_size = 0", "batch_size must be positive"),
        ("batch_size = 24", "batch_size = 2.5", "batch_size must be of type int"),
        ("batch_size = 24\n", "", "batch_size is missing"),
        ("batch_size = 24", 'batch_size = 24\nprecision = "8-bit"', "precision must be one of 32-true, bf16-mixed"),
        ("encoder = [16, 32, 64, 128]", "encoder = [16, 32]", "four channel numbers"),
        ("encoder = [16, 32, 64, 128]", "encoder = [16, 32, 64, -1]", "positive whole numbers"),
        ("[optimizer]", "[optimiser]", "unknown key 'optimiser'"),
        ("[loss]", "[loss", "not a TOML file"),
        ("[network]", "periodic = true\n[network]", r"periodic belongs below \[network\], and stands above all tables"),
        ("[network]", "beta = 1.0\n[network]", r"beta belongs below \[loss\]"),
        ("[network]", "batch_size = 4\n[network]", r"batch_size belongs below \[optimizer\]"),
        ("[network]", "banana = 4\n[network]", "unknown key 'banana'; there are name, network, loss, optimizer"),
    ],
)
def test_bad_recipes_are_refused_in_one_line(tmp_path, old, new, message):
    text = (shipped("models") / "recipes" / "paper.toml").read_text()
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(InputError, match=message) as caught:
        load_recipe(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("periodic", '"lattice"', "4", "autoencoder must be one of paper, blur_modes, lattice, atoms, got 4"),
        (
            "periodic",
            '"lattice"',
            '"lattice"\nmodes = 4',
            "'modes'; there are autoencoder, unet, latent_dim, fit",
        ),
        ("periodic", '"lattice"', '"lattice"\nfit_cubes = 1', "fit_cubes must be 2 or more, got 1"),
        ("modern", "modes = 13", "modes = 31", "modes must be from 1 to 30, the voxels along an axis, got 31"),
        ("periodic", "latent_dim = 300", "latent_dim = 301", "latent_dim must be even, from 12 to 4922, got 301"),
        ("periodic", "latent_dim = 300", "latent_dim = 10", "latent_dim must be even, from 12 to 4922, got 10"),
        ("periodic", "latent_dim = 300", "latent_dim = 4924", "latent_dim must be even, from 12 to 4922, got 4924"),
        ("periodic", "unet = [12, 24, 48]", "unet = []", "network.unet must have a channel number for each level"),
        ("periodic", "unet = [12, 24, 48]\n", "", "unet is missing"),
        ("atomic", 'autoencoder = "atoms"', "atomic = true\nwaves = 4", "wanted one of them without waves, atomic"),
        ("atomic", '"atoms"', '"atoms"\nperiodic = true', "wanted autoencoder = 'atoms' without periodic"),
        ("atomic", "latent_dim = 300", "latent_dim = 301", "latent_dim must be a multiple of 4, got 301"),
    ],
)
def test_bad_recipes_of_exact_networks_are_refused_in_one_line(tmp_path, name, old, new, message):
    text = (shipped("models") / "recipes" / f"{name}.toml").read_text()
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(InputError, match=message):
        load_recipe(path)


@pytest.mark.parametrize("name", NAMES)
def test_the_document_counts_parameters_right(name):
    net = load_recipe(name).build()
    column = 2 + NAMES.index(name)
    rows = {cells[1].strip(): cells[column].strip() for cells in table("Parameters")}
    parts = {"Encoder": "autoencoder.encoder", "Decoder": "autoencoder.decoder", "U-Net": "unet", "Together": ""}
    for part, prefix in parts.items():
        count = sum(parameter.numel() for key, parameter in net.named_parameters() if key.startswith(prefix))
        assert rows[part] == f"{count:,}", part


@pytest.mark.parametrize(
    ("name", "heading", "column"),
    [
        ("paper", "The paper's autoencoder", 3),
        ("modern", "The autoencoder of blur modes", 3),
        ("tiny", "The autoencoder of blur modes", 4),
    ],
)
def test_the_document_has_every_layer(name, heading, column):
    net = load_recipe(name).build().eval()
    seen = []
    for module in net.autoencoder.modules():
        if isinstance(module, torch.nn.Conv3d | torch.nn.Linear):
            module.register_forward_hook(lambda module, _, output: seen.append(shape_of(output)))
    with torch.no_grad():
        net.decode(net.encode(torch.rand(1, 30, 30, 30))[0])
    assert [cells[column].strip() for cells in table(heading)] == seen


def shape_of(output) -> str:
    channels, *sizes = output.shape[1:]
    return f"{channels} × {sizes[0]}³" if sizes else str(channels)


def table(heading: str) -> list[list[str]]:
    """Cells of the rows of the table under a heading."""
    section = DOCUMENT.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [line.split("|") for line in lines[2:]]


@pytest.mark.parametrize(
    ("flags", "kind", "sizes"),
    [
        ({"periodic": True, "waves": 0, "atomic": False, "encoder": [], "decoder": []}, "lattice", {}),
        ({"periodic": False, "waves": 0, "atomic": True, "encoder": [], "decoder": []}, "atoms", {}),
        ({"waves": 13, "encoder": [512], "decoder": [512]}, "blur_modes", {"modes": 13, "encoder": (512,)}),
        ({"waves": 0, "encoder": [4, 4, 4, 4], "decoder": [4, 4, 4, 4]}, "paper", {"decoder": (4, 4, 4, 4)}),
        ({"encoder": [4, 4, 4, 4], "decoder": [4, 4, 4, 4]}, "paper", {}),
    ],
)
def test_recipes_from_before_autoencoders_had_names_are_read(flags, kind, sizes):
    content = load_recipe("tiny").to_dict()
    content["network"] = {"unet": [12, 24, 48], "latent_dim": 300, **flags}
    network = recipe_from(content, "old").network
    assert (network.autoencoder, network.latent_dim) == (kind, 300)
    for key, value in sizes.items():
        assert getattr(network.config, key) == value
