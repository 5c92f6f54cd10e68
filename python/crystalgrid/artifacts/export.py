"""The export of a training run as one file that needs no Python; `export/README.md` is the file's contract."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .. import __version__
from ..errors import InputError
from ..files import replaced_note, written_whole
from ..grid import Grid
from ..latents import latents
from ..model import load_model
from ..nets.fuse import fuse_batch_norm
from ..nets.generators.crystal_generator import CrystalGenerator
from ..nets.network import CrystalNet
from .archive import add_metadata
from .compiled import built_for, package
from .export_generator import export_generator
from .exported import open_network, script_network
from .find import find_model, is_exported, load_networks
from .formulas import trained_formulas
from .generator_info import the_autoencoder, the_generator
from .identity import identity
from .metadata import ArtifactInfo, RunInfo, Versions
from .short_runs import warn_if_short

BATCH_SIZES = (1, 2, 5)
COMPARED = ("mu", "logvar", "prior", "density")
LARGEST_ERROR = 1e-4
"""The largest error of an exported file, relative to the largest value of the tensor that is compared."""
LEAST_SAME_SPECIES = 0.999
"""The least share of voxels with the same species; if two classes are almost equally likely, rounding decides."""


class Agreement(NamedTuple):
    """A comparison of an exported file with the network that it was made from."""

    errors: dict[str, float]
    """The largest error of each tensor in COMPARED that the file can compute, as a share of its largest value."""
    same_species: float
    """The share of voxels with the same species."""


def export_model(run: str, out: Path) -> None:
    """Write a training run or a released model as one file, after checking that it agrees with the network."""
    if out.suffix not in (".pt", ".pt2"):
        raise InputError(f"{out}: wanted a name that ends in .pt (TorchScript) or .pt2 (compiled for this machine)")
    path = find_model(run)
    if is_exported(path):
        raise InputError(f"{run}: is exported already; wanted a training run or a released model")
    networks = load_networks(path)
    if isinstance(networks[0], CrystalGenerator):
        export_generator(path, *the_generator(networks, run), out)
        return
    network, info = the_autoencoder(networks, run)
    warn_if_short(run, info)
    metadata = describe_artifact(network, info, out.suffix)
    replaced = replaced_note(out)
    with written_whole(out) as temporary:
        densities, source = real_densities(info.data.source, info.mode, info.grid)
        temporary.write_bytes(_archive(network, out.suffix, densities[:2], info.latent_dim))
        agreement = compare(network, open_network(temporary), info.latent_dim, densities)
        print(agreement_table(agreement, source))
        refuse_disagreement(agreement)
        verified = {"same_species": agreement.same_species, "batch_sizes": BATCH_SIZES, "data": source}
        add_metadata(temporary, replace(metadata, verified={**agreement.errors, **verified}), trained_formulas(path))
        load_model(temporary)
    print(f"{out}: written{replaced}")


def describe_artifact(network: CrystalNet, info: RunInfo, suffix: str) -> ArtifactInfo:
    """Return the metadata of the file with this suffix that a run is exported to."""
    run = info.to_dict()
    return ArtifactInfo(
        mode=info.mode,
        grid=info.grid,
        latent_dim=info.latent_dim,
        recipe=run["recipe"],
        data=info.data,
        versions=Versions(__version__, str(torch.__version__)),
        units={"density": "1/Å^3", "length": "Å"},
        identity=identity(network, suffix),
        scale=network.autoencoder.scale(),
        start=run.get("start"),
        prior=run.get("prior"),
        built_for=built_for() if suffix == ".pt2" else None,
    )


def _archive(network: CrystalNet, suffix: str, densities: Tensor, latent_dim: int) -> bytes:
    """Return the network in the form of a suffix, .pt or .pt2."""
    if suffix == ".pt":
        return script_network(network)
    print("compiling for this machine, which takes some minutes …", file=sys.stderr, flush=True)
    return package(fuse_batch_norm(network), densities, latents(0, 0, 2, latent_dim))


def real_densities(source: str, mode: str, grid: Grid) -> tuple[Tensor, str]:
    """Return densities of a few real crystals, of the run's own data if it can be read, and the name of the data."""
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
def compare(eager: Any, reloaded: Any, latent_dim: int, real: Tensor) -> Agreement:
    """Return how well a reloaded file agrees with the network, on random input and on real densities."""
    encodes = getattr(reloaded, "encodes", True)
    errors = dict.fromkeys(COMPARED if encodes else COMPARED[2:], 0.0)
    same = voxels = 0
    for z, density in _inputs(latent_dim, real):
        expected, actual = (_outputs(network, z, density, encodes) for network in (eager, reloaded))
        for key in errors:
            scale = expected[key].abs().max().clamp_min(1e-30)
            error = float((expected[key] - actual[key]).abs().max() / scale)
            errors[key] = max(error, errors[key], key=lambda x: (x != x, x))  # NaN is the worst
        for segmented in (density, expected["density"]):
            equal = eager.segment(segmented)[0] == reloaded.segment(segmented)[0]
            same += int(equal.sum())
            voxels += equal.numel()
    return Agreement(errors, same / voxels)


def _outputs(network: Any, z: Tensor, density: Tensor, encodes: bool) -> dict[str, Tensor]:
    """Return the tensors to compare, by their names in COMPARED."""
    outputs = {"prior": network.prior(z), "density": network.decode(z)}
    return dict(zip(COMPARED, network.encode(density), strict=False)) | outputs if encodes else outputs


def _inputs(latent_dim: int, real: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield random latent vectors with random and with real densities, at each batch size."""
    generator = torch.Generator().manual_seed(0)
    for size in BATCH_SIZES:
        noise = 5 * torch.rand(size, *real.shape[1:], generator=generator)
        for density in (noise, real[:size]):
            yield latents(size, 0, len(density), latent_dim), density


def agreement_table(agreement: Agreement, source: str) -> str:
    """Return the agreement as lines for reading."""
    sizes = ", ".join(map(str, BATCH_SIZES))
    lines = [f"reloaded file against eager, random and real input ({source}), batches of {sizes}:"]
    for key, error in agreement.errors.items():
        lines.append(f"  {key:<8} largest error {error:.1e} of its largest value")
    lines.append(f"  species  the same in {100 * agreement.same_species:.4f} % of voxels")
    return "\n".join(lines)


def refuse_disagreement(agreement: Agreement) -> None:
    """Raise InputError unless errors and species are within the limits above."""
    for key, error in agreement.errors.items():
        if not error <= LARGEST_ERROR:
            raise InputError(
                f"the exported {key} differs from eager by {error:.1e} of its largest value, allowed are "
                f"{LARGEST_ERROR:.0e}; nothing was written"
            )
    if agreement.same_species < LEAST_SAME_SPECIES:
        raise InputError(
            f"the exported species agree with eager in {100 * agreement.same_species:.2f} % of voxels, wanted are "
            f"{100 * LEAST_SAME_SPECIES:.1f} %; nothing was written"
        )
