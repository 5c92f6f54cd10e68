"""The sampler of crystals against the bare network and a plain Python loop: `python benchmarks/crystal_sampler.py`.

Each draws the same crystals, in turn, several times; the fastest counts. The sampler's seconds are those of the whole
process, from its start to the last file: extended XYZ, a table, and a symmetrised CIF for each crystal. The loop does
what one would write first: the network in Python, and pymatgen's CIF with the symmetry that it finds.
"""

import subprocess
import tempfile
import time
from pathlib import Path

import torch
import tyro
from pymatgen.io.cif import CifWriter

import crystalgrid as cg
from crystalgrid.artifacts.sampler import artifact, sampler
from crystalgrid.generation.crystal_model import CrystalModel
from crystalgrid.latents import latents

ROUNDS, BATCH = 3, 128


def main(model: tyro.conf.Positional[str] = "mp10a", n: int = 1024, threads: tuple[int, ...] = (1, 2)) -> None:
    """Print the table.

    Args:
        model: name of a released generator, or folder of a run.
        n: number of crystals in each round.
        threads: numbers of threads of the sampler; the others have one.
    """
    torch.set_num_threads(1)
    exported, program, in_python = artifact(model), sampler(), cg.load(model)
    ways = {"bare network, as exported": lambda: bare(exported, n)}
    ways |= {
        f"sampler, --threads {count}": lambda count=count: sampled(program, exported, n, count) for count in threads
    }
    ways["Python loop: the network, pymatgen"] = lambda: loop(in_python, n)
    seconds = {name: min(way() for _ in range(ROUNDS)) for name, way in ways.items()}
    print(f"{n} crystals of {model}, batches of {BATCH}, the fastest of {ROUNDS} rounds")
    print("| what | seconds | ms a crystal | of the bare network |\n|---|--:|--:|--:|")
    for name, spent in seconds.items():
        share = seconds["bare network, as exported"] / spent
        print(f"| {name} | {spent:.1f} | {1e3 * spent / n:.1f} | {share:.2f} |")


@torch.inference_mode()
def bare(exported: Path, n: int) -> float:
    """Return the seconds that the exported network takes by itself."""
    network = cg.load(exported).network
    with torch.jit.optimized_execution(False):  # as in the sampler
        plan = network.plan({})
        start = time.perf_counter()
        for first in range(0, n, BATCH):
            network.draw(latents(0, first, BATCH, network.noise_dim), {}, plan)
        return time.perf_counter() - start


def sampled(program: Path, exported: Path, n: int, threads: int) -> float:
    """Return the seconds of the sampler's process."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--number", n, "--batch", BATCH, "--threads", threads]
        start = time.perf_counter()
        command = list(map(str, [program, exported, "--out", Path(folder) / "out", *options]))
        subprocess.run(command, capture_output=True, check=True)
        return time.perf_counter() - start


def loop(model: CrystalModel, n: int) -> float:
    """Return the seconds of a loop in Python over crystals of a generator."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        for i, crystal in enumerate(cg.generate(n, model=model)):
            CifWriter(crystal.to_pymatgen(), symprec=0.01).write_file(f"{folder}/{i}.cif")
        return time.perf_counter() - start


if __name__ == "__main__":
    tyro.cli(main)
