"""A test of how much single voxels tell of their species: the last layers of the U-Net, on its input alone."""

import math

import numpy as np
import torch
import tyro
from torch import Tensor

from crystalgrid import Grid
from crystalgrid.artifacts.metadata import DataInfo, RunInfo
from crystalgrid.artifacts.recipe import load_recipe
from crystalgrid.crystal import MAX_Z
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.cubes import training_cubes
from crystalgrid.data.load import load_crystals
from crystalgrid.nets.network import CrystalNet
from crystalgrid.nets.segmentation.heads import PresenceAndSpeciesHead
from crystalgrid.nets.segmentation.unet import UNet
from crystalgrid.training.joint import JointTraining

AT_A_TIME = 32
STEPS, VOXELS, RATE = 1200, 4096, 5e-3


@torch.no_grad()
def voxels(net: CrystalNet, unet: UNet, crystals: CrystalSet, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Channels [V, channels] and Z [V] of voxels with an atom, in decoded densities of `count` random cubes."""
    grid, chosen = Grid(), np.random.default_rng(seed).permutation(len(crystals))[:count]
    channels, numbers = [], []
    for rows in np.array_split(chosen, max(1, count // AT_A_TIME)):
        cubes = training_cubes(crystals, "repeated", grid, seed, 0, rows)
        density = net.decode(net.encode(cubes.density(grid))[0])
        species = cubes.species(grid)
        seen = torch.stack([torch.log1p(density / unet.peak), *unet.filters(density)], -1)
        channels.append(seen[species > 0])
        numbers.append(species[species > 0].long())
    return torch.cat(channels), torch.cat(numbers)


def learned(channels: Tensor, numbers: Tensor, unet: UNet, hidden: int, seed: int) -> PresenceAndSpeciesHead:
    """A head that names species from channels alone."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    head = PresenceAndSpeciesHead(channels.size(1), unet.filters.compress(torch.arange(1.0, MAX_Z + 1)), hidden)
    optimizer = torch.optim.AdamW(head.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: (1 + math.cos(math.pi * step / STEPS)) / 2)
    for _ in range(STEPS):
        chosen = torch.randint(len(channels), (VOXELS,), generator=generator)
        loss = torch.nn.functional.cross_entropy(head.species_logits(channels[chosen]), numbers[chosen] - 1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return head


def main(data: str, crystals: int = 1536, seed: int = 0) -> None:
    """Print the cross entropy and how many voxels' species are right, for cubes of the validation split.

    Args:
        data: "prototypes", a Parquet file, or a folder.
        crystals: how many of the training split to learn from; an eighth as many of the validation split judge.
        seed: of their choice, of where cubes are cut, and of the first weights.
    """
    torch.set_num_threads(1)
    loaded = load_crystals(data, mode="repeated")
    info = RunInfo(load_recipe("periodic"), "repeated", Grid(), DataInfo(data), seed)
    net = JointTraining(info, loaded.split("train")).net.eval()
    print(f"{crystals} crystals of {data}, seed {seed}, {STEPS} steps of {VOXELS} voxels")
    print("| a voxel sees | last layers | cross entropy | species right |")
    print("|---|---|--:|--:|")
    for name in ("deblurred", "derivatives"):
        unet = UNet((4,), name)
        train = voxels(net, unet, loaded.split("train"), crystals, seed)
        held_out, numbers = voxels(net, unet, loaded.split("val"), crystals // 8, seed)
        for layers, hidden in (("linear", 0), ("a perceptron", 64)):
            head = learned(*train, unet, hidden, seed)
            with torch.no_grad():
                logits = head.species_logits(held_out)
            loss = torch.nn.functional.cross_entropy(logits, numbers - 1)
            right = (logits.argmax(1) + 1 == numbers).float().mean()
            print(f"| {name} | {layers} | {loss:.2f} | {right:.1%} |", flush=True)


if __name__ == "__main__":
    tyro.cli(main)
