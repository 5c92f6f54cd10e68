"""The sampler against the bare network, a plain Python loop and the floor: `python benchmarks/sampler.py MODEL`.

All of them decode the same latents on the same number of threads, in turn, several times; the fastest counts.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ase
import ase.io
import torch
import tyro
from torch.utils.flop_counter import FlopCounterMode

import crystalgrid as cg
from crystalgrid.artifacts.find import find_model, load_trained
from crystalgrid.artifacts.sampler import artifact, sampler
from crystalgrid.files import written_whole
from crystalgrid.latents import latents
from crystalgrid.training.precision import cpu_has_bf16
from peers import MultiplyAdds, cc3d_atoms

ROUNDS = 3


def main(
    model: tyro.conf.Positional[str], number: int = 320, batch: int = 16, threads: int = 1, out: Path | None = None
) -> None:
    """Print the table, and write it as JSON.

    Args:
        model: name of a released model, or folder of a run.
        number: structures in each round.
        batch: structures per pass.
        threads: of the network.
        out: JSON file.
    """
    torch.set_num_threads(threads)
    exported, program = artifact(model), sampler()
    network = cg.load(exported)
    trained = load_trained(find_model(model))[0]
    peak = MultiplyAdds().per_second() * threads
    work = multiply_adds(trained, network.latent_dim)
    ways = {
        "bare network, fp32": lambda: bare(network, number, batch),
        "sampler, fp32": lambda: sampled(program, exported, number, batch, threads, "fp32"),
        "sampler, bf16": lambda: sampled(program, exported, number, batch, threads, "bf16"),
        "Python loop: eager, cc3d, ASE": lambda: loop(trained, network, number // 4, batch) * 4,
    }
    if not cpu_has_bf16():
        del ways["sampler, bf16"]
    rates: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name, seconds in ways.items():
            rates.setdefault(name, []).append(number / seconds())
    best = {name: max(values) for name, values in rates.items()}
    floor = peak / work
    print(f"{threads} thread(s), batches of {batch}; the network takes {work / 1e6:.0f} M multiply-adds a structure")
    print("| what | structures/s | of the bare network | of the floor |\n|---|--:|--:|--:|")
    for name, rate in best.items():
        print(f"| {name} | {rate:.1f} | {rate / best['bare network, fp32']:.2f} | {rate / floor:.2f} |")
    print(f"| floor: those at the measured {peak / 1e9:.0f} G multiply-adds/s in fp32 | {floor:.1f} | | 1 |")
    if out is not None:
        with written_whole(out) as path:
            path.write_text(json.dumps({"rates": rates, "floor": floor, "multiply_adds": work, "threads": threads}))


def multiply_adds(network: torch.nn.Module, latent_dim: int) -> float:
    """Return the multiply-adds of drawing, decoding and segmenting one structure."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.segment(network.decode(network.prior(latents(0, 0, 1, latent_dim))))
    return counter.get_total_flops() / 2


@torch.inference_mode()
def bare(network: cg.model.Model, number: int, batch: int) -> float:
    """Seconds of the exported network by itself."""
    z = latents(0, 0, batch, network.latent_dim)
    network.segment(network.decode(network.prior(z)))
    start = time.perf_counter()
    for _ in range(number // batch):
        network.segment(network.decode(network.prior(z)))
    return time.perf_counter() - start


def sampled(program: Path, exported: Path, number: int, batch: int, threads: int, precision: str) -> float:
    """Seconds of the sampler, from the first latent to the written file."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--number", number, "--batch", batch, "--threads", threads, "--precision", precision, "--profile"]
        command = [program, exported, "--out", Path(folder) / "out", *options]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    return float(re.search(r"^all +([\d.]+)", done.stdout, re.M)[1])


@torch.inference_mode()
def loop(trained: torch.nn.Module, network: cg.model.Model, number: int, batch: int) -> float:
    """Seconds of what one would write first: the network as it was trained, cc3d, and ASE."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        for first in range(0, number, batch):
            density = trained.decode(trained.prior(latents(0, first, batch, network.latent_dim)))
            species = trained.segment(density)[0]
            for grid, labels in zip(density.numpy(), species.numpy(), strict=True):
                positions, numbers = cc3d_atoms(labels, grid)
                frame = ase.Atoms(numbers, positions, cell=[network.grid.length] * 3)
                ase.io.write(f"{folder}/samples.xyz", frame, format="extxyz", append=True)
        return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
