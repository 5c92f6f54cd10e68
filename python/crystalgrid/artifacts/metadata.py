"""The metadata of trained networks, in training runs, released weights and exported files.

In files they are dictionaries, of which unknown keys are ignored. The keys of exported files are in export/README.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from ..crystal import MAX_Z
from ..errors import InputError
from ..grid import Grid
from ..nets.network import CrystalNet
from .recipe import Recipe, recipe_from

T = TypeVar("T")
FORMAT = 1
"""The version of all file formats of trained networks."""
CLASSES = 1 + MAX_Z
"""The number of species that a voxel may have: 0 for no atom, then Z from 1 on."""


@dataclass(frozen=True)
class DataInfo:
    """The crystals that networks were trained on, by the file's name or path and the SHA-256 of the crystals."""

    source: str = ""
    checksum: str = ""


@dataclass(frozen=True)
class Versions:
    """The versions of the packages that wrote a file."""

    crystalgrid: str = ""
    torch: str = ""


@dataclass(frozen=True)
class StartInfo:
    """The model whose weights a run started from, and how that model was trained."""

    model: str
    data: DataInfo
    step: int = 0
    seconds: float = 0.0
    start: StartInfo | None = None
    atoms: int | None = None
    """The most atoms of a cell that a generator draws; None for an autoencoder."""

    @classmethod
    def from_dict(cls, content: Mapping[str, Any] | None) -> StartInfo | None:
        """Read what `to_dict` of a run wrote; None stays None."""
        if content is None:
            return None
        start = cls.from_dict(content.get("start"))
        return cls(**{**known_fields(cls, content), "data": read_fields(DataInfo, content["data"]), "start": start})

    def with_file_names(self) -> StartInfo:
        """Return the description with file names in place of paths, which mean nothing on other machines."""
        return replace(self, data=data_with_file_name(self.data), start=self.start and self.start.with_file_names())


@dataclass(frozen=True)
class RunInfo:
    """A training run, as its checkpoints and released weights describe it."""

    recipe: Recipe
    mode: str
    grid: Grid
    data: DataInfo
    seed: int = 0
    versions: Versions = Versions()
    format: int = FORMAT
    processes: int = 1
    """The number of processes that trained together; old runs of one process do not state it."""
    start: StartInfo | None = None
    """The model that the run started from; None for random weights."""
    step: int = 0
    """The number of steps that were trained."""
    seconds: float = 0.0
    """The seconds that the run took up to that step."""
    decay_ends: int | None = None
    """The step at which the learning rate reaches zero."""
    prior: RunInfo | None = None
    """The run that trained a generator for these networks."""
    widths: tuple[int, ...] | None = None
    """The widths of a generator's layers; None for the run of an autoencoder."""
    atoms: int | None = None
    """The most atoms of a cell that a generator draws, 0 if it draws latent vectors; None for an autoencoder."""
    kind: str = "autoencoder"
    """What was trained: generators of crystals have a description of their own, `GeneratorInfo`."""

    @property
    def latent_dim(self) -> int:
        """The length of z."""
        return self.recipe.network.latent_dim

    @property
    def has_codec(self) -> bool:
        """Tell whether the autoencoder is a closed-form codec: what it reconstructs is no result of training."""
        return self.recipe.network.kind.exact

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], where: str) -> RunInfo:
        """Read what `to_dict` wrote. Raises InputError that names `where` for missing keys or a bad recipe."""
        try:
            return cls(
                **{
                    **known_fields(cls, content),
                    "recipe": recipe_from(content["recipe"], where),
                    "grid": Grid(**content["grid"]),
                    "data": read_fields(DataInfo, content["data"]),
                    "versions": read_fields(Versions, content.get("versions", {})),
                    "start": StartInfo.from_dict(content.get("start")),
                    "prior": cls.from_dict(content["prior"], where) if "prior" in content else None,
                    "widths": tuple(content["widths"]) if "widths" in content else None,
                }
            )
        except (KeyError, TypeError) as error:
            raise InputError(f"{where}: its description of the training run is incomplete ({error})") from None

    def to_dict(self) -> dict[str, Any]:
        """Return the description as a dictionary for files, without fields that are None."""
        content = {field.name: getattr(self, field.name) for field in fields(self)}
        prior = self.prior and self.prior.to_dict()
        parts = {name: asdict(content[name]) for name in ("grid", "data", "versions")}
        start = self.start and asdict(self.start)
        return without_none({**content, **parts, "recipe": self.recipe.to_dict(), "start": start, "prior": prior})

    def build(self) -> CrystalNet:
        """Return the untrained networks of the run, with the generator of its `prior`."""
        if self.prior is None:
            return self.recipe.build()
        return self.recipe.build({"widths": self.prior.widths, "atoms": self.prior.atoms or 0})

    def as_start(self, model: str) -> StartInfo:
        """Return the description of these weights in a run that starts from them."""
        return StartInfo(model, self.data, self.step, self.seconds, self.start, self.atoms)

    def with_file_names(self) -> RunInfo:
        """Return the description with file names in place of paths, which mean nothing on other machines."""
        prior, start = self.prior and self.prior.with_file_names(), self.start and self.start.with_file_names()
        return replace(self, data=data_with_file_name(self.data), start=start, prior=prior)


