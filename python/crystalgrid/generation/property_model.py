"""A trained prediction of a property from latent vectors, in the folder of its run."""

from __future__ import annotations

import json
from math import nan
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ..crystal import SYMBOLS
from ..errors import InputError
from ..files import written_whole
from ..nets.property_head import PropertyHead
from .latent_model import LatentModel
from .open_generator import open_latent

WEIGHTS, KEY = "property.safetensors", "crystalgrid"


class PropertyModel(NamedTuple):
    """A head on the latent vectors of a model, and which column it predicts."""

    head: PropertyHead
    latent: LatentModel
    description: dict[str, Any]
    """column, model, elements (the atomic numbers of the crystals that were learned from), metrics."""

    @property
    def column(self) -> str:
        """The name of the property."""
        return str(self.description["column"])

    def warning(self) -> str:
        """Return a line that says so if the model predicts no better than a constant; else nothing.

        Both are mean absolute errors on held-out formulas; a description without them says nothing.
        """
        error, constant = (float(self.description.get(name, nan)) for name in ("mae", "mae_constant"))
        if not error >= constant:
            return ""
        return (
            f"predictions of {self.column} are off by {error:.3g} on average, those of a constant by {constant:.3g}: "
            "they mean nothing; train on more crystals"
        )

    @property
    def elements(self) -> list[str] | None:
        """The symbols of the elements that were learned from; None if the description does not say."""
        numbers = self.description.get("elements")
        return None if numbers is None else [SYMBOLS[z - 1] for z in numbers]


def holds_property(run: Path) -> bool:
    """Return whether a folder holds what `write_property` writes."""
    return (run / WEIGHTS).is_file()


def write_property(folder: Path, head: PropertyHead, description: dict[str, Any]) -> None:
    """Write a head with its description into the folder of a run."""
    content = {**description, "size": head.size, "hidden": head.hidden, "slots": head.slots}
    with written_whole(folder / WEIGHTS) as temporary:
        tensors = {name: value.contiguous() for name, value in head.state_dict().items()}
        # others may read it: `save_file` would leave it to its owner
        temporary.write_bytes(save(tensors, {KEY: json.dumps(content)}))


def open_property(run: Path) -> PropertyModel:
    """Load what `write_property` wrote, with the model of its latent vectors. Raises InputError if it is none."""
    path = run / WEIGHTS
    if not holds_property(run):
        raise InputError(f"{run}: holds no {WEIGHTS}; wanted a run of crystalgrid-train --recipe property")
    try:
        with safe_open(path, "pt") as file:
            description = json.loads(file.metadata()[KEY])
            head = PropertyHead(description["size"], description["hidden"], description["slots"])
            head.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    except (SafetensorError, RuntimeError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: damaged, or not a property model ({str(error).partition(chr(10))[0][:80]})"
        ) from None
    latent = open_latent(description["model"])
    if latent.latent_dim != head.size:
        raise InputError(
            f"{run}: predicts from {head.size} numbers, but {description['model']} has {latent.latent_dim}"
        )
    for parameter in head.parameters():
        parameter.requires_grad_(False)
    return PropertyModel(head.eval(), latent, description)
