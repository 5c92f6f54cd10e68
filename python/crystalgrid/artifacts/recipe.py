"""Recipes, which say what networks are trained and how: TOML files in `models/recipes/` or the user's own."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

from ..errors import InputError
from ..files import shipped
from ..nets.autoencoders import AUTOENCODERS
from ..nets.autoencoders.base import Autoencoder, AutoencoderConfig
from ..nets.network import CrystalNet, build_network
from .old_recipes import FLAGS, with_autoencoder

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MIXED = "bf16-mixed"
PRECISIONS = ("32-true", MIXED)
GENERATOR = "generator"
"""The table that recipes of generators of crystals have in place of [network] and [loss]."""
BY_MODE = {"repeated": "periodic", "single": "atomic"}
"""The recipe of each mode if none is named."""


@dataclass(frozen=True)
class Network:
    """The networks of a recipe: an autoencoder and a U-Net.

    autoencoder: the kind, a key of `AUTOENCODERS`. unet: channels of the U-Net, see `UNet`. config: the sizes of the
    autoencoder, which are keys beside the other two in a TOML file.
    """

    autoencoder: str
    unet: tuple[int, ...]
    config: AutoencoderConfig

    @property
    def kind(self) -> type[Autoencoder]:
        """The class of the autoencoder."""
        return AUTOENCODERS[self.autoencoder]

    @property
    def latent_dim(self) -> int:
        """The length of the latent vector."""
        return self.config.latent_dim


@dataclass(frozen=True)
class Loss:
    """The weights of the losses (Eq. 2 and 3).

    beta: the loss is the mean over voxels of the squared error, plus `beta` times the KL divergence (nats, summed over
    the latent vector) per voxel. All kinds of autoencoders but the paper's take the error in units of the cube's mean.
    gamma: weight of the segmentation loss in the gradient that reaches the VAE.
    """

    beta: float
    gamma: float = 0.1


@dataclass(frozen=True)
class Optimizer:
    """The optimiser: Adam, or AdamW with `weight_decay`.

    The learning rate rises over `warmup` steps and, with `decay`, falls as a cosine.

    vae_share: the VAE's learning rate, as a share of the U-Net's.
    batch_size: the number of cubes in a step of each process.
    steps: the number of steps that the recipe trains; the cosine ends there.
    check_every: the steps from one checkpoint, validation and picture to the next.
    grad_clip: the largest norm of the whole gradient; 0 for no limit.
    precision: "32-true", or "bf16-mixed" on machines with arithmetic in bfloat16; others train in float32.
    """

    learning_rate: float
    batch_size: int
    steps: int
    vae_share: float = 1.0
    check_every: int = 500
    warmup: int = 0
    decay: bool = False
    weight_decay: float = 0.0
    grad_clip: float = 0.0
    precision: str = "32-true"


@dataclass(frozen=True)
class Recipe:
    """A way to train a model."""

    name: str
    network: Network
    loss: Loss
    optimizer: Optimizer

    def build(self, generator: Mapping[str, Any] | None = None) -> CrystalNet:
        """Return the untrained networks, initialised from torch's global generator; generator: see `build_network`."""
        network = self.network
        return build_network(network.kind(network.config), network.unet, generator)

    def for_mode(self, mode: str) -> Recipe:
        """Return the recipe itself; raises InputError if its autoencoder cannot encode densities of that mode."""
        modes = self.network.kind.modes
        if mode not in modes:
            kind = self.network.autoencoder
            raise InputError(f"{self.name}: this recipe is for --mode {' or '.join(modes)} (autoencoder {kind})")
        return self

    def to_dict(self) -> dict[str, Any]:
        """Return plain dictionaries and lists, which `recipe_from` reads back."""
        content = asdict(self)
        content["network"] |= content["network"].pop("config")
        return content


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Return a shipped recipe by name, or one of the user's own by the path of its TOML file.

    Raises InputError as `recipe_content` does, for a key that no recipe has, for a value out of range, and for the
    recipe of a generator of crystals.
    """
    content, where = recipe_content(name_or_path)
    if GENERATOR in content:
        raise InputError(f"{where}: a recipe for a generator of crystals, wanted one for an autoencoder")
    return recipe_from(content, where)


def recipe_content(name_or_path: str | Path) -> tuple[dict[str, Any], str]:
    """Return a recipe of any kind as plain dictionaries, and the path of its file.

    Raises InputError for a name or file that does not exist (naming the recipes that do), and a file that is not TOML.
    """
    folder = shipped("models") / "recipes"
    path = folder / f"{name_or_path}.toml"
    if not path.is_file():
        path = Path(name_or_path)
    if not path.is_file():
        names = ", ".join(sorted(file.stem for file in folder.glob("*.toml")))
        raise InputError(f"{name_or_path}: no such recipe; there are {names}, or give the path of a TOML file")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a TOML file: {error}") from None
    return {"name": path.stem, **content}, str(path)


def recipe_from(content: dict[str, Any], where: str) -> Recipe:
    """Return a checked recipe from plain dictionaries; `where` names it in error messages."""
    for key in content:
        if table := _table_of(key):
            raise InputError(f"{where}: {key} belongs below [{table}], and stands above all tables")
    recipe: Recipe = read_table(Recipe, content, where)
    _check(recipe, where)
    return recipe


def _table_of(key: str) -> str | None:
    """Return the name of the table of recipes that has a key, or None."""
    tables = {
        "network": {"autoencoder", "unet", *FLAGS}.union(*(_names(kind.config) for kind in AUTOENCODERS.values())),
        "loss": _names(Loss),
        "optimizer": _names(Optimizer),
    }
    return next((table for table, names in tables.items() if key in names), None)


def _names(kind: type) -> set[str]:
    return {field.name for field in fields(kind)}


def read_table(kind: type, content: Any, where: str) -> Any:
    """Return a table as the dataclass `kind`: every key known, none missing, each value of its type."""
    _check_keys(content, kind, where)
    hints = get_type_hints(kind)
    return kind(**{key: _value(hints[key], value, f"{where}: {key}") for key, value in content.items()})


def _check_keys(content: Any, kind: type, where: str, others: tuple[str, ...] = ()) -> None:
    """Raise InputError unless `content` is a table with the needed keys of a dataclass and the others, and no more."""
    names = [*others, *(field.name for field in fields(kind))]
    if not isinstance(content, dict):
        raise InputError(f"{where}: wanted a table of {', '.join(names)}, got {content!r}")
    for key in content:
        if key not in names:
            raise InputError(f"{where}: unknown key {key!r}; there are {', '.join(names)}")
    for name in (*others, *(field.name for field in fields(kind) if field.default is MISSING)):
        if name not in content:
            raise InputError(f"{where}: {name} is missing")


def _network(content: Any, where: str) -> Network:
    """Return a [network] table, whose keys beside `autoencoder` and `unet` are those of the autoencoder's sizes."""
    if not isinstance(content, dict):
        raise InputError(f"{where}: wanted a table with autoencoder, unet and the autoencoder's sizes, got {content!r}")
    content = with_autoencoder(content, where)
    name = content["autoencoder"]
    if name not in AUTOENCODERS:
        raise InputError(f"{where}: autoencoder must be one of {', '.join(AUTOENCODERS)}, got {name!r}")
    kind = AUTOENCODERS[name].config
    _check_keys(content, kind, where, ("autoencoder", "unet"))
    unet = _value(tuple[int, ...], content["unet"], f"{where}: unet")
    sizes = {key: value for key, value in content.items() if key not in ("autoencoder", "unet")}
    return Network(name, unet, read_table(kind, sizes, where))


