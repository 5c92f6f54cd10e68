"""The nearest of many crystals, by the distance of their latent vectors."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.spatial.distance import cdist

from ...artifacts.cache import cached
from ...artifacts.checkpoint import checkpoint_of
from ...artifacts.find import find_model
from ...artifacts.released import WEIGHTS
from ...artifacts.sampler import PACKAGE, checksum_of
from ...data.latent_table import Latents, Z, read_latents
from ...data.results import Skipped, grouped
from ...errors import InputError
from ...files import check_output
from ...generation.encoded_set import encode_set
from ...generation.latent_model import LatentModel
from ...generation.open_generator import open_latent
from ...pool import Workers
from ..crystal_table import write_rows
from .encode_files import encode_files, read_sources

HEADER = ("crystal", "rank", "distance", "id", "formula", "space_group")
AT_ONCE = 256
"""The number of crystals whose distances from all others are in memory together."""


def write_neighbours(source: Path, among: Path, n: int, out: Path | None, model: str, workers: Workers) -> None:
    """Print the n crystals of a file that are nearest to each crystal of another, and write them as CSV if asked.

    among: crystals, whose latent vectors are kept in the cache, or a table that crystalgrid-encode wrote.
    """
    if n < 1:
        raise InputError(f"-n: wanted at least 1, got {n}")
    if out is not None:
        check_output(out, (source, among))
    latent = open_latent(model)
    crystals = read_sources([source], workers).crystals
    encoded = encode_set(latent, crystals, workers)
    if len(encoded.rows) == 0:
        raise InputError(f"{source}: {next(iter(encoded.reasons.values()))}")
    for line in grouped([Skipped("", str(crystals.ids[i]), reason) for i, reason in encoded.reasons.items()]):
        print(f"left out: {line}", file=sys.stderr)
    candidates = vectors_of(among, latent, model, workers)
    rows = neighbours(encoded.z, [str(crystals.ids[row]) for row in encoded.rows], candidates, n)
    if out is not None:
        write_rows(out, [HEADER, *rows])
    for row in [HEADER, *rows]:
        print(
            "  ".join(f"{value!s:{width}}" for value, width in zip(row, (20, 4, 8, 20, 20, 12), strict=True)).rstrip()
        )


def neighbours(z: np.ndarray, ids: list[str], known: Latents, n: int) -> list[tuple[object, ...]]:
    """Return the rows of HEADER: for each latent vector [B, L] the n nearest of the known ones, nearest first."""
    known_ids, formulas, space_groups = known.ids, known.column("formula"), known.column("space_group")
    rows: list[tuple[object, ...]] = []
    for start in range(0, len(z), AT_ONCE):
        distances = cdist(z[start : start + AT_ONCE], known.z)
        for id, row in zip(ids[start:], distances, strict=False):
            nearest = np.argsort(row, kind="stable")[:n]
            rows += [
                (id, rank, f"{row[i]:.4f}", known_ids[i], formulas[i], space_groups[i])
                for rank, i in enumerate(nearest.tolist(), 1)
            ]
    return rows


def vectors_of(path: Path, latent: LatentModel, model: str, workers: Workers) -> Latents:
    """Return the latent vectors of a table of them, or of a file of crystals, encoded once and then cached."""
    if path.suffix == ".npy" or (path.is_file() and path.suffix == ".parquet" and _has_vectors(path)):
        return read_latents(path, latent.latent_dim)
    if path.is_dir():
        raise InputError(f"{path}: wanted one file, got a folder; crystalgrid data pack {path} -o crystals.parquet")
    if not path.is_file():
        raise InputError(f"{path}: no such file; wanted crystals, or latent vectors as crystalgrid-encode writes them")
    made_of = path.stem.encode() + path.read_bytes() + _weights(model).read_bytes()  # ids may have the stem in them
    name, message = f"latents-{checksum_of(made_of, PACKAGE)}.parquet", f"encoding {path}, once …"
    return read_latents(
        cached(name, message, lambda made: encode_files([path], made, model, workers)), latent.latent_dim
    )


def _has_vectors(path: Path) -> bool:
    try:
        return Z in pq.read_schema(path).names
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not Parquet: {error}") from None


def _weights(model: str) -> Path:
    """Return the file with the weights of a model."""
    path = find_model(model)
    if path.is_file():
        return path
    return path / WEIGHTS if (path / WEIGHTS).is_file() else checkpoint_of(path)
