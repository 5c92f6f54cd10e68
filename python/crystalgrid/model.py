"""Trained models: load one, whatever form it has, and use it. `export/README.md` is the exported form's contract."""

import hashlib
import json
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .artifacts.checkpoint import best, last, load_run
from .artifacts.compiled import Compiled, built_for
from .artifacts.released import WEIGHTS, load_released, released
from .boundary import a_tensor, check_finite
from .errors import InputError
from .files import as_path
from .grid import Grid
from .nets.fuse import fuse_batch_norm
from .nets.network import CrystalNet

FORMAT = 1
METADATA = "extra/crystalgrid.json"
CHECKSUM = "extra/crystalgrid.sha256"
AT_ONCE = 16
"""Densities that are encoded together, which bounds memory."""


class Model:
    """A trained model, on the CPU until `to` moves it. Tensors in, tensors out, on its device.

    Its parameters take no gradients; inputs may, so that latents can be optimised.
    """

    def __init__(self, network: Any, metadata: dict[str, Any]) -> None:
        self.network = network.eval()
        for parameter in self.network.parameters():
            parameter.requires_grad_(False)
        self.metadata = metadata
        self.device = torch.device("cpu")
        self.grid = Grid(**metadata["grid"])
        self.mode: str = metadata["mode"]
        self.latent_dim: int = metadata["latent_dim"]
        self.has_prior = "prior" in metadata
        self.scale = metadata.get("scale")
        """Which latent number is the logarithm of a density's mean, and its deviation; None if there is none."""
        if isinstance(network, CrystalNet):
            self.scale = network.autoencoder.scale()

    def to(self, device: torch.device | str) -> "Model":
        """The same model, moved to `device`. Convolutions on GPUs are in float32 from then on, as on the CPU."""
        torch.backends.cudnn.allow_tf32 = False
        self.network.to(device)
        self.device = torch.device(device)
        return self

    def encode(self, density: Tensor) -> tuple[Tensor, Tensor]:
        """density [B, n, n, n] in 1/Å³ to mean and log variance of z, each [B, latent_dim]."""
        if len(self._density(density)) == 0:
            return density.new_zeros(0, self.latent_dim), density.new_zeros(0, self.latent_dim)
        parts = [self.network.encode(part) for part in density.split(AT_ONCE)]
        return torch.cat([mu for mu, _ in parts]), torch.cat([logvar for _, logvar in parts])

    def prior(self, noise: Tensor) -> Tensor:
        """noise ~ N(0, 1) to latent vectors like those of crystals, both [B, latent_dim].

        Where no prior was learned, the noise itself.
        """
        _checked("noise", noise, (self.latent_dim,))
        return self.network.prior(noise) if self.has_prior and len(noise) else noise

    def decode(self, z: Tensor) -> Tensor:
        """z [B, latent_dim] to density [B, n, n, n] in 1/Å³."""
        _checked("z", z, (self.latent_dim,))
        return self.network.decode(z) if len(z) else z.new_zeros(0, *3 * (self.grid.n,))

    def segment(self, density: Tensor) -> tuple[Tensor, Tensor]:
        """density [B, n, n, n] in 1/Å³ to species (uint8, 0 or Z) and its probability, both [B, n, n, n]."""
        return self.network.segment(self._density(density))

    def _density(self, density: Tensor) -> Tensor:
        return _checked("density", density, (self.grid.n,) * 3)


def _checked(name: str, tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    a_tensor(name, tensor)
    if tensor.shape[1:] != shape or tensor.dtype != torch.float32:
        wanted = ", ".join(map(str, ("B", *shape)))
        raise InputError(f"{name}: wanted float32 [{wanted}], got {tensor.dtype} {list(tensor.shape)}")
    check_finite(name, tensor)
    return tensor


def load(source: Path | str) -> Model:
    """Load an exported `model.pt`, the folder of a training run or one of its checkpoints, or a released model by name.

    Raises InputError for what does not exist, is damaged, is no model, or is of a format that is not known.
    """
    path = find(source)
    if can_learn(path):
        network, metadata = load_trained(path)
        return Model(fuse_batch_norm(network), {**metadata, "latent_dim": latent_dim(metadata)})
    metadata = read_metadata(path)
    wanted, here = metadata.get("built_for"), built_for()
    if path.suffix == ".pt2" and wanted != here:
        raise InputError(
            f"{path}: compiled for {wanted}, this is {here}; `crystalgrid-export RUN -o model.pt2` makes one for this "
            "machine, and a model.pt runs on any"
        )
    try:
        return Model(open_network(path, metadata), metadata)
    except RuntimeError as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"{path}: this torch ({torch.__version__}) cannot load it: {reason}") from None


