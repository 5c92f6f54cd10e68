"""Networks compiled ahead of time (`torch.export`, AOTInductor) to a `model.pt2`, for one torch and kind of CPU."""

from __future__ import annotations

import io
import platform
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..nets.network import CrystalNet

LARGEST_BATCH = 1 << 16
METHOD = r"aotinductor/(\w+)/"
"""The folder of a .pt2 archive that holds a method, by torch's layout."""


class _Method(nn.Module):
    """A method of a network, as the `forward` that `torch.export` asks for."""

    def __init__(self, network: CrystalNet, name: str) -> None:
        super().__init__()
        self.network, self.name = network, name

    def forward(self, x: Tensor) -> Any:
        return getattr(self.network, self.name)(x)


def built_for() -> dict[str, str]:
    """Return the version of torch and the kind of processor that a model compiled now runs on."""
    return {
        "torch": str(torch.__version__),
        "machine": platform.machine(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
    }


def package(network: CrystalNet, density: Tensor, z: Tensor) -> bytes:
    """Return the network as a .pt2 archive, for batches of any size; compiling takes some minutes.

    density, z: examples, batches of two or more. `encode` is left out if torch.export cannot trace it, and `prior`
    without a generator.
    """
    from torch._inductor import aot_compile
    from torch._inductor.package import package_aoti

    # With weights in channels-last order, compiled code is wrong for a batch of one (torch 2.13).
    network = network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    batch = torch.export.Dim("batch", min=1, max=LARGEST_BATCH)
    files: dict[str, Any] = {}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of its own internals
        for name in traceable_methods(network):
            example = (z if name in ("prior", "decode") else density).contiguous()
            program = torch.export.export(_Method(network, name), (example,), dynamic_shapes=({0: batch},))
            files[name] = aot_compile(program.module(), (example,), options={"aot_inductor.package": True})
        archive = io.BytesIO()
        package_aoti(archive, files)
    return archive.getvalue()


def traceable_methods(network: CrystalNet) -> list[str]:
    """Return the names of the methods of a network that are compiled."""
    encode = ["encode"] * network.autoencoder.traceable
    return [*encode, "decode", "segment", *(["prior"] if network.generator is not None else [])]


def compiled_methods(path: Path) -> list[str]:
    """Return the names of the methods in a .pt2 archive."""
    with zipfile.ZipFile(path) as archive:
        return sorted({match[1] for name in archive.namelist() if (match := re.search(METHOD, name))})


class Compiled(nn.Module):
    """A loaded .pt2 with the methods of a `CrystalNet` that it holds, without gradients.

    Compiled code relies on inputs with the memory layout of the example that it was compiled with.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        from torch._inductor.package import load_package

        self.loaded = {name: load_package(str(path), name) for name in compiled_methods(path)}
        self.encodes = "encode" in self.loaded

    def to(self, *args: Any, **kwargs: Any) -> Compiled:
        """Raise InputError, since compiled code runs only on the CPU that it was compiled for."""
        raise InputError("a .pt2 model runs on the CPU that it was compiled for; a model.pt runs on other devices too")

    def encode(self, density: Tensor) -> tuple[Tensor, Tensor]:
        """Return mu and log variance of z, each [B, latent_dim], of densities [B, n, n, n]."""
        if not self.encodes:
            raise InputError("this model.pt2 cannot encode; a model.pt can (`crystalgrid-export RUN -o model.pt`)")
        posterior: tuple[Tensor, Tensor] = self.loaded["encode"](density.contiguous())
        return posterior

    def prior(self, noise: Tensor) -> Tensor:
        """Return latent vectors of noise, both [B, latent_dim]."""
        return self.loaded["prior"](noise.contiguous()) if "prior" in self.loaded else noise

    def decode(self, z: Tensor) -> Tensor:
        """Return densities [B, n, n, n] of latent vectors [B, latent_dim]."""
        density: Tensor = self.loaded["decode"](z.contiguous())
        return density

    def segment(self, density: Tensor) -> tuple[Tensor, Tensor]:
        """Return species and their probability, both [B, n, n, n], of densities [B, n, n, n]."""
        species_and_confidence: tuple[Tensor, Tensor] = self.loaded["segment"](density.contiguous())
        return species_and_confidence
