"""`crystalgrid release`: make a released model of a training run."""

from pathlib import Path

import tyro

from .entry import importing


def release(
    run: tyro.conf.Positional[Path],
    folder: tyro.conf.Positional[Path],
    data: Path,
    source: str,
    machine: str,
    max_cubes: int | None = None,
) -> None:
    """Make a released model from a training run: weights, metrics on the test split, pictures and the card.

    What an earlier card says under "Known limits" is kept.

    Args:
        run: folder that crystalgrid-train wrote.
        folder: models/NAME.
        data: Parquet file that it was trained on.
        source: where the data are from, and their licence.
        machine: what it was trained on.
        max_cubes: evaluate about so many cubes; by default all.
    """
    with importing():
        from ..report.model_card import release_model
    release_model(run, folder, data, source, machine, max_cubes)


COMMAND = release
