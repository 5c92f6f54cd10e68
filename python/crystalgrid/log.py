"""What a training run leaves behind: metrics.csv, checkpoints, pictures, and lines where there is no bar."""

import csv
import math
import sys
import time
from pathlib import Path

import lightning as L
import torch
from torch import Tensor

from .checkpoint import best, last
from .data import Cubes
from .files import written_whole
from .progress import SECONDS_BETWEEN_LINES
from .training import Training

COLUMNS = (
    "step", "seconds", "learning_rate", "loss", "reconstruction", "kl", "segmentation",
    "val_loss", "val_reconstruction", "val_segmentation",
)  # fmt: skip
STEPS_BETWEEN_ROWS = 10


class Log(L.Callback):
    """Writes a row every few steps, and every `check_every` steps and at the end validates, saves and draws.

    run: the run's folder. held_out: batches of fixed cubes to validate on, maybe none.
    """

    def __init__(self, run: Path, held_out: list[Cubes], check_every: int) -> None:
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
        if values.get("val_loss", math.inf) < self.lowest:
            self.lowest = values["val_loss"]
            trainer.save_checkpoint(best(self.run))
        trainer.save_checkpoint(last(self.run))

    @torch.no_grad()
    def validate(self, training: Training) -> dict[str, float]:
        """The losses of the mean reconstruction of the held-out cubes."""
        if not self.held_out:
            return {}
        net = training.net.eval()
        total = torch.zeros(2, dtype=torch.float64)
        for cubes in self.held_out:
            density, species = (grid.to(training.device) for grid in grids(cubes, training))
            decoded = net.decode(net.encode(density)[0])
            errors = net.vae.error(decoded, density), net.unet.head.loss(net.unet.features(decoded), species)
            total += torch.stack(errors).double().cpu() / len(self.held_out)
        net.train()
        reconstruction, segmentation = total.tolist()
        return {
            "val_loss": reconstruction + segmentation,
            "val_reconstruction": reconstruction,
            "val_segmentation": segmentation,
        }

    def write(self, trainer: L.Trainer, training: Training, values: dict[str, float], say: bool = False) -> None:
        """One row of metrics.csv and, now and then where there is no progress bar, one line."""
        losses = {name: float(value) for name, value in trainer.callback_metrics.items() if name in COLUMNS}
        rate = trainer.optimizers[0].param_groups[0]["lr"]
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
        """A picture of a few held-out cubes and their reconstructions; training goes on whatever happens to it."""
        if not self.held_out:
            return
        try:
            from . import plot

            path = self.run / "pictures" / f"step_{training.global_step:06d}.png"
            path.parent.mkdir(exist_ok=True)
            net = training.net.eval()
            density = self.held_out[0].density(training.grid)[:4]
            plot.densities(path, density, net.decode(net.encode(density.to(training.device))[0]).cpu())
        except Exception as error:
            print(f"no picture at step {training.global_step}: {error}", file=sys.stderr)
        finally:
            training.net.train()


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a metrics.csv, less one that a killed run did not finish."""
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if None not in row.values()]


def grids(cubes: Cubes, training: Training) -> tuple[Tensor, Tensor]:
    """Density and species of cubes."""
    threads = torch.get_num_threads()
    return cubes.density(training.grid, threads), cubes.species(training.grid, threads)
