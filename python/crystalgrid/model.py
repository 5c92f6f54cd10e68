"""Trained models, loaded from a run, a release or an exported file, whose contract is `export/README.md`."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .artifacts.archive import read_content, read_metadata
from .artifacts.exported import check_machine, open_network
from .artifacts.find import find_model, is_exported, load_networks
from .artifacts.generator_info import KIND, GeneratorInfo, the_autoencoder, the_generator
from .artifacts.metadata import ArtifactInfo, RunInfo
from .boundary import a_tensor, check_finite
from .crystal import Crystal, CrystalLike, as_crystals
from .data.crystalset import CrystalSet
from .data.cubes import canonical_cubes
from .errors import InputError
from .generation.crystal_model import CrystalModel
from .generation.latent_model import LatentModel
from .generation.open_generator import open_generator, with_encoder
from .geometry.canonical_cell import canonical_cell
from .grid import Grid
from .nets.float32 import float32_convolutions
from .nets.fuse import fuse_batch_norm
from .nets.network import CrystalNet

ENCODED_AT_ONCE = 16
"""The number of densities that are encoded together, which bounds memory."""
SHARPER = 1.2
"""The curvature of a peak over the most on the model's grid, from which on it is taken for one of another grid."""


class Model:
    """A trained model, on the CPU until `to` moves it. Tensors in, tensors out, on its device.

    Its parameters take no gradients; inputs may, so that latents can be optimised.
    """

    def __init__(self, network: Any, metadata: RunInfo | ArtifactInfo) -> None:
        self.network = network.eval()
        for parameter in self.network.parameters():
            parameter.requires_grad_(False)
        self.metadata = metadata
        self.device = torch.device("cpu")
        self.grid, self.mode, self.latent_dim = metadata.grid, metadata.mode, metadata.latent_dim
        self.has_prior = metadata.prior is not None
        self.scale: tuple[int, float] | None = None
        """The index and deviation of the latent number that is the logarithm of a density's mean; None without one."""
        if isinstance(network, CrystalNet):
            self.scale = network.autoencoder.scale()
        elif isinstance(metadata, ArtifactInfo):
            self.scale = metadata.scale

    def to(self, device: torch.device | str) -> Model:
        """Move the model to `device`, and return it. On GPUs its convolutions are in float32, as on the CPU."""
        self.network.to(device)
        self.device = torch.device(device)
        return self

    def voxelize(self, crystals: CrystalLike | Sequence[CrystalLike]) -> Tensor:
        """Return the densities [B, n, n, n] in 1/Å³ of crystals on the model's grid.

        repeated: however a crystal is shifted, turned or given as a supercell, its cube is the same: it is centred at
        the origin of the conventional cell. single: the given cell, centred, and turned only if it does not fit.
        """
        listed = as_crystals(crystals)
        if self.mode == "repeated":
            listed = [Crystal(*canonical_cell(crystal)) for crystal in listed]
        indices = np.arange(len(listed))
        cubes = canonical_cubes(CrystalSet.from_crystals(listed), self.mode, self.grid, indices)
        return cubes.density(self.grid).to(self.device)

    def encode(self, density: Tensor | CrystalLike | Sequence[CrystalLike]) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of z, each [B, latent_dim], of densities [B, n, n, n] in 1/Å³, or of crystals.

        Crystals, also those of pymatgen and ASE, are voxelised by `voxelize`.
        """
        if not isinstance(density, Tensor):
            density = self.voxelize(density)
        if len(self._density(density)) == 0:
            return density.new_zeros(0, self.latent_dim), density.new_zeros(0, self.latent_dim)
        if density.device.type == "cpu" and _too_sharp(density.detach(), self.grid):
            warnings.warn(
                f"density: has peaks that are sharper than atoms on the model's grid, {self.grid}; "
                "voxelize(crystals, model.grid) makes densities for it",
                stacklevel=2,
            )
        with float32_convolutions():
            parts = [self.network.encode(part) for part in torch.split(density, ENCODED_AT_ONCE)]
        return torch.cat([mu for mu, _ in parts]), torch.cat([logvar for _, logvar in parts])

    def prior(self, noise: Tensor) -> Tensor:
        """Return latent vectors like those of crystals for noise ~ N(0, 1), both [B, latent_dim].

        Without a learned prior, the noise itself is returned.
        """
        _checked("noise", noise, (self.latent_dim,))
        return self.network.prior(noise) if self.has_prior and len(noise) else noise

    def decode(self, z: Tensor) -> Tensor:
        """Return densities [B, n, n, n] in 1/Å³ of latent vectors [B, latent_dim]."""
        _checked("z", z, (self.latent_dim,))
        with float32_convolutions():
            return self.network.decode(z) if len(z) else z.new_zeros(0, *3 * (self.grid.n,))

    def segment(self, density: Tensor) -> tuple[Tensor, Tensor]:
        """Return species (uint8, 0 or Z) and its probability, both [B, n, n, n], of densities in 1/Å³ of that shape."""
        with float32_convolutions():
            species, confidence = self.network.segment(self._density(density))
        return species, confidence

    def _density(self, density: Tensor) -> Tensor:
        return _checked("density", density, (self.grid.n,) * 3)


def _checked(name: str, tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    a_tensor(name, tensor)
    if tensor.shape[1:] != shape or tensor.dtype != torch.float32:
        wanted_shape = ", ".join(map(str, ("B", *shape)))
        raise InputError(f"{name}: wanted float32 [{wanted_shape}], got {tensor.dtype} {list(tensor.shape)}")
    check_finite(name, tensor)
    return tensor


def _too_sharp(density: Tensor, grid: Grid) -> bool:
    """Return whether most of the cubes have a highest voxel, away from the faces, that is too sharp for their grid.

    The logarithm of a sum of Gaussians of width sigma is nowhere more curved than that of one of them, so that from a
    voxel to the next its second difference is at least -(spacing / sigma)².
    """
    if grid.n < 3:
        return False
    inner, n = density[:, 1:-1, 1:-1, 1:-1].flatten(1), grid.n
    voxel = inner.argmax(1)
    i, j, k = voxel // (n - 2) ** 2 + 1, voxel // (n - 2) % (n - 2) + 1, voxel % (n - 2) + 1
    cube, highest = torch.arange(len(density)), inner.amax(1)
    neighbours = [
        density[cube, i + a, j + b, k + c] * density[cube, i - a, j - b, k - c]
        for a, b, c in ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    ]
    least = highest.square() * math.exp(-SHARPER * (grid.spacing / grid.sigma) ** 2)
    sharp = (torch.stack(neighbours) < least).all(0) & (highest > 0)
    return bool(sharp.float().mean() > 0.5)


def load(source: Path | str) -> Model | CrystalModel:
    """Load an exported `model.pt`, the folder of a training run or one of its checkpoints, or a released model by name.

    A generator of crystals is a `CrystalModel`, with `generate`, and a `LatentModel` if it also encodes them; any other
    model encodes and decodes densities.

    Raises InputError if it does not exist, is damaged, is no model, or is of an unknown format.
    """
    path = find_model(source)
    if not is_exported(path):
        networks = load_networks(path)
        if isinstance(networks[1], GeneratorInfo):
            return with_encoder(*the_generator(networks, str(source)))
        network, run = the_autoencoder(networks, str(source))
        return Model(fuse_batch_norm(network), run)
    if read_content(path).get("kind") == KIND:
        return open_generator(path)
    metadata = read_metadata(path)
    check_machine(path, metadata)
    try:
        return Model(open_network(path), metadata)
    except RuntimeError as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"{path}: this torch ({torch.__version__}) cannot load it: {reason}") from None


def load_model(source: Path | str) -> Model:
    """Load a model of densities, as `load` does. Raises InputError for an autoencoder or a generator of crystals."""
    model = load(source)
    if isinstance(model, LatentModel):
        raise InputError(
            f"{source}: an autoencoder of crystals, wanted one of densities; `python benchmarks/latent.py "
            f"reconstruction --model {source}`, in the source code, measures it"
        )
    if isinstance(model, CrystalModel):
        raise InputError(
            f"{source}: a generator, wanted a model of densities; crystalgrid-sample draws crystals from it"
        )
    return model
