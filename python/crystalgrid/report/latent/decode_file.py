"""The crystals of a file of latent vectors, as a folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import torch

from ...crystal import Crystal
from ...data.crystalset import CrystalSet
from ...data.latent_table import read_latents
from ...data.results import Skipped, grouped
from ...errors import InputError
from ...files import folder_written_whole
from ...generation.latent_model import AT_ONCE, LatentModel
from ...generation.open_generator import open_latent
from ...progress import progress
from ...worth.table_folder import CIF, TABLE
from .crystal_folder import XYZ, write_crystals

TOO_CLOSE = "its atoms could not be kept apart"


def decode_file(latents: Path, out: Path, model: str) -> None:
    """Decode the latent vectors of a file, write the folder, and list on stderr what is left out and why."""
    latent = open_latent(model)
    read = read_latents(latents, latent.latent_dim)
    with folder_written_whole(out) as folder:
        decoded = list(zip(read.ids, decode_all(latent, torch.from_numpy(read.z)), strict=True))
        crystals = [(id, crystal) for id, crystal in decoded if crystal is not None]
        left_out = [*read.left_out, *((id, TOO_CLOSE) for id, crystal in decoded if crystal is None)]
        if not crystals:
            raise InputError(f"{latents}: no latent vector decodes to a crystal; {TOO_CLOSE}")
        for line in grouped([Skipped("", id, reason) for id, reason in left_out]):
            print(f"left out: {line}", file=sys.stderr)
        ids, kept = zip(*crystals, strict=True)
        write_crystals(folder, CrystalSet.from_crystals(kept, ids), model, left_out=left_out)
    print(f"{out}: {len(crystals):,} crystals in {XYZ}, {TABLE} and {CIF}/, {len(left_out):,} left out")


def decode_all(model: LatentModel, z: torch.Tensor) -> Iterator[Crystal | None]:
    """Yield the crystal of each latent vector, or None, and show the progress."""
    parts = z.split(AT_ONCE)
    for part in progress(parts, "decoding") if len(parts) > 1 else parts:
        yield from model.decode_crystals(part)
