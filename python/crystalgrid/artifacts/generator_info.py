"""The metadata of a generator of crystals, in training runs, released weights and exported files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, ClassVar, TypeAlias

import torch

from .. import __version__
from ..errors import InputError
from ..geometry.canonical_unit import SYMPREC
from ..nets.generators.crystal_generator import CrystalGenerator
from ..nets.generators.rank_weights import RankWeights
from ..nets.generators.sizes import Sizes
from ..nets.generators.type_drawer import NEW_SHARE
from ..nets.latent.crystal_latent import CrystalLatent
from ..nets.network import CrystalNet
from .generator_recipe import GeneratorRecipe, generator_recipe_from
from .metadata import (
    FORMAT,
    DataInfo,
    RunInfo,
    StartInfo,
    Versions,
    data_with_file_name,
    known_fields,
    read_fields,
    without_none,
)

KIND = "generator"
LATENT_SYMPREC = 0.1
"""The tolerance in Å of the symmetry of crystals that are encoded: those whose atoms moved a little have the same."""


@dataclass(frozen=True)
class StabilityInfo:
    """The data that a generator learned to predict energies above the hull from, and the error that it still makes."""

    data: DataInfo
    """The crystals whose energies are known."""
    column: str
    """The column of the file that holds them."""
    crystals: int
    """The number of crystals that were learned."""
    error: float
    """The mean absolute error on crystals of other formulas, in eV/atom."""

    @classmethod
    def from_dict(cls, content: Mapping[str, Any] | None) -> StabilityInfo | None:
        """Read what `to_dict` of a run wrote; None stays None."""
        if content is None:
            return None
        return cls(**{**known_fields(cls, content), "data": read_fields(DataInfo, content["data"])})


@dataclass(frozen=True)
class GeneratorInfo:
    """A run that trains a generator, which its checkpoints, released weights and exported files carry."""

    recipe: GeneratorRecipe
    crystals: int
    """The number of known crystals."""
    crystal_orbits: int
    """The number of the orbits of known crystals and of their orderings."""
    training_ids: tuple[str, ...]
    """The ids of the crystals that draws refer to by number."""
    elements: tuple[int, ...]
    """The atomic numbers that the training crystals have."""
    space_groups: tuple[int, ...]
    """The space groups that they have."""
    data: DataInfo
    seed: int = 0
    versions: Versions = field(default_factory=Versions)
    format: int = FORMAT
    kind: str = KIND
    orderings: int = 0
    """The number of new structure types that have the geometry of a known crystal, by an ordering of its sites."""
    processes: int = 1
    """The number of processes that trained together."""
    start: StartInfo | None = None
    """The generator that the run started from; None for random weights."""
    step: int = 0
    """The number of steps that were trained."""
    seconds: float = 0.0
    """The seconds that the run took up to that step."""
    decay_ends: int | None = None
    """The step at which the learning rate reaches zero."""
    rank: RankWeights | None = None
    """The weights of the rank of candidates for a formula, fitted to the validation crystals; None for the defaults."""
    new_share: float | None = None
    """The share of new structure types among draws, fitted to the validation crystals; None for the default."""
    stability: StabilityInfo | None = None
    """What its prediction of energies above the hull was learned from; None if it has none."""
    identity: str | None = None
    """The SHA-256 of an exported file's weights."""
    verified: Mapping[str, Any] | None = None
    """What an exported file was compared with, and how well it agreed."""

    mode: ClassVar[str] = KIND
    """What stands for the mode of an autoencoder's cubes where runs are compared."""
    prior: ClassVar[None] = None
    """A generator needs no other to draw."""

    @classmethod
    def before_training(cls, recipe: GeneratorRecipe, data: DataInfo, seed: int) -> GeneratorInfo:
        """Return the description of a run that has not looked at its crystals."""
        return cls(recipe, 0, 0, (), (), (), data, seed, Versions(__version__, str(torch.__version__)))

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], where: str) -> GeneratorInfo:
        """Read what `to_dict` wrote. Raises InputError that names `where` for missing keys or a bad recipe."""
        try:
            lists = {name: tuple(content[name]) for name in ("training_ids", "elements", "space_groups")}
            return cls(
                **{
                    **known_fields(cls, content),
                    **lists,
                    "recipe": generator_recipe_from(content["recipe"], where),
                    "data": read_fields(DataInfo, content["data"]),
                    "versions": read_fields(Versions, content.get("versions", {})),
                    "start": StartInfo.from_dict(content.get("start")),
                    "rank": RankWeights(**content["rank"]) if "rank" in content else None,
                    "stability": StabilityInfo.from_dict(content.get("stability")),
                }
            )
        except (KeyError, TypeError) as error:
            raise InputError(f"{where}: its description of the generator is incomplete ({error})") from None

    def to_dict(self) -> dict[str, Any]:
        """Return the description as a dictionary for files, without fields that are None."""
        content = {own.name: getattr(self, own.name) for own in fields(self)}
        parts = {name: asdict(content[name]) for name in ("recipe", "data", "versions")}
        rank = self.rank and self.rank._asdict()
        optional = {name: content[name] and asdict(content[name]) for name in ("start", "stability")}
        return without_none({**content, **parts, **optional, "rank": rank})

    @property
    def symprec(self) -> float:
        """The tolerance in Å of the symmetry of the crystals that the generator learns."""
        return SYMPREC if self.recipe.latent is None else LATENT_SYMPREC

    def build(self) -> CrystalGenerator:
        """Return the untrained generator, with room for its known crystals."""
        sizes, latent = self.recipe.generator, self.recipe.latent
        of_generator = Sizes(
            sizes.width, sizes.depth, sizes.orbits, self.crystals + self.orderings, self.crystal_orbits, sizes.widths,
            sizes.atoms, self.stability is not None,
        )  # fmt: skip
        network = (
            CrystalGenerator(of_generator)
            if latent is None
            else CrystalLatent(of_generator, latent.size, latent.tokens, latent.encoder_depth, latent.shaper_depth)
        )
        network.rank_weights = list(self.rank or RankWeights())
        network.new_share = NEW_SHARE if self.new_share is None else self.new_share
        return network

    def as_start(self, model: str) -> StartInfo:
        """Return the description of these weights in a run that starts from them."""
        return StartInfo(model, self.data, self.step, self.seconds, self.start, self.recipe.generator.atoms)

    def with_file_names(self) -> GeneratorInfo:
        """Return the description with file names in place of paths, which mean nothing on other machines."""
        start, stability = self.start and self.start.with_file_names(), self.stability
        if stability is not None:
            stability = replace(stability, data=data_with_file_name(stability.data))
        return replace(self, data=data_with_file_name(self.data), start=start, stability=stability)


