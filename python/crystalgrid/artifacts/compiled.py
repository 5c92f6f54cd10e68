"""Networks compiled ahead of time (`torch.export`, AOTInductor): a `model.pt2`, for one torch and one kind of CPU."""

from __future__ import annotations

import io
import platform
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..nets import AtomVAE, CrystalNet

LARGEST_BATCH = 1 << 16


class _Method(nn.Module):
    """One method of a network, as the `forward` that `torch.export` asks for."""

    def __init__(self, network: CrystalNet, name: str) -> None:
        super().__init__()
        self.network, self.name = network, name

    def forward(self, x: Tensor) -> Any:
        return getattr(self.network, self.name)(x)


def methods(encoder: bool, prior: bool) -> list[str]:
    """What is compiled of a network, with or without an encoder that can be, and a prior of its own."""
    return [*["encode"] * encoder, "decode", "segment", *["prior"] * prior]


def built_for() -> dict[str, str]:
    """What a compiled model runs on: this torch, on a processor of this kind."""
    return {
        "torch": str(torch.__version__),
        "machine": platform.machine(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
    }


def package(network: CrystalNet, density: Tensor, z: Tensor) -> bytes:
    """The network as a .pt2 archive, for batches of any size. density, z: examples of two or more. Takes minutes."""
    from torch._inductor import aot_compile
    from torch._inductor.package import package_aoti

    # With weights in channels-last order, what is compiled is wrong for a batch of one (torch 2.13).
    network = network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    batch = torch.export.Dim("batch", min=1, max=LARGEST_BATCH)
    files: dict[str, Any] = {}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's remarks on itself
        for name in methods(not isinstance(network.vae, AtomVAE), network.has_prior):
            example = (z if name in ("prior", "decode") else density).contiguous()
            program = torch.export.export(_Method(network, name), (example,), dynamic_shapes=({0: batch},))
            files[name] = aot_compile(program.module(), (example,), options={"aot_inductor.package": True})
        archive = io.BytesIO()
        package_aoti(archive, files)
    return archive.getvalue()


class Compiled(nn.Module):
    """A loaded .pt2: the methods of a `CrystalNet`, without its gradients.

    What is compiled trusts its input to lie in memory as the example did that it was compiled with.

    encoder: whether it has one; that of an atomic network searches for as long as it finds something, and is left out.
    """

    def __init__(self, path: Path, encoder: bool, prior: bool) -> None:
        super().__init__()
        from torch._inductor.package import load_package

        self.encodes = encoder
        self.loaded = {name: load_package(str(path), name) for name in methods(encoder, prior)}

    def to(self, *args: Any, **kwargs: Any) -> Compiled:
        """It runs where it was compiled for, on the CPU."""
        raise InputError("a .pt2 model runs on the CPU that it was compiled for; a model.pt runs on other devices too")

    def encode(self, density: Tensor) -> tuple[Tensor, Tensor]:
        """density [B, n, n, n] to mu and log variance, each [B, latent_dim]."""
        if not self.encodes:
            raise InputError("an atomic model.pt2 cannot encode; a model.pt can (`crystalgrid-export RUN -o model.pt`)")
        return self.loaded["encode"](density.contiguous())

    def prior(self, noise: Tensor) -> Tensor:
        """noise to latent vectors, both [B, latent_dim]."""
        return self.loaded["prior"](noise.contiguous()) if "prior" in self.loaded else noise

    def decode(self, z: Tensor) -> Tensor:
        """z [B, latent_dim] to density [B, n, n, n]."""
        return self.loaded["decode"](z.contiguous())

    def segment(self, density: Tensor) -> tuple[Tensor, Tensor]:
        """density [B, n, n, n] to species and the probability of that, both [B, n, n, n]."""
        return self.loaded["segment"](density.contiguous())