def _value(field_type: Any, value: Any, where: str) -> Any:
    """Return a value as the type that a dataclass wants."""
    if type(None) in get_args(field_type):
        return None if value is None else _value(get_args(field_type)[0], value, where)
    if field_type is Network:
        return _network(value, where)
    if isinstance(field_type, type) and is_dataclass(field_type):
        return read_table(field_type, value, where)
    if field_type == tuple[int, ...]:
        if isinstance(value, list | tuple) and all(_is_positive_int(v) for v in value):
            return tuple(value)
        raise InputError(f"{where} must be a list of positive whole numbers, got {value!r}")
    if field_type is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not field_type:
        raise InputError(f"{where} must be of type {field_type.__name__}, got {value!r}")
    return value


def _is_positive_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _check(recipe: Recipe, where: str) -> None:
    """Raise InputError for a number out of its range, or a name that does not exist."""
    network, loss, optimizer = recipe.network, recipe.loss, recipe.optimizer
    if not network.unet:
        raise InputError(f"{where}: network.unet must have a channel number for each level, got none")
    for section in (network.config, loss):
        check_numbers(section, where)
    try:
        network.config.check()
    except InputError as error:
        raise InputError(f"{where}: autoencoder {network.autoencoder}: {error}") from None
    check_optimizer(optimizer, where)


def check_optimizer(optimizer: Optimizer, where: str) -> None:
    """Raise InputError for a number out of its range, or a precision that does not exist."""
    check_numbers(optimizer, where)
    for key in ("learning_rate", "batch_size", "steps", "check_every"):
        if getattr(optimizer, key) <= 0:
            raise InputError(f"{where}: {key} must be positive, got {getattr(optimizer, key)}")
    if optimizer.precision not in PRECISIONS:
        raise InputError(f"{where}: precision must be one of {', '.join(PRECISIONS)}, got {optimizer.precision!r}")


def check_numbers(section: Any, where: str) -> None:
    """Raise InputError for a number of a table, given as a dataclass, that is negative or not finite."""
    for key, value in asdict(section).items():
        if isinstance(value, int | float) and not (math.isfinite(value) and value >= 0):
            raise InputError(f"{where}: {key} must be a finite number and not negative, got {value}")
