"""Recipes of generators of crystals, which say how large their networks are and how they are trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import InputError
from ..nets.generators.wyckoff_words import HEADS, SLOTS
from .recipe import Optimizer, check_optimizer, read_table


@dataclass(frozen=True)
class GeneratorSizes:
    """The sizes of a generator's networks.

    width, depth: of the language of structure types. orbits: the most orbits of a crystal. widths: of the layers of
    the flow. atoms: the most atoms of a primitive cell.
    """

    width: int
    depth: int
    orbits: int
    widths: tuple[int, ...]
    atoms: int


@dataclass(frozen=True)
class LatentSizes:
    """The sizes of the networks that make a generator an autoencoder of crystals.

    size: of the latent vectors. tokens: the number of tokens that one is cut into. encoder_depth, shaper_depth: of the
    transformers that encode a crystal and give it its geometry. kl: the weight of the Kullback-Leibler divergence in
    the loss.
    """

    size: int
    tokens: int
    encoder_depth: int
    shaper_depth: int
    kl: float


@dataclass(frozen=True)
class GeneratorRecipe:
    """A way to train a generator of crystals; with `latent`, an autoencoder whose decoder it is."""

    name: str
    generator: GeneratorSizes
    optimizer: Optimizer
    latent: LatentSizes | None = None


def generator_recipe_from(content: dict[str, Any], where: str) -> GeneratorRecipe:
    """Return a checked recipe from plain dictionaries; `where` names it in error messages."""
    recipe: GeneratorRecipe = read_table(GeneratorRecipe, content, where)
    sizes = recipe.generator
    for name in ("width", "depth", "orbits", "atoms"):
        if getattr(sizes, name) <= 0:
            raise InputError(f"{where}: {name} must be positive, got {getattr(sizes, name)}")
    if sizes.width % HEADS:
        raise InputError(f"{where}: width must be a multiple of {HEADS}, the heads of its attention, got {sizes.width}")
    if not sizes.widths:
        raise InputError(f"{where}: widths must have a number for each layer, got none")
    if recipe.latent is not None:
        check_latent(recipe.latent, sizes.orbits, where)
    check_optimizer(recipe.optimizer, where)
    return recipe


def check_latent(sizes: LatentSizes, orbits: int, where: str) -> None:
    """Raise InputError for sizes of an autoencoder of crystals of so many orbits that are out of range."""
    words = 1 + SLOTS + 3 * orbits
    if sizes.size < words:
        raise InputError(
            f"{where}: latent.size must be at least {words}, for a crystal of {orbits} orbits, got {sizes.size}"
        )
    for name in ("size", "tokens", "encoder_depth", "shaper_depth", "kl"):
        if getattr(sizes, name) <= 0:
            raise InputError(f"{where}: latent.{name} must be positive, got {getattr(sizes, name)}")
    if sizes.size % sizes.tokens:
        raise InputError(f"{where}: latent.size must be a multiple of latent.tokens, {sizes.tokens}, got {sizes.size}")
