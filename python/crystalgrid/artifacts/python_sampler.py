"""Sampling in Python, for machines where the C++ sampler cannot be built: the same files, with the same content.

Only the networks run in Python. Options, latent vectors and files are those of the C++ sampler, compiled into
`_sampling`, so that either can resume what the other has begun.
"""

import time
from pathlib import Path

import torch
from torch import Tensor

from .._sampling import Options, Run
from ..errors import InputError
from ..model import Model, load
from ..progress import progress
from .archive import read_checksum, read_metadata


def sample_in_python(path: Path, words: list[str]) -> None:
    """Make or resume the library that the command line of the sampler asks for, and print what is in it."""
    options = Options([str(path), *words])
    if options.device != "cpu" or options.precision != "fp32" or options.profile:
        raise InputError("--device cuda, --precision bf16 and --profile: need the C++ sampler, and thus a compiler")
    if options.threads > 0:
        torch.set_num_threads(options.threads)
    model, run = load(path), open_run(path, options)
    start, first = time.monotonic(), run.next
    if not run.finished:
        try:
            fill(run, model, options)
        finally:
            run.save()  # after Ctrl-C, too: --resume goes on with what is done
        run.finish()
    rate = (run.next - first) / (time.monotonic() - start)
    print(
        f"{run.folder}/samples.xyz: {run.kept} structures, {run.empty} of them without atoms, {rate:.1f} structures/s"
    )
    if run.removed:
        print(f"{run.removed} more were filtered out; {run.folder}/manifest.json counts by what")


def open_run(path: Path, options: Options) -> Run:
    """Return the library of an exported file, new or resumed."""
    info = read_metadata(path)
    return Run(
        options,
        n=info.grid.n,
        length=info.grid.length,
        sigma=info.grid.sigma,
        latent_dim=info.latent_dim,
        prior=info.prior is not None,
        mode=info.mode,
        identity=info.identity or read_checksum(path),
        threads=torch.get_num_threads(),
        torch=torch.__version__.partition("+")[0],
    )


@torch.inference_mode()
def fill(run: Run, model: Model, options: Options) -> None:
    """Make structures until the library has all of its range; batches are always whole, as in the C++ sampler."""
    for first in progress(range(run.next, run.last, options.batch), "sampling"):
        density = decode(run, model, options.largest_density)
        if not density.sum(dtype=torch.double).isfinite():
            raise InputError(
                f"structure {first} or one soon after decodes to a density that is not finite; wanted latent vectors "
                "like those the model has learned"
            )
        species, confidence = model.segment(density)
        run.append(*(cubes.contiguous().numpy() for cubes in (density, species, confidence)))


def decode(run: Run, model: Model, largest: float | None) -> Tensor:
    """Return the densities of the next batch, [batch, n, n, n]."""
    z = torch.from_numpy(run.latents())
    density = model.decode(model.prior(z) if run.uses_prior else z)
    if largest is None:
        return density
    peak = density.amax((1, 2, 3), keepdim=True).clamp_min(1e-30)
    return density * (torch.full_like(peak, largest) / peak)  # `largest / peak` would round twice
