"""The records of a training run besides checkpoints: metrics.csv, pictures, and progress on stderr."""

import csv
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from ..files import written_whole
from ..progress import SECONDS_BETWEEN_LINES
from .processes import first_process
from .task import Task

COLUMNS = (
    "step", "seconds", "learning_rate", "loss", "reconstruction", "kl", "segmentation",
    "val_loss", "val_reconstruction", "val_segmentation",
)  # fmt: skip
BAR = "{desc} {percentage:3.0f} %|{bar}| {elapsed}, {remaining} left{postfix}"


class Log:
    """A log of the run in the folder `run`: its table, its pictures and its progress."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.path = run / "metrics.csv"
        self.done = self.done_at_start = 0.0
        self.start = self.last_line = time.monotonic()

    @contextmanager
    def opened(self, step: int, done: float) -> Iterator[None]:
        """Start the table, or cut off rows that a run resumed after `step` writes again, and show a progress bar.

        done: the share of the run that is done already.
        """
        if not first_process():
            yield
            return
        rows = read_rows(self.path) if self.path.is_file() else []
        with written_whole(self.path) as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(row for row in rows if int(row["step"]) <= step)
        self.start, self.done, self.done_at_start = time.monotonic(), done, done
        with tqdm(total=1.0, initial=done, bar_format=BAR, disable=not sys.stderr.isatty()) as self.bar:
            yield

    def advance(self, step: int, done: float) -> None:
        """Record that the share `done` of the run is done, after this step."""
        if first_process():
            self.bar.set_description_str(f"step {step}", refresh=False)
            self.bar.update(done - self.done)
            self.done = done

    def write(self, row: dict[str, float], say: bool) -> None:
        """Write one row of metrics.csv and, if there is no progress bar, a line now and then or if `say` is true."""
        with self.path.open("a", newline="") as file:
            csv.DictWriter(file, COLUMNS).writerow({key: f"{value:.6g}" for key, value in row.items()})
        shown = {name: f"{value:.4g}" for name, value in row.items() if name in COLUMNS[3:]}
        self.bar.set_postfix(shown, refresh=False)
        now = time.monotonic()
        if self.bar.disable and (say or now - self.last_line > SECONDS_BETWEEN_LINES):
            self.last_line = now
            losses = "  ".join(f"{name} {value}" for name, value in shown.items())
            print(f"step {row['step']}  {row['seconds']:.0f} s{self.left()}  {losses}", file=sys.stderr, flush=True)

    def left(self) -> str:
        """Return the remaining time in words, or nothing if it cannot be estimated yet."""
        gained = self.done - self.done_at_start
        if gained <= 0:
            return ""
        return f"  {(time.monotonic() - self.start) * (1 - self.done) / gained:.0f} s left"

    @torch.no_grad()
    def draw(self, task: Task, step: int, held_out: Any) -> None:
        """Draw held-out data and the losses so far; training goes on if a picture fails."""
        try:
            from ..report import pictures

            path = self.run / "pictures" / f"step_{step:06d}.png"
            path.parent.mkdir(exist_ok=True)
            task.net.eval()
            task.draw(path, held_out)
            pictures.losses(self.run / "losses.png", self.path)
        except Exception as error:
            print(f"no picture at step {step}: {error}", file=sys.stderr)
        finally:
            task.net.train()


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a metrics.csv, without a last one that a killed run did not finish."""
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if None not in row.values()]
