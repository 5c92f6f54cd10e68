"""Recipes: what is trained and how, as TOML files in `models/recipes/` or of the user's own."""

from __future__ import annotations

import math
import sys
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from ..errors import InputError
from ..files import shipped
from ..geometry.structure_factors import REACH
from ..nets import CrystalNet
from ..nets.autoencoders.atoms import OF_EACH
from ..nets.autoencoders.lattice import RECIPROCAL
from ..nets.autoencoders.paper import N

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MIXED = "bf16-mixed"
LARGEST_PERIODIC = RECIPROCAL + (2 * REACH + 1) ** 3
"""Length of a latent vector with every wave that there is."""
PRECISIONS = ("32-true", MIXED)
BY_MODE = {"repeated": "periodic", "single": "atomic"}
"""Recipes by default."""


@dataclass(frozen=True)
class Network:
    """Sizes of `CrystalNet`, whose arguments these are."""

    unet: tuple[int, ...]
    encoder: tuple[int, ...] = ()
    decoder: tuple[int, ...] = ()
    latent_dim: int = 300
    waves: int = 0
    periodic: bool = False
    atomic: bool = False


@dataclass(frozen=True)
class Loss:
    """Weights of the losses (Eq. 2 and 3).

    beta: the loss is the mean over voxels of the squared error, plus `beta` times the KL divergence (nats, summed over
    the latent vector) per voxel. With `relative` networks the error is of densities divided by the cube's true mean.
    gamma: weight of the segmentation loss in the gradient that reaches the VAE.
    """

    beta: float
    gamma: float = 0.1


@dataclass(frozen=True)
class Optimizer:
    """Adam, or AdamW with `weight_decay`; the rate rises over `warmup` steps and, with `decay`, falls as a cosine.

    vae_share: the VAE's learning rate, as a share of the U-Net's.
    batch_size: cubes in a step of each process.
    steps: how long the recipe trains; the cosine ends there.
    check_every: steps from one checkpoint, validation and picture to the next.
    grad_clip: largest norm of the whole gradient; 0 means any.
    precision: "32-true", or "bf16-mixed" on machines with arithmetic in bfloat16; others train in float32 either way.
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
    """One way to train one model."""

    name: str
    network: Network
    loss: Loss
    optimizer: Optimizer

    def build(self, prior: tuple[int, ...] = (), atoms: int = 0) -> CrystalNet:
        """The untrained networks, initialised from torch's global generator; the prior as `CrystalNet` takes it."""
        return CrystalNet(**asdict(self.network), prior=prior, atoms=atoms)

    def to_dict(self) -> dict[str, Any]:
        """As plain dictionaries and lists, which `recipe_from` reads back."""
        return asdict(self)


def load_recipe(name_or_path: str | Path) -> Recipe:
    """A shipped recipe by name, or one of the user's own by the path of its TOML file.

    Raises InputError for a name or file that does not exist (naming the recipes that do), a file that is not TOML, a
    key that no recipe has, and a value that cannot be.
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
    return recipe_from({"name": path.stem, **content}, str(path))


def recipe_from(content: dict[str, Any], where: str) -> Recipe:
    """A checked recipe from plain dictionaries; `where` is what error messages call it."""
    recipe = _read(Recipe, content, where)
    _check(recipe, where)
    return recipe


def _read(kind: type, content: Any, where: str) -> Any:
    """Turn `content` into the dataclass `kind`: every key known, none missing, each value of its type."""
    if not isinstance(content, dict):
        raise InputError(f"{where}: wanted a table of {', '.join(f.name for f in fields(kind))}, got {content!r}")
    hints = get_type_hints(kind)
    for key in content:
        if key not in hints:
            raise InputError(f"{where}: unknown key {key!r}; there are {', '.join(hints)}")
    for field in fields(kind):
        if field.name not in content and field.default is MISSING:
            raise InputError(f"{where}: {field.name} is missing")
    return kind(**{key: _value(hints[key], value, f"{where}: {key}") for key, value in content.items()})


def _value(wanted: Any, value: Any, where: str) -> Any:
    if wanted in (Network, Loss, Optimizer):
        return _read(wanted, value, where)
    if wanted == tuple[int, ...]:
        if isinstance(value, list | tuple) and all(_is_positive_int(v) for v in value):
            return tuple(value)
        raise InputError(f"{where} must be a list of positive whole numbers, got {value!r}")
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not wanted:
        raise InputError(f"{where} must be of type {wanted.__name__}, got {value!r}")
    return value


def _is_positive_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _check(recipe: Recipe, where: str) -> None:
    """Ranges, and names that are one of a few."""
    network, loss, optimizer = recipe.network, recipe.loss, recipe.optimizer
    if not network.unet:
        raise InputError(f"{where}: network.unet must have a channel number for each level, got none")
    if network.periodic or network.atomic:
        _check_exact(network, where)
    elif not network.waves and (len(network.encoder) != 4 or len(network.decoder) != 4):
        raise InputError(f"{where}: network.encoder and network.decoder must have four channel numbers each")
    for section in (network, loss, optimizer):
        for key, value in asdict(section).items():
            if isinstance(value, int | float) and not (math.isfinite(value) and value >= 0):
                raise InputError(f"{where}: {key} must be a finite number and not negative, got {value}")
    for key in ("learning_rate", "batch_size", "steps", "check_every"):
        if getattr(optimizer, key) <= 0:
            raise InputError(f"{where}: {key} must be positive, got {getattr(optimizer, key)}")
    if network.waves > N:
        raise InputError(f"{where}: waves must be at most {N}, the voxels along an axis, got {network.waves}")
    if network.latent_dim <= 0:
        raise InputError(f"{where}: latent_dim must be positive, got {network.latent_dim}")
    if optimizer.precision not in PRECISIONS:
        raise InputError(f"{where}: precision must be one of {', '.join(PRECISIONS)}, got {optimizer.precision!r}")


def _check_exact(network: Network, where: str) -> None:
    """Of the networks whose autoencoders have no layers."""
    kind = "a periodic" if network.periodic else "an atomic"
    if network.periodic and network.atomic:
        raise InputError(f"{where}: a network is periodic or atomic, not both")
    if network.encoder or network.decoder or network.waves:
        raise InputError(f"{where}: {kind} network has no encoder, decoder or waves")
    size, wanted = network.latent_dim, ""
    if network.periodic and (not 12 <= size <= LARGEST_PERIODIC or size % 2):
        wanted = f"even, from 12 to {LARGEST_PERIODIC}"
    if network.atomic and size % OF_EACH:
        wanted = f"a multiple of {OF_EACH}"
    if wanted:
        raise InputError(f"{where}: {kind} network's latent_dim must be {wanted}, got {size}")
