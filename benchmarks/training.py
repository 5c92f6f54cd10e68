"""Training against the obvious way: grids computed once and read from disk, float32, tensors as they come.

Same networks, losses, optimiser and batch; steps of both in turn, so that a busy machine is unkind to both.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import torch
import tyro
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

import report
from crystalgrid import Grid
from crystalgrid.artifacts.metadata import DataInfo, RunInfo
from crystalgrid.artifacts.recipe import MIXED, Recipe, load_recipe
from crystalgrid.data.load import load_crystals
from crystalgrid.files import written_whole
from crystalgrid.nets.network import CrystalNet
from crystalgrid.training.joint import JointTraining
from crystalgrid.training.losses import joint_loss
from crystalgrid.training.precision import precision_here

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
ON_DISK = 8
"""Batches of cubes that the obvious way reads again and again."""
Batches = Iterator[tuple[Tensor, Tensor, Tensor]]


class Grids(Dataset):
    """A folder of grids, a pair of .npy files per cube."""

    def __init__(self, folder: Path, training: JointTraining, size: int) -> None:
        self.folder = folder
        density, species, _ = training.batch(0, size)
        for i in range(size):
            np.save(folder / f"density_{i}.npy", density[i].cpu().numpy())
            np.save(folder / f"species_{i}.npy", species[i].cpu().numpy())
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return np.load(self.folder / f"density_{index}.npy"), np.load(self.folder / f"species_{index}.npy")


def on_the_fly(training: JointTraining) -> Batches:
    """Yield batches that are voxelised while training goes on, as `crystalgrid-train` does."""
    size = training.recipe.optimizer.batch_size
    for step in count():
        yield training.batch(step * size, size)


def from_disk(grids: Grids, recipe: Recipe) -> Batches:
    """A DataLoader with its defaults."""
    while True:
        for density, species in DataLoader(grids, recipe.optimizer.batch_size, shuffle=True):
            noise = torch.randn(len(density), recipe.network.latent_dim, device=DEVICE)
            yield density.to(DEVICE), species.to(DEVICE), noise


def steps(net: CrystalNet, recipe: Recipe, batches: Batches) -> Callable[[], tuple[float, float]]:
    """A step, to call again and again, that gives its seconds and how many of them the batch took."""
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-5)
    mixed = precision_here(recipe.optimizer.precision) == MIXED

    def step() -> tuple[float, float]:
        start = now()
        density, species, noise = next(batches)
        ready = now()
        optimizer.zero_grad()
        with torch.autocast(DEVICE, torch.bfloat16, enabled=mixed):
            loss = joint_loss(net, density, species, recipe.loss, noise)["loss"]
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        return now() - start, ready - start

    return step


def now() -> float:
    """Seconds, when all that was asked of the device is done."""
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def compare(name: str, data: str, rounds: int) -> dict:
    """Steps of a recipe both ways; the fastest of each count."""
    recipe = load_recipe(name)
    info = RunInfo(recipe, "repeated", Grid(), DataInfo(data))
    training = JointTraining(info, load_crystals(data).split("train"))
    training.net.to(DEVICE)
    size = recipe.optimizer.batch_size
    with tempfile.TemporaryDirectory() as folder:
        grids = Grids(Path(folder), training, ON_DISK * size)
        plain = replace(recipe, optimizer=replace(recipe.optimizer, precision="32-true"))
        ours = steps(training.net, recipe, on_the_fly(training))
        obvious = steps(plain.build().to(DEVICE), plain, from_disk(grids, plain))
        measured = np.array([[ours(), obvious()] for _ in range(rounds + 1)])[1:]  # the first warms up
    ours_seconds, obvious_seconds = measured[..., 0].T
    return {
        "recipe": name,
        "batch": size,
        "rounds": rounds,
        "ours, samples/s": size / float(ours_seconds.min()),
        "obvious, samples/s": size / float(obvious_seconds.min()),
        "ratio": float(obvious_seconds.min() / ours_seconds.min()),
        "lowest ratio of a round": float((obvious_seconds / ours_seconds).min()),
        "voxelising": float(np.median(measured[:, 0, 1] / ours_seconds)),
    }


def main(data: str = "prototypes", rounds: int = 5, recipes: tuple[str, ...] = ("modern", "paper")) -> None:
    """Print the table and write it to out/benchmarks/training.json.

    data: the crystals that are trained on. rounds: steps of each way that are timed.
    """
    rows = [compare(name, data, rounds) for name in recipes]
    where = torch.cuda.get_device_name() if DEVICE == "cuda" else report.machine()
    print("| " + " | ".join(rows[0]) + " |\n" + "|---" * len(rows[0]) + "|")
    for row in rows:
        print("| " + " | ".join(f"{v:.3g}" if isinstance(v, float) else str(v) for v in row.values()) + " |")
    print(f"\n{data}; {where}; {torch.get_num_threads()} threads")
    folder = Path("out/benchmarks")
    folder.mkdir(parents=True, exist_ok=True)
    content = {"machine": where, "threads": torch.get_num_threads(), "data": data, "rows": rows}
    with written_whole(folder / "training.json") as path:
        path.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    tyro.cli(main)
