"""Batches of crystals that are relaxed together by FIRE of torch-sim: each crystal leaves its batch when it is done."""

from __future__ import annotations

import io
import math
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch_sim.autobatching import InFlightAutoBatcher, calculate_memory_scaler
from torch_sim.optimizers import unit_cell_fire

from .batched_start import Start, state_at_rest
from .journal import Row
from .relaxing import NotRelaxedError, RelaxOptions, check_volume, failure, finite, relaxed_row
from .symmetrized_model import SymmetrizedModel

STEPS_BETWEEN_SWAPS = 5
"""Crystals that are done stay in the batch for up to so many steps: on a GPU to take them out costs about a step."""


class Limit(NamedTuple):
    """The largest batch that the device is given."""

    scales_with: str
    """What torch-sim measures crystals by: "n_atoms", or "n_atoms_x_density"."""
    most: float
    """The most of it in a batch; a crystal that has more by itself is relaxed alone."""


@dataclass
class Run:
    """The relaxation of one crystal in a batch."""

    start: Start
    steps: int = -1
    """The steps taken; the first computation, where the crystal stands, is none."""
    energy_before: float = math.nan
    """eV/atom"""
    seconds: float = 0.0
    """Its share of the time of its batches."""


class Batches:
    """The batches in which a group of crystals is relaxed; the next crystals take the place of those that are done."""

    def __init__(self, starts: Iterable[Start], model: SymmetrizedModel, options: RelaxOptions, limit: Limit) -> None:
        """Prepare for a group of crystals."""
        self.remaining, self.model, self.options, self.limit = iter(starts), model, options, limit
        _, self.step = unit_cell_fire(model)
        self.batcher = InFlightAutoBatcher(
            model, memory_scales_with=limit.scales_with, max_memory_scaler=limit.most, return_indices=True
        )
        self.again: list[Iterable[Start]] = []
        """Groups that are to be relaxed afterwards, each by itself."""
        self.entered: list[Start] = []
        """The crystals that were given to the batcher, in the order by which it numbers them."""
        self.runs: dict[int, Run] = {}
        """The crystals in the batch that are not done, by their number in `entered`."""
        self.state: Any = None

    def rows(self) -> Iterator[tuple[int, Row]]:
        """Yield the number and the row of each crystal as it is done, but of those that are to be relaxed again."""
        if (first := next(self.remaining, None)) is None:
            return
        self.remaining = chain([first], self.remaining)
        self.batcher.load_states(self._states())
        self.state, _, indices = self.batcher.next_batch(None, None)
        while self.state is not None:
            entries = list(indices)
            self.runs = {entry: self.runs.get(entry) or Run(self.entered[entry]) for entry in entries}
            self.model.set_symmetries([self.entered[entry].symmetry for entry in entries])
            try:
                yield from self._steps(entries)
            except Exception as error:  # a model fails in many ways, and for all crystals of a batch
                yield from self._fail([run.start for run in self.runs.values()], error)
                self.runs = {}
            done = torch.tensor([entry not in self.runs for entry in entries], device=self.model.device)
            self.state, _, indices = self.batcher.next_batch(self.state, done)

    def _states(self) -> Iterator[Any]:
        """Yield the states of the crystals at rest; those that no batch can take are to be relaxed alone."""
        for start in self.remaining:
            state = state_at_rest(start, self.model.device)
            if self.entered and calculate_memory_scaler(state, self.limit.scales_with) > self.limit.most:
                self.again.append([start])
            else:
                self.entered.append(start)
                yield state

    def _fail(self, starts: list[Start], error: Exception) -> Iterator[tuple[int, Row]]:
        """Yield the row of a crystal that failed alone; of more, each half is to be relaxed again."""
        if len(starts) == 1:
            yield starts[0].number, {"relax_error": failure(self.options.calculator, error)}
        else:
            half = len(starts) // 2
            self.again += [starts[:half], starts[half:]]

    def _steps(self, entries: list[int]) -> Iterator[tuple[int, Row]]:
        """Take steps until crystals are to be swapped, at once if one has failed; yield the rows of those done."""
        for _ in range(STEPS_BETWEEN_SWAPS):
            begin = time.perf_counter()
            with redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.state = self.step(self.state)
            figures = _figures(self.state)
            seconds = (time.perf_counter() - begin) / len(entries)
            failed = False
            for place, entry in enumerate(entries):
                if (run := self.runs.get(entry)) is None:
                    continue
                run.steps, run.seconds = run.steps + 1, run.seconds + seconds
                if (row := self._row(run, place, *figures[place])) is not None:
                    del self.runs[entry]
                    failed |= row["relax_error"] != ""
                    yield run.start.number, row
            if failed or not self.runs:
                return

    def _row(
        self, run: Run, place: int, energy: float, force: float, cell_force: float, stretched: float
    ) -> Row | None:
        """Return the row of the crystal at a place of the batch, if it is done; see `_figures` for the figures."""
        crystal, options, state = run.start.crystal, self.options, self.state
        try:
            per_atom = finite(energy) / len(crystal)
            finite(force)
            check_volume(stretched, run.steps)
            if run.steps == 0:
                run.energy_before = per_atom
            converged = max(force, cell_force) < options.fmax
            if not converged and run.steps < options.steps:
                return None
            after = run.start.relaxed(state.row_vector_cell[place], state.positions[state.system_idx == place])
            row = relaxed_row(crystal, after, run.energy_before, per_atom, force, converged, run.steps, options.second)
            return {**row, "seconds": run.seconds}
        except NotRelaxedError as error:
            return {"relax_error": str(error)}
        except Exception as error:  # a crystal that is none has no space group
            return {"relax_error": failure(options.calculator, error)}


def _figures(state: Any) -> list[list[float]]:
    """Return for each crystal its energy in eV, its largest forces on an atom and on the cell, and its relative volume.

    Forces are in eV/Å, the cell's divided by the number of atoms as in ASE's UnitCellFilter; the volume is relative to
    that at the start.
    """
    force = torch.zeros_like(state.energy)
    force.scatter_reduce_(0, state.system_idx, state.forces.norm(dim=1), "amax")
    cell_force = state.cell_forces.norm(dim=2).amax(dim=1)
    stretched = torch.linalg.det(state.cell) / torch.linalg.det(state.reference_cell)
    figures: list[list[float]] = torch.stack([state.energy, force, cell_force, stretched], dim=1).tolist()
    return figures
