"""The names that weights have in files, which stay as they were when attributes of the networks are renamed.

An artifact's identity and the crystals that are sampled from it depend on these names.
"""

import re
from collections.abc import Mapping

from torch import Tensor

from ..nets.network import CrystalNet

RENAMED = (
    (r"^autoencoder\.components\.modes$", "vae.linear.waves"),
    (r"^autoencoder\.components\.", "vae.linear."),
    (r"^autoencoder\.linear_logvar$", "vae.begin"),
    (r"^autoencoder\.", "vae."),
    (r"^unet\.head\.presence_hidden\.", "unet.head.known."),
    (r"^unet\.head\.presence\.", "unet.head.atom."),
)
"""Patterns of attribute names and what stands in files in their place; the first that matches counts."""


def names_in_files(network: CrystalNet) -> dict[str, str]:
    """Return the name in files of each tensor of a network's state, by its attribute name."""
    kind = "cells." if network.generator is not None and network.generator.draws_cells else "flow."
    return {name: _name_in_files(name, kind) for name in network.state_dict()}


def _name_in_files(name: str, generator: str) -> str:
    for pattern, replacement in (*RENAMED, (r"^generator\.", generator)):
        renamed, count = re.subn(pattern, replacement, name)
        if count:
            return renamed
    return name


def state_for_file(network: CrystalNet) -> dict[str, Tensor]:
    """Return the state of a network by the names that it has in files."""
    names = names_in_files(network)
    return {names[name]: tensor for name, tensor in network.state_dict().items()}


def state_from_file(network: CrystalNet, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors from a file by the names that `network.load_state_dict` wants; others keep theirs."""
    attributes = {name: attribute for attribute, name in names_in_files(network).items()}
    return {attributes.get(name, name): tensor for name, tensor in tensors.items()}
