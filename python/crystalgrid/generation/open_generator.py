"""Generators of crystals, loaded from a run, a release or an exported file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..artifacts.archive import read_content
from ..artifacts.exported import open_network
from ..artifacts.find import find_model, is_exported, load_networks
from ..artifacts.generator_info import KIND, GeneratorInfo, the_generator
from ..errors import InputError
from .crystal_model import CrystalModel
from .latent_model import LatentModel


def open_generator(source: Path | str) -> CrystalModel:
    """Load a generator of crystals, by the name of a released model or the path of a run or an exported file.

    One that also encodes crystals is a `LatentModel`. Raises InputError if it does not exist, is damaged, or is an
    autoencoder of densities.
    """
    path = find_model(source)
    if not is_exported(path):
        return with_encoder(*the_generator(load_networks(path), str(source)))
    content = read_content(path)
    if content.get("kind") != KIND:
        raise InputError(f"{source}: an autoencoder, wanted a generator of crystals, such as mp10a")
    return with_encoder(open_network(path), GeneratorInfo.from_dict(content, str(path)))


def with_encoder(network: Any, info: GeneratorInfo) -> CrystalModel:
    """Return a generator as a model, one that encodes if its recipe says so."""
    return CrystalModel(network, info) if info.recipe.latent is None else LatentModel(network, info)


def open_latent(source: Path | str) -> LatentModel:
    """Load an autoencoder of crystals. Raises InputError as `open_generator` does, and for a generator that is none."""
    model = open_generator(source)
    if not isinstance(model, LatentModel):
        raise InputError(f"{source}: it encodes no crystals, wanted an autoencoder of crystals, such as mp10a-latent")
    return model
