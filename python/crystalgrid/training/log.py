"""What a training run leaves behind: metrics.csv, checkpoints, pictures, and lines where there is no bar."""

import csv
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch

from ..artifacts.checkpoint import best, last
from ..errors import InputError
from ..files import written_whole
from ..progress import SECONDS_BETWEEN_LINES
from .joint import Training

COLUMNS = (
    "step", "seconds", "learning_rate", "loss", "reconstruction", "kl", "segmentation",
    "val_loss", "val_reconstruction", "val_segmentation",
)  # fmt: skip
STEPS_BETWEEN_ROWS = 10
DIVERGED = 1000
"""Times the lowest validation loss, from which no run comes back."""


class Log(L.Callback):
    """Writes a row every few steps, and every `check_every` steps and at the end validates, saves and draws.

    run: the run's folder. held_out: batches to validate on, maybe none, as `training` takes them.
    """

    def __init__(self, run: Path, held_out: Sequence[Any], check_every: int) -> None:
        self.run, self.held_out, self.check_every = run, held_out, check_every
        self.path = run / "metrics.csv"
        self.lowest = math.inf
        self.said = time.monotonic()
        self.checked = -1
        self.signals: list[int] = []  # that asked to stop

    def state_dict(self) -> dict[str, float]:
        return {"lowest": self.lowest}

    def load_state_dict(self, state: dict[str, float]) -> None:
        self.lowest = state["lowest"]

    def on_train_start(self, trainer: L.Trainer, training: Training) -> None:  # type: ignore[override]
        """Start the table, or cut off the rows that a resumed run writes again."""
        if not trainer.is_global_zero:
            return
        rows = read_rows(self.path) if self.path.is_file() else []
        with written_whole(self.path) as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(row for row in rows if int(row["step"]) <= training.global_step)

    def on_train_batch_end(self, trainer: L.Trainer, training: Training, *_: object) -> None:  # type: ignore[override]
        step = training.global_step
        over = training.minutes is not None and training.seconds > 60 * training.minutes
        # All processes stop after the same step, else those that go on wait for the others for ever.
        trainer.should_stop = trainer.strategy.reduce_boolean_decision(over or bool(self.signals), all=False)
        if step % self.check_every == 0 or step == trainer.max_steps or trainer.should_stop:
            self.check(trainer, training)
        elif step % STEPS_BETWEEN_ROWS == 0 and trainer.is_global_zero:
            self.write(trainer, training, {})

    def on_train_end(self, trainer: L.Trainer, training: Training) -> None:  # type: ignore[override]
        if training.global_step != self.checked:
            self.check(trainer, training)

    def check(self, trainer: L.Trainer, training: Training) -> None:
        """Validate, save, and draw."""
        self.checked = training.global_step
        values = self.validate(training) if trainer.is_global_zero else {}
        values = trainer.strategy.broadcast(values)
        if trainer.is_global_zero:
            self.write(trainer, training, values, say=True)
            self.draw(training)
        val_loss = values.get("val_loss", math.inf)
        if math.isnan(val_loss) or val_loss > DIVERGED * self.lowest:
            raise InputError(
                f"training: diverged at step {self.checked}, with a validation loss of {val_loss:.3g} after one of "
                f"{self.lowest:.3g}; the last checkpoint is kept; try a smaller learning_rate in the recipe"
            )
        if val_loss < self.lowest:
            self.lowest = val_loss
            trainer.save_checkpoint(best(self.run))
        trainer.save_checkpoint(last(self.run))

    @torch.no_grad()
    def validate(self, training: Training) -> dict[str, float]:
        """The mean of each loss over the held-out batches."""
        training.net.eval()
        total: dict[str, float] = {}
        for cubes in self.held_out:
            for name, value in training.validate(cubes).items():
                total[f"val_{name}"] = total.get(f"val_{name}", 0.0) + float(value) / len(self.held_out)
        training.net.train()
        return total

    def write(self, trainer: L.Trainer, training: Training, values: dict[str, float], say: bool = False) -> None:
        """One row of metrics.csv and, now and then where there is no progress bar, one line."""
        losses = {name: float(value) for name, value in trainer.callback_metrics.items() if name in COLUMNS}
        rate = trainer.optimizers[0].param_groups[-1]["lr"]
        row = {"step": training.global_step, "seconds": training.seconds, "learning_rate": rate, **losses, **values}
        with self.path.open("a", newline="") as file:
            csv.DictWriter(file, COLUMNS).writerow({key: f"{value:.6g}" for key, value in row.items()})
        now = time.monotonic()
        if not sys.stderr.isatty() and (say or now - self.said > SECONDS_BETWEEN_LINES):
            self.said = now
            shown = "  ".join(f"{name} {value:.4g}" for name, value in {**losses, **values}.items())
            print(f"step {training.global_step}  {training.seconds:.0f} s  {shown}", file=sys.stderr, flush=True)

    @torch.no_grad()
    def draw(self, training: Training) -> None:
        """Pictures of a few held-out cubes and of the losses so far; training goes on whatever happens to them."""
        if not self.held_out:
            return
        try:
            from ..report import pictures as plot

            path = self.run / "pictures" / f"step_{training.global_step:06d}.png"
            path.parent.mkdir(exist_ok=True)
            training.net.eval()
            training.draw(path, self.held_out[0])
            plot.losses(self.run / "losses.png", self.path)
        except Exception as error:
            print(f"no picture at step {training.global_step}: {error}", file=sys.stderr)
        finally:
            training.net.train()


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a metrics.csv, less one that a killed run did not finish."""
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if None not in row.values()]
