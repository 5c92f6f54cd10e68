"""`crystalgrid evaluate`: count how well a model reconstructs crystals."""

from pathlib import Path
from typing import Annotated, Literal

import tyro

from ..errors import require
from .arguments import check_positive
from .signals import importing


def evaluate(
    model: tyro.conf.Positional[str],
    data: str = "prototypes",
    split: Literal["train", "val", "test"] = "test",
    json_path: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
    picture: Path | None = None,
    max_cubes: int | None = None,
    seed: int = 0,
) -> None:
    """Count how well a model reconstructs crystals, print a table beside the paper's numbers, and write it as JSON.

    Each metric has a 95 % interval, by a bootstrap over crystals: the cubes of one crystal are not independent. If the
    model was trained on the reduced formula of some crystals, these and the others have metrics of their own, too.

    Each crystal is cut into three fixed cubes. `extraction_only` counts the atoms found in the true species and density
    in place of the networks': the errors of finding atoms in voxels alone.

    Args:
        model: folder of a training run, an exported model.pt, or the name of a released model.
        data: "prototypes", a Parquet file, or a folder.
        split: "train", "val" or "test".
        json_path: file for the metrics.
        picture: PNG, SVG or PDF file that shows a few cubes: true density, decoded density, and atoms.
        max_cubes: evaluate about this many cubes, of crystals chosen at random by the seed; by default all.
        seed: seed of the cubes' origins and rotations, and of the split if the data has none.
    """
    check_positive(max_cubes=max_cubes)
    if picture:
        require("matplotlib", "plot")
    with importing():
        from ..report.evaluation import evaluate_model
    evaluate_model(model, data, split, json_path=json_path, picture=picture, max_cubes=max_cubes, seed=seed)


COMMAND = evaluate
