"""The training loop: steps, validations and checkpoints at regular intervals, and a clean stop."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ..artifacts.checkpoint import Checkpoint, best, last, read_checkpoint, write_checkpoint
from ..artifacts.recipe import MIXED
from ..artifacts.state_names import state_for_file, state_from_file
from ..errors import InputError
from ..nets.distributed import mean_over_processes
from ..nets.float32 import float32_convolutions
from .clock import Clock
from .interrupt import stop_on_interrupt
from .log import Log
from .precision import precision_here
from .processes import (
    any_process,
    first_process,
    from_first_process,
    only_first_prints,
    rank,
    training_device,
    wait_for_all,
    world_size,
)
from .task import Task

ENDLESS = sys.maxsize
"""The number of steps of a run that another limit ends."""
STEPS_BETWEEN_ROWS = 10
DIVERGED = 1000
"""A validation loss this many times the lowest one ends a run, since no run recovers from it."""


class Loop:
    """A training of a task until a number of steps, a time limit or Ctrl-C.

    log: writes table, pictures and progress. held_out: batches to validate on, as the task takes them; there may be
    none. steps: the steps of the whole run. decay_ends: the step at which a decay of the learning rate ends, unless the
    run has a time limit.
    """

    def __init__(
        self, task: Task, log: Log, held_out: Sequence[Any], clock: Clock, *, steps: int = ENDLESS, decay_ends: int = 0
    ) -> None:
        self.task, self.log, self.held_out, self.clock, self.steps = task, log, held_out, clock, steps
        self.options = task.options
        self.decay_ends = decay_ends or self.options.steps
        self.device = training_device()
        task.net.to(self.device)
        rate, decay = self.options.learning_rate, self.options.weight_decay
        self.optimizer = torch.optim.AdamW(task.parameter_groups(), lr=rate, weight_decay=decay)
        with only_first_prints():
            self.mixed = precision_here(self.options.precision) == MIXED
        module = _Losses(task)
        # Whole numbers are the same in every process, and gloo cannot send int16 and bool.
        whole = [name for name, buffer in module.named_buffers() if not buffer.is_floating_point()]
        DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(module, whole)
        self.model = DistributedDataParallel(module) if world_size() > 1 else module
        self.step = 0
        self.lowest = math.inf

    def run(self, resume_from: Path | None = None) -> None:
        """Train, starting from a checkpoint if one is given. Raises KeyboardInterrupt after a stop by Ctrl-C."""
        if resume_from is not None:
            self._restore(resume_from)
        if self.step >= self.steps:
            return
        with float32_convolutions(), self.log.opened(self.step, self._done()), stop_on_interrupt() as signals:
            self._estimate_check()
            stopped = False
            while not stopped and self.step < self.steps:
                losses = self._train_step()
                checks = self.step % self.options.check_every == 0
                # All processes must stop after the same step, or those that go on would wait for the others forever.
                stopped = any_process(bool(signals) or self.clock.is_up(checks))
                self.log.advance(self.step, self._done())
                self._write_down(losses, check=checks or stopped or self.step == self.steps)
            wait_for_all()
        if signals:
            raise KeyboardInterrupt

    def _train_step(self) -> dict[str, Tensor]:
        """Take one optimiser step on the loss of the next batch, and return the losses."""
        rate = self.options.learning_rate * self._rate_factor()
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]
        # Cast weights are not cached, since gradients would then be summed in bfloat16.
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.mixed, cache_enabled=False):
            losses = self.model(self.step * world_size() + rank())
        self.optimizer.zero_grad()
        losses["loss"].backward()
        norm = nn.utils.clip_grad_norm_(self.task.net.parameters(), self.options.grad_clip or math.inf)
        if not torch.isfinite(norm):  # before it reaches the weights
            raise InputError(
                f"training: the loss or its gradient is not finite at step {self.step}; the last checkpoint is kept; "
                "try a smaller learning_rate or a grad_clip in the recipe"
            )
        self.optimizer.step()
        self.step += 1
        return {name: value.detach() for name, value in losses.items()}

    def _rate_factor(self) -> float:
        """Return the factor of the learning rate: a linear rise, then perhaps a cosine to zero."""
        rise = min(1.0, (self.step + 1) / max(1, self.options.warmup))
        if not self.options.decay:
            return rise
        done = self.step / self.decay_ends
        if self.clock.limit is not None:  # no two clocks agree, and processes with different rates would grow apart
            done = float(mean_over_processes(torch.tensor(self.clock.share(), device=self.device)))
        return rise * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    def _write_down(self, losses: dict[str, Tensor], check: bool) -> None:
        """Validate, save and draw if that is due, otherwise write a row now and then."""
        if check or self.step % STEPS_BETWEEN_ROWS == 0:
            means = {name: float(mean_over_processes(value)) for name, value in losses.items()}
            if check:
                self._check(means)
            else:
                self._write_row(means)

    def _done(self) -> float:
        """Return the share of the run that is done."""
        return max(self.step / self.steps, self.clock.share())

    def _check(self, losses: dict[str, float]) -> None:
        """Validate, save, and draw. Raises InputError for a run that has diverged."""
        start = time.monotonic()
        validated = self.validate(self.held_out) if first_process() else {}
        val_loss = from_first_process(validated.get("val_loss", math.inf))
        self._write_row({**losses, **validated}, say=True)
        if first_process() and self.held_out:
            self.log.draw(self.task, self.step, self.held_out[0])
        if math.isnan(val_loss) or val_loss > DIVERGED * self.lowest:
            raise InputError(
                f"training: diverged at step {self.step}, with a validation loss of {val_loss:.3g} after one of "
                f"{self.lowest:.3g}; the last checkpoint is kept; try a smaller learning_rate in the recipe"
            )
        if val_loss < self.lowest:
            self.lowest = val_loss
            self._save(best(self.log.run))
        self._save(last(self.log.run))
        self.clock.check_seconds = time.monotonic() - start

    @torch.no_grad()
    def validate(self, held_out: Sequence[Any]) -> dict[str, float]:
        """Return the mean of each loss over held-out batches."""
        self.task.net.eval()
        total: dict[str, float] = {}
        for batch in held_out:
            for name, value in self.task.validate(batch).items():
                total[f"val_{name}"] = total.get(f"val_{name}", 0.0) + float(value) / len(held_out)
        self.task.net.train()
        return total

    def _estimate_check(self) -> None:
        """Validate on one batch to estimate the time of a validation, since the last one must end within the limit."""
        if self.clock.limit is not None and first_process():
            start = time.monotonic()
            self.validate(self.held_out[:1])
            self.clock.check_seconds = len(self.held_out) * (time.monotonic() - start)

    def _write_row(self, values: dict[str, float], say: bool = False) -> None:
        if first_process():
            rate = self.optimizer.param_groups[-1]["lr"]
            self.log.write({"step": self.step, "seconds": self.clock.seconds, "learning_rate": rate, **values}, say)

    def _save(self, path: Path) -> None:
        if first_process():
            info = self.task.describe(self.step, self.clock.seconds, self.decay_ends)
            weights = state_for_file(self.task.net)
            write_checkpoint(
                path, Checkpoint(info, weights, self.optimizer.state_dict(), self.lowest, self.task.formulas)
            )

    def _restore(self, path: Path) -> None:
        """Go on from a checkpoint."""
        checkpoint = read_checkpoint(path)
        info = checkpoint.info.prior or checkpoint.info
        self.task.net.load_state_dict(state_from_file(self.task.net, checkpoint.weights))
        self.optimizer.load_state_dict(checkpoint.optimizer)
        self.step, self.lowest = checkpoint.step, checkpoint.lowest_val_loss
        self.clock.seconds_before = info.seconds
        self.decay_ends = info.decay_ends or self.decay_ends


class _Losses(nn.Module):
    """The losses of a task as the `forward` that DistributedDataParallel asks for."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.net, self.task = task.net, task

    def forward(self, batch: int) -> dict[str, Tensor]:
        return self.task.losses(batch)