@dataclass(frozen=True)
class ArtifactInfo:
    """The metadata of an exported file, whose keys are described in export/README.md."""

    mode: str
    grid: Grid
    latent_dim: int
    recipe: Mapping[str, Any]
    """The recipe as it was written, by whatever version; the file runs without it."""
    data: DataInfo = DataInfo()
    versions: Versions = Versions()
    format: int = FORMAT
    kind: str = "autoencoder"
    classes: int = CLASSES
    units: Mapping[str, str] | None = None
    identity: str | None = None
    scale: tuple[int, float] | None = None
    start: Mapping[str, Any] | None = None
    prior: Mapping[str, Any] | None = None
    """The description of the run that trained the generator; None if there is none."""
    built_for: Mapping[str, str] | None = None
    verified: Mapping[str, Any] | None = None

    @property
    def has_codec(self) -> bool:
        """Tell whether the autoencoder is a closed-form codec: what it reconstructs is no result of training."""
        return "network" in self.recipe and recipe_from(dict(self.recipe), "the recipe").network.kind.exact

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], where: str) -> ArtifactInfo:
        """Read what `to_dict` wrote. Raises InputError that names `where` for missing keys."""
        try:
            return cls(
                **{
                    **known_fields(cls, content),
                    "grid": Grid(**content["grid"]),
                    "scale": tuple(content["scale"]) if content.get("scale") else None,
                    "data": read_fields(DataInfo, content.get("data", {})),
                    "versions": read_fields(Versions, content.get("versions", {})),
                }
            )
        except (KeyError, TypeError) as error:
            raise InputError(f"{where}: its crystalgrid.json is incomplete ({error})") from None

    def to_dict(self) -> dict[str, Any]:
        """Return the metadata as a dictionary for the file, without fields that are None."""
        return without_none(asdict(self))


def known_fields(kind: type, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a dictionary that a dataclass has fields for."""
    return {field.name: content[field.name] for field in fields(kind) if field.name in content}


def read_fields(kind: type[T], content: Mapping[str, Any]) -> T:
    """Return a dataclass with the values that a dictionary has for its fields."""
    return kind(**known_fields(kind, content))


def without_none(content: dict[str, Any]) -> dict[str, Any]:
    """Return a dictionary without the keys whose values are None, in dictionaries inside it, too."""
    return {
        key: without_none(value) if isinstance(value, dict) else value
        for key, value in content.items()
        if value is not None
    }


def data_with_file_name(data: DataInfo) -> DataInfo:
    """Return the description of data with the file's name in place of its path."""
    return replace(data, source=Path(data.source).name)
