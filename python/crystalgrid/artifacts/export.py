"""`crystalgrid-export`: a training run as one file that needs no Python. `export/README.md` is its contract."""

import hashlib
import io
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .. import __version__
from ..crystal import MAX_Z
from ..errors import InputError
from ..files import written_whole
from ..grid import Grid
from ..latents import latents
from ..model import (
    CHECKSUM,
    FORMAT,
    METADATA,
    can_learn,
    checksum,
    find,
    latent_dim,
    load,
    load_trained,
    open_network,
    root,
    without_deprecations,
)
from ..nets.fuse import fuse_batch_norm
from ..nets.network import CrystalNet
from .compiled import built_for, package
from .state_names import state_for_file

BATCH_SIZES = (1, 2, 5)
COMPARED = ("mu", "logvar", "prior", "density")
LARGEST_ERROR = 1e-4
"""Of each of them, relative to its largest value."""
LEAST_SAME_SPECIES = 0.999
"""Share of voxels; where two classes are all but equally likely, rounding decides."""


def export_model(run: str, out: Path) -> None:
    """Write a training run or a released model as one file, once that is found to agree with the network itself."""
    if out.suffix not in (".pt", ".pt2"):
        raise InputError(f"{out}: wanted a name that ends in .pt (TorchScript) or .pt2 (compiled for this machine)")
    path = find(run)
    if not can_learn(path):
        raise InputError(f"{run}: is exported already; wanted a training run or a released model")
    network, trained = load_trained(path)
    metadata = {
        "format": FORMAT,
        "mode": trained["mode"],
        "grid": trained["grid"],
        "classes": 1 + MAX_Z,
        "latent_dim": latent_dim(trained),
        "units": {"density": "1/Å^3", "length": "Å"},
        "recipe": trained["recipe"],
        "versions": {"crystalgrid": __version__, "torch": torch.__version__},
        "data": trained["data"],
        "identity": identity(network, out.suffix),
        "scale": network.autoencoder.scale(),
    }
    metadata |= {key: trained[key] for key in ("start", "prior") if key in trained}
    with written_whole(out) as temporary:
        real, source = real_densities(trained["data"]["source"], trained["mode"], Grid(**trained["grid"]))
        if out.suffix == ".pt2":
            print("compiling for this machine, some minutes …", file=sys.stderr, flush=True)
            temporary.write_bytes(package(fuse_batch_norm(network), real[:2], latents(0, 0, 2, metadata["latent_dim"])))
            metadata["built_for"] = built_for()
        else:
            temporary.write_bytes(scripted(network))
        agreement = compare(network, open_network(temporary, metadata), metadata["latent_dim"], real)
        print(table(agreement, source))
        refuse_disagreement(agreement)
        describe(temporary, {**metadata, "verified": {**agreement, "batch_sizes": BATCH_SIZES, "data": source}})
        load(temporary)
    print(f"{out}: written")


def identity(network: CrystalNet, form: str) -> str:
    """SHA-256 of what decides on a library, wherever and however often the same model is exported to this form.

    Files differ: TorchScript lists the constants of its modules in an order that is not always the same.
    """
    total = hashlib.sha256(f"{form} {__version__} {torch.__version__}".encode())
    for name, value in sorted(state_for_file(network).items()):
        total.update(f"\n{name} {value.dtype} {tuple(value.shape)}\n".encode() + value.contiguous().numpy().tobytes())
    return total.hexdigest()


def scripted(network: nn.Module) -> bytes:
    """The network as a TorchScript archive."""
    buffer = io.BytesIO()
    with without_deprecations():
        torch.jit.save(torch.jit.script(fuse_batch_norm(network)), buffer)
    return buffer.getvalue()


def describe(path: Path, metadata: dict[str, Any]) -> None:
    """Add metadata to an archive of either form, then the checksum over all of it."""
    with zipfile.ZipFile(path, "a") as archive:
        _add(archive, METADATA, json.dumps(metadata, ensure_ascii=False, indent=1))
        _add(archive, CHECKSUM, checksum(archive))


def _add(archive: zipfile.ZipFile, record: str, text: str) -> None:
    archive.writestr(zipfile.ZipInfo(f"{root(archive)}/{record}"), text)  # a ZipInfo of one's own bears no time


def real_densities(source: str, mode: str, grid: Grid) -> tuple[Tensor, str]:
    """Densities of a few real crystals, of the run's own data where they are within reach, and whose they are."""
    from ..data.cubes import evaluation_cubes
    from ..data.load import load_crystals

    try:
        crystals = load_crystals(source, mode=mode, grid=grid)
    except InputError:
        source = "prototypes"
        crystals = load_crystals(source, mode=mode, grid=grid)
    cubes = next(iter(evaluation_cubes(crystals, mode, grid, seed=0)))
    return cubes.density(grid)[: max(BATCH_SIZES)], source


@torch.inference_mode()
def compare(eager: Any, reloaded: Any, latent_dim: int, real: Tensor) -> dict[str, float]:
    """Largest errors of COMPARED, relative to the largest value of each, and the share of same species."""
    encodes = getattr(reloaded, "encodes", True)
    worst = dict.fromkeys(COMPARED if encodes else COMPARED[2:], 0.0)
    same = voxels = 0
    for z, density in _inputs(latent_dim, real):
        wanted, got = (
            dict(zip(worst, (*(net.encode(density) if encodes else ()), net.prior(z), net.decode(z)), strict=True))
            for net in (eager, reloaded)
        )
        for key in worst:
            error = ((wanted[key] - got[key]).abs().max() / wanted[key].abs().max().clamp_min(1e-30)).item()
            worst[key] = max(error, worst[key], key=lambda x: (x != x, x))  # NaN is the worst
        for input_ in (density, wanted["density"]):
            species, found = eager.segment(input_)[0], reloaded.segment(input_)[0]
            same += (species == found).sum().item()
            voxels += species.numel()
    return {**worst, "same_species": same / voxels}


def _inputs(latent_dim: int, real: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Random latents with random and with real densities, at each batch size."""
    generator = torch.Generator().manual_seed(0)
    for size in BATCH_SIZES:
        noise = 5 * torch.rand(size, *real.shape[1:], generator=generator)
        for density in (noise, real[:size]):
            yield latents(size, 0, len(density), latent_dim), density


def errors(agreement: dict[str, float]) -> dict[str, float]:
    """Of what was compared, without the share of same species."""
    return {key: error for key, error in agreement.items() if key in COMPARED}


def table(agreement: dict[str, float], source: str) -> str:
    """The agreement, for people."""
    sizes = ", ".join(map(str, BATCH_SIZES))
    lines = [f"reloaded file against eager, random and real input ({source}), batches of {sizes}:"]
    for key, error in errors(agreement).items():
        lines.append(f"  {key:<8} largest error {error:.1e} of its largest value")
    lines.append(f"  species  the same in {100 * agreement['same_species']:.4f} % of voxels")
    return "\n".join(lines)


def refuse_disagreement(agreement: dict[str, float]) -> None:
    """Raise InputError unless errors and species are within the limits above."""
    for key, error in errors(agreement).items():
        if not error <= LARGEST_ERROR:
            raise InputError(
                f"the exported {key} differs from eager by {error:.1e} of its largest value, allowed are "
                f"{LARGEST_ERROR:.0e}; nothing was written"
            )
    if agreement["same_species"] < LEAST_SAME_SPECIES:
        raise InputError(
            f"the exported species agree with eager in {100 * agreement['same_species']:.2f} % of voxels, wanted are "
            f"{100 * LEAST_SAME_SPECIES:.1f} %; nothing was written"
        )
