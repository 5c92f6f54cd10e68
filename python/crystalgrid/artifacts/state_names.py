"""The names that weights have in files, which stay as they were when attributes of the networks are renamed.

An artifact's identity and the crystals that are sampled from it depend on these names.
"""

import re
from collections.abc import Mapping

from torch import Tensor, nn

from ..nets.network import CrystalNet

RENAMED = (
    (r"^autoencoder\.components\.modes$", "vae.linear.waves"),
    (r"^autoencoder\.components\.", "vae.linear."),
    (r"^autoencoder\.linear_logvar$", "vae.begin"),
    (r"^autoencoder\.", "vae."),
    (r"^unet\.head\.presence_hidden\.", "unet.head.known."),
    (r"^unet\.head\.presence\.", "unet.head.atom."),
    (r"^generator\.templates\.affine$", "cells.templates.turn"),
    (r"^generator\.templates\.projector$", "cells.templates.back"),
    (r"^generator\.templates\.offset$", "cells.templates.shift"),
    (r"^generator\.templates\.metric_projector$", "cells.templates.metric"),
    (r"^generator\.templates\.space_group$", "cells.templates.group"),
    (r"^generator\.templates\.element_slots$", "cells.templates.kinds"),
    (r"^generator\.minimum_distances\.minimum$", "cells.contacts.least"),
    (r"^generator\.composition\.space_group\.", "cells.composition.group."),
    (r"^generator\.space_group\.", "cells.group."),
    (r"^generator\.lattice_scale$", "cells.scale"),
    (r"^generator\.step_head\.", "cells.shift."),
    (r"^generator\.pair_head\.", "cells.push."),
    (r"^generator\.lattice_head\.", "cells.turn."),
    (r"^generator\.(layers\.\d+)\.attention\.query_key_value\.", r"cells.\1.attention.ask."),
    (r"^generator\.(layers\.\d+)\.attention\.distance_bias\.", r"cells.\1.attention.near."),
    (r"^generator\.(layers\.\d+)\.attention\.output\.", r"cells.\1.attention.leave."),
    (r"^generator\.(layers\.\d+)\.conditioning\.", r"cells.\1.known."),
    (r"^generator\.input\.", "flow.enter."),
    (r"^generator\.output\.", "flow.leave."),
)
"""Patterns of attribute names and the names in files that replace them; the first that matches counts."""


def names_in_files(network: nn.Module) -> dict[str, str]:
    """Return the name in files of each tensor of a network's state, by its attribute name."""
    if not isinstance(network, CrystalNet):
        return {name: name for name in network.state_dict()}
    kind = "cells." if network.generator is not None and network.generator.draws_cells else "flow."
    return {name: _name_in_files(name, kind) for name in network.state_dict()}


def _name_in_files(name: str, generator: str) -> str:
    for pattern, replacement in (*RENAMED, (r"^generator\.", generator)):
        renamed, count = re.subn(pattern, replacement, name)
        if count:
            return renamed
    return name


def state_for_file(network: nn.Module) -> dict[str, Tensor]:
    """Return the state of a network by the names that it has in files."""
    names = names_in_files(network)
    return {names[name]: tensor for name, tensor in network.state_dict().items()}


def state_from_file(network: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors from a file by the names that `network.load_state_dict` wants; others keep theirs."""
    attributes = {name: attribute for attribute, name in names_in_files(network).items()}
    return {attributes.get(name, name): tensor for name, tensor in tensors.items()}
