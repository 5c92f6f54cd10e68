"""`crystalgrid-evaluate`: how well a model brings crystals back, counted as the paper counts."""

from pathlib import Path
from typing import Literal

import tyro

from .arguments import check_positive
from .entry import importing


def evaluate(
    model: tyro.conf.Positional[str],
    data: str = "prototypes",
    split: Literal["train", "val", "test"] = "test",
    json: Path | None = None,
    picture: Path | None = None,
    max_cubes: int | None = None,
    seed: int = 0,
) -> None:
    """Count how well a model reconstructs crystals, print a table beside the paper's numbers, and write it as JSON.

    Three fixed cubes per crystal; `extraction_only` is the same count with the true species and density in place of the
    networks', which is what finding atoms in voxels costs by itself.

    Args:
        model: folder of a training run, an exported model.pt, or the name of a released model.
        data: "prototypes", a Parquet file, or a folder.
        split: "train", "val" or "test".
        json: file for the metrics.
        picture: PNG file for a few cubes: true density, decoded density, and atoms.
        max_cubes: evaluate about so many cubes, of crystals drawn with the seed; by default all.
        seed: of the cubes' origins and rotations, and of the split where the data has none.
    """
    check_positive(max_cubes=max_cubes)
    with importing():
        from ..report.evaluation import evaluate_model
    evaluate_model(model, data, split, json, picture, max_cubes, seed)


COMMAND = evaluate