def open_network(path: Path, metadata: dict[str, Any]) -> Any:
    """What has the methods of an exported file, by its ending: .pt is TorchScript, .pt2 is compiled."""
    if path.suffix == ".pt2":
        return Compiled(path)
    with without_deprecations():
        return torch.jit.load(path, map_location="cpu")


def latent_dim(run: dict[str, Any]) -> int:
    """Length of z, from the metadata of a training run."""
    return run["recipe"]["network"]["latent_dim"]


def can_learn(path: Path) -> bool:
    """Whether what `find` found is no exported file, whose networks are for use alone."""
    return path.is_dir() or path.suffix == ".ckpt"


def load_trained(folder: Path) -> tuple[CrystalNet, dict[str, Any]]:
    """The networks as they were trained, and their metadata, from the folder of a run or of a released model."""
    return load_released(folder) if (folder / WEIGHTS).is_file() else load_run(folder)


def load_learner(source: str) -> tuple[CrystalNet, dict[str, Any]]:
    """The same for a model by name or path; raises InputError, as `find` does, and for an exported file."""
    path = find(source)
    if not can_learn(path):
        raise InputError(f"{source}: wanted a training run or a released model, as an exported one cannot learn")
    return load_trained(path)


def find(source: Path | str) -> Path:
    """The file or folder of a model: a path that is one, else the folder of the released model with that name."""
    path = as_path("model", source)
    if str(source) in released() and not holds_model(path):
        return released()[str(source)]
    if path.exists():
        return path
    names = ", ".join(released()) or "none"
    raise InputError(f"{source}: no such file, run folder or released model (released: {names})")


def holds_model(path: Path) -> bool:
    """Whether there is a file, or a folder with a model's weights. Another folder does not hide a released model."""
    return path.is_file() or any(file.is_file() for file in (path / WEIGHTS, best(path), last(path)))


def read_metadata(path: Path) -> dict[str, Any]:
    """What the artifact at `path` says of itself, once its format and its checksum are found good."""
    try:
        with zipfile.ZipFile(path) as archive:
            metadata = _metadata(archive, path)
            known = _text(archive, CHECKSUM)
            if checksum(archive) != known:
                raise InputError(f"{path}: damaged or altered (its checksum does not match)")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InputError(f"{path}: not a crystalgrid model, or damaged: {error}") from None
    return metadata


def _metadata(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    try:
        metadata = json.loads(_text(archive, METADATA))
    except KeyError:
        raise InputError(f"{path}: not a model that crystalgrid-export wrote (no crystalgrid.json in it)") from None
    except ValueError as error:
        raise InputError(f"{path}: damaged or altered (crystalgrid.json: {error})") from None
    found = metadata.get("format") if isinstance(metadata, dict) else None
    if found != FORMAT:
        raise InputError(f"{path}: artifact format {found!r}; this version of crystalgrid knows format {FORMAT}")
    return metadata


def _text(archive: zipfile.ZipFile, record: str) -> str:
    return archive.read(f"{root(archive)}/{record}").decode()


def root(archive: zipfile.ZipFile) -> str:
    """The folder that all records of a TorchScript archive are in."""
    return next(iter(archive.namelist()), "").partition("/")[0]


def checksum(archive: zipfile.ZipFile) -> str:
    """SHA-256 over every record but the checksum itself, in the order of their names: name, a zero byte, content.

    torch does not look at the archive's own CRCs, so that a changed weight would go unnoticed.
    """
    total = hashlib.sha256()
    start = len(root(archive)) + 1
    for name in sorted(name[start:] for name in archive.namelist()):
        if name != CHECKSUM:
            total.update(name.encode() + b"\0" + archive.read(f"{root(archive)}/{name}"))
    return total.hexdigest()


@contextmanager
def without_deprecations() -> Iterator[None]:
    """TorchScript is deprecated from torch 2.10 on, which is not the user's to mend."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit")
        yield
