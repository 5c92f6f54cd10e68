"""The relaxation of many crystals at once by a model of torch-sim."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from typing import Any

from torch_sim.autobatching import calculate_memory_scaler, determine_max_batch_size

from ..crystal import Crystal
from ..data.crystalset import CrystalSet
from ..pool import Workers, in_processes
from .batched_start import Start, prepared, state_at_rest
from .batches import Batches, Limit
from .journal import Row
from .relaxing import NotRelaxedError, RelaxOptions, check_crystal, potentials_of
from .symmetrized_model import SymmetrizedModel

ATOMS_ON_CPU = 100
"""The atoms of a batch on the CPU, which gains nothing by more."""
ATOMS_ON_GPU = 20_000
"""The most atoms of a batch on a GPU, if its memory takes them; so that its memory is measured in seconds."""


def batched_rows(crystals: CrystalSet, options: RelaxOptions, workers: Workers) -> Iterator[tuple[int, Row]]:
    """Yield the number and the row of each of B crystals as it is done; rows are those of `relax_crystal`.

    workers: processes that look for symmetry. If a batch fails, its crystals are relaxed again in two halves, and so
    on, until the crystal that fails is alone.
    """
    models = potentials_of(options)
    jobs = []
    for number, crystal in enumerate(crystals):
        try:
            check_crystal(crystal, models)
            jobs.append((number, crystal, options.symmetry and options.steps > 0))
        except NotRelaxedError as error:
            yield number, {"relax_error": str(error)}
    model = SymmetrizedModel(models[0].calculator)
    limit = largest_batch(model, [crystal for _, crystal, _ in jobs])
    failed: list[tuple[int, Row]] = []
    found = in_processes(prepared, jobs, workers if len(jobs) > 1 else 1)
    groups: deque[Iterable[Start]] = deque([_starts(found, jobs, failed)])
    while groups:
        batches = Batches(groups.popleft(), model, options, limit)
        yield from batches.rows()
        groups.extend(batches.again)
    yield from failed


def _starts(found: Iterable[Start | str], jobs: list[Any], failed: list[tuple[int, Row]]) -> Iterator[Start]:
    """Yield the crystals that can start, and list the others with the reason."""
    for start, (number, *_) in zip(found, jobs, strict=True):
        if isinstance(start, str):
            failed.append((number, {"relax_error": start}))
        else:
            yield start


def largest_batch(model: SymmetrizedModel, crystals: list[Crystal]) -> Limit:
    """Return the limit of a batch: on a GPU what its memory takes, measured on copies of the largest crystal."""
    if model.device.type == "cpu":
        return Limit("n_atoms", ATOMS_ON_CPU)
    return measured_limit(model, crystals)


def measured_limit(model: SymmetrizedModel, crystals: list[Crystal]) -> Limit:
    """Return the limit of batches that memory takes, as torch-sim measures it on the largest crystal that computes."""
    scales_with = model.memory_scales_with
    for crystal in sorted(crystals, key=lambda crystal: len(crystal) ** 2 / crystal.volume, reverse=True):
        start = prepared(0, crystal, symmetry=False)
        if isinstance(start, str):
            continue
        state = state_at_rest(start, model.device)
        most = max(2, ATOMS_ON_GPU // len(crystal))
        try:
            with redirect_stdout(io.StringIO()):  # torch-sim reports each measurement
                copies = determine_max_batch_size(state, model, max_atoms=most)  # which counts crystals, not atoms
        except Exception:  # the model fails for this crystal, whose row will say why
            continue
        return Limit(scales_with, copies * calculate_memory_scaler(state, scales_with))
    return Limit(scales_with, 1.0)
