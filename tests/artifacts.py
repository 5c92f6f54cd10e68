"""Small models to export and sample from."""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from crystalgrid.artifacts.archive import add_json, add_metadata
from crystalgrid.artifacts.checkpoint import Checkpoint, last, write_checkpoint
from crystalgrid.artifacts.exported import script_network
from crystalgrid.artifacts.metadata import ArtifactInfo, DataInfo, RunInfo
from crystalgrid.artifacts.recipe import Recipe, load_recipe
from crystalgrid.artifacts.state_names import state_for_file
from crystalgrid.grid import Grid
from crystalgrid.nets.autoencoders import AUTOENCODERS
from crystalgrid.nets.network import CrystalNet, build_network


class Mirror(nn.Module):
    """The density *is* the latent vector, and voxels above a threshold are atoms: what comes out shows what went in."""

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.threshold = nn.Parameter(torch.tensor(threshold))

    @torch.jit.export
    def encode(self, density: Tensor) -> tuple[Tensor, Tensor]:
        return density.flatten(1), -density.flatten(1)

    @torch.jit.export
    def prior(self, noise: Tensor) -> Tensor:
        return 2 - noise

    @torch.jit.export
    def decode(self, z: Tensor) -> Tensor:
        return z.view(-1, 6, 6, 6)

    @torch.jit.export
    def segment(self, density: Tensor) -> tuple[Tensor, Tensor]:
        species = (20 * density).clamp(0, 94) * (density > self.threshold)
        return species.to(torch.uint8), torch.ones_like(density)


def mirror_metadata(**changes: object) -> ArtifactInfo:
    """Return the metadata of a Mirror, as crystalgrid-export writes them."""
    metadata = ArtifactInfo("repeated", Grid(n=6, length=2.0), 216, {"name": "mirror"})
    return replace(metadata, units={"density": "1/Å^3", "length": "Å"}, **changes)


def write_mirror(path: Path, threshold: float = 1.5, **changes: object) -> Path:
    """Write an artifact that holds a Mirror; `changes` replace or join the JSON of its metadata."""
    path.write_bytes(script_network(Mirror(threshold).eval()))
    add_json(path, {**mirror_metadata().to_dict(), **changes})
    return path


def run_info(recipe: Recipe, mode: str = "repeated", **changes: object) -> RunInfo:
    """Return the description of a run of a recipe, before its first step."""
    return replace(RunInfo(recipe, mode, Grid(), DataInfo("prototypes", "0" * 64)), **changes)


def write_untrained_run(folder: Path, mode: str = "repeated", **changes: object) -> CrystalNet:
    """Write the checkpoint of a run of the recipe `tiny` that has not learned anything, and return its networks."""
    torch.manual_seed(0)
    recipe = load_recipe("tiny")
    network = recipe.build().eval()
    last(folder).parent.mkdir(parents=True)
    write_checkpoint(last(folder), Checkpoint(run_info(recipe, mode, **changes), state_for_file(network)))
    return network


def network_of(kind: str, unet: tuple[int, ...] = (4,), generator: dict | None = None, **sizes: object) -> CrystalNet:
    """Return untrained networks with an autoencoder of a kind, of these sizes."""
    autoencoder = AUTOENCODERS[kind]
    return build_network(autoencoder(autoencoder.config(**sizes)), unet, generator)


def fitted_tiny(density: Tensor) -> CrystalNet:
    """The recipe `tiny` with its linear part fitted to densities and the rest untrained, that sees atoms all the same.

    Its decoder lets the first latent number, the scale, change the geometry a little, as training does.
    """
    torch.manual_seed(0)
    network = load_recipe("tiny").build().eval()
    with torch.no_grad():
        network.autoencoder.fit([density], beta=1e-3)
        network.autoencoder.decoder[-1].weight.normal_(std=0.1)
        network.unet.head.presence.weight *= 300
    return network


def tiny_network() -> CrystalNet:
    """The network of recipe `tiny`, untrained, with weights that make it see atoms all the same."""
    torch.manual_seed(0)
    network = load_recipe("tiny").build().eval()
    with torch.no_grad():
        network.autoencoder.components.decoder.normal_()
        network.unet.head.presence.weight *= 300
    return network


def tiny_metadata(**changes: object) -> ArtifactInfo:
    """Return the metadata of that network."""
    recipe = load_recipe("tiny")
    return mirror_metadata(grid=Grid(), latent_dim=recipe.network.latent_dim, recipe=recipe.to_dict(), **changes)


def write_tiny(path: Path) -> Path:
    """Write an artifact of that network."""
    network = tiny_network()
    path.write_bytes(script_network(network))
    add_metadata(path, tiny_metadata(scale=network.autoencoder.scale()))
    return path
