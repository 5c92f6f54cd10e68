"""Sampling in Python, for machines where the C++ sampler cannot be built: the same files, with the same content.

Only the networks run in Python. Options, noise and files are those of the C++ sampler, compiled into `_sampling`, so
that either can resume what the other has begun.
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .._sampling import Metadata, Options, Run
from ..errors import InputError
from ..grid import Grid
from ..model import Model, load_model
from ..progress import progress
from .archive import read_checksum, read_content, read_metadata
from .exported import open_network


def sample_in_python(path: Path, words: list[str]) -> None:
    """Make or resume the library that the command line of the sampler asks for, and print what is in it."""
    options = Options([str(path), *words])
    if options.device != "cpu" or options.precision != "fp32" or options.profile:
        raise InputError("--device cuda, --precision bf16 and --profile: need the C++ sampler, and thus a compiler")
    if options.threads > 0:
        torch.set_num_threads(options.threads)
    draws_crystals = read_content(path).get("kind") == "generator"
    run, append = (open_crystals if draws_crystals else open_cubes)(path, options)
    start, first = time.monotonic(), run.next
    if not run.finished:
        try:
            fill(run, append)
        finally:
            run.save()  # after Ctrl-C, too: --resume goes on with what is done
        run.finish()
    print(run.summary(run.next - first, time.monotonic() - start))


@torch.inference_mode()
def fill(run: Run, append: Callable[[], None]) -> None:
    """Append batches until the library has all of its range; they are always whole, as in the C++ sampler."""
    for _ in progress(range(run.next, run.last, run.batch), f"sampling, {run.batch} at a time"):
        append()


def open_cubes(path: Path, options: Options) -> tuple[Run, Callable[[], None]]:
    """Return the library of a model that decodes cubes, new or resumed, and what appends its next batch."""
    info = read_metadata(path)
    grid = info.grid
    metadata = Metadata(
        identity=info.identity or read_checksum(path), latent_dim=info.latent_dim, n=grid.n, length=grid.length,
        sigma=grid.sigma, prior=info.prior is not None, mode=info.mode,
    )  # fmt: skip
    run = _run(options, metadata)
    return run, partial(append_cubes, run, load_model(path), options.largest_density)


def append_cubes(run: Run, model: Model, largest: float | None) -> None:
    """Append the next batch of cubes; raises InputError for densities that are not finite."""
    density = decode(run, model, largest)
    if not density.sum(dtype=torch.double).isfinite():
        raise InputError(
            f"structure {run.next} or one soon after decodes to a density that is not finite; wanted latent vectors "
            "like those the model has learned"
        )
    species, confidence = model.segment(density)
    run.append_cubes(*(cubes.contiguous().numpy() for cubes in (density, species, confidence)))


def decode(run: Run, model: Model, largest: float | None) -> Tensor:
    """Return the densities of the next batch, [batch, n, n, n]."""
    z = torch.from_numpy(run.latents())
    density = model.decode(model.prior(z) if run.uses_prior else z)
    if largest is None:
        return density
    peak = density.amax((1, 2, 3), keepdim=True).clamp_min(1e-30)
    return density * (torch.full_like(peak, largest) / peak)  # `largest / peak` would round twice


def open_crystals(path: Path, options: Options) -> tuple[Run, Callable[[], None]]:
    """Return the library of a generator, new or resumed, and what appends its next batch.

    Raises InputError with the generator's own words if it cannot meet the conditions.
    """
    content, generator, conditions = read_content(path), open_network(path), options.conditions
    torch.set_num_threads(1)  # as in the C++ sampler, where each thread draws a batch of its own
    with torch.jit.optimized_execution(False):  # optimizing takes a minute, and rounds the first batches differently
        if problem := generator.problem(conditions):
            raise InputError(problem.partition("\n")[0])
        plan = generator.plan(conditions)
    grid = Grid(**content.get("grid", {}))
    metadata = Metadata(
        identity=content.get("identity") or read_checksum(path), latent_dim=generator.noise_dim, n=grid.n,
        length=grid.length, sigma=grid.sigma, is_generator=True, training_ids=content.get("training_ids", []),
    )  # fmt: skip
    run = _run(options, metadata)
    if options.ranks_candidates:
        return run, partial(append_crystals, run, generator, lambda: generator.likeliest(run.batch, conditions, plan))
    return run, partial(
        append_crystals, run, generator, lambda: generator.draw(torch.from_numpy(run.latents()), conditions, plan)
    )


def append_crystals(run: Run, generator: Any, draw: Callable[[], Any]) -> None:
    """Append the next batch of crystals, which `draw` returns."""
    with torch.jit.optimized_execution(False):
        draws = draw()
    space_groups = draws.space_group.unique().tolist()
    operations = {group: generator.operations(group).numpy() for group in space_groups if 1 <= group <= 230}
    run.append_crystals({name: tensor.numpy() for name, tensor in draws._asdict().items()}, operations)


def _run(options: Options, metadata: Metadata) -> Run:
    return Run(options, metadata, threads=torch.get_num_threads(), torch=torch.__version__.partition("+")[0])