Info: TypeAlias = RunInfo | GeneratorInfo
"""The description of a run, of whichever kind."""
Networks: TypeAlias = CrystalNet | CrystalGenerator
"""The networks that a run trains."""


def info_from_dict(content: Mapping[str, Any], where: str) -> Info:
    """Read the description of a run of either kind. Raises InputError that names `where` for missing keys."""
    kind = GeneratorInfo if content.get("kind") == KIND else RunInfo
    info: Info = kind.from_dict(content, where)
    return info


def the_autoencoder(networks: tuple[Networks, Info], where: str) -> tuple[CrystalNet, RunInfo]:
    """Return networks and their description if they are an autoencoder's; otherwise raise InputError."""
    network, info = networks
    if isinstance(network, CrystalNet) and isinstance(info, RunInfo):
        return network, info
    raise InputError(f"{where}: a generator of crystals, wanted an autoencoder; crystalgrid-sample draws from it")


def the_generator(networks: tuple[Networks, Info], where: str) -> tuple[CrystalGenerator, GeneratorInfo]:
    """Return networks and their description if they are a generator's; otherwise raise InputError."""
    network, info = networks
    if isinstance(network, CrystalGenerator) and isinstance(info, GeneratorInfo):
        return network, info
    raise InputError(f"{where}: an autoencoder, wanted a generator of crystals, such as mp10a")
