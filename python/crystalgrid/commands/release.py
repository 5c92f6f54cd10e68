"""`crystalgrid release`: make a released model from a training run."""

from pathlib import Path

import tyro

from ..errors import require
from .arguments import check_positive
from .signals import importing


def release(
    run: tyro.conf.Positional[Path],
    folder: tyro.conf.Positional[Path],
    data: Path,
    source: str,
    machine: str,
    max_cubes: int | None = None,
) -> None:
    """Make a released model from a training run: weights, metrics on the test split, pictures and the model card.

    The section "Known limits" of an earlier card is kept.

    Args:
        run: folder that crystalgrid-train wrote.
        folder: models/NAME.
        data: Parquet file that the model was trained on.
        source: origin of the data and its licence.
        machine: hardware that the model was trained on.
        max_cubes: evaluate about this many cubes; by default all.
    """
    check_positive(max_cubes=max_cubes)
    require("matplotlib", "plot")
    with importing():
        from ..report.model_card import release_model
    release_model(run, folder, data, source=source, machine=machine, max_cubes=max_cubes)


COMMAND = release
