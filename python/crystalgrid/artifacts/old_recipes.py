"""Recipes written before autoencoders had names, in released weights, artifacts and users' files."""

from collections.abc import Mapping
from typing import Any

from ..errors import InputError

FLAGS = {"waves": "blur_modes", "periodic": "lattice", "atomic": "atoms"}
"""The old keys of [network] that chose an autoencoder: a number of blur modes, and two that were true or false."""


def with_autoencoder(network: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return a recipe's [network] with the name of its autoencoder, also if old flags or nothing named it.

    Raises InputError for flags that contradict each other or the name.
    """
    flags = [flag for flag in FLAGS if network.get(flag)]
    if "autoencoder" in network or len(flags) > 1:
        if flags:
            named = f"autoencoder = {network['autoencoder']!r}" if "autoencoder" in network else "one of them"
            raise InputError(f"{where}: wanted {named} without {', '.join(flags)}")
        return dict(network)
    kind = FLAGS[flags[0]] if flags else "paper"
    renamed = {key: value for key, value in network.items() if key not in FLAGS}
    if kind == "blur_modes":
        renamed["modes"] = network["waves"]
    if kind in ("lattice", "atoms"):  # these were written with empty widths
        renamed = {key: value for key, value in renamed.items() if key not in ("encoder", "decoder") or len(value)}
    return {"autoencoder": kind, **renamed}
