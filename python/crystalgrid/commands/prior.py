"""`crystalgrid-prior`: learn what crystals are like, so that draws decode to crystals."""

from pathlib import Path

import tyro

from ..errors import require
from .arguments import check_positive
from .signals import importing


def prior(
    model: tyro.conf.Positional[str],
    out: Path,
    data: str = "prototypes",
    start: str | None = None,
    seed: int = 0,
    max_steps: int | None = None,
    minutes: float | None = None,
    resume: bool = False,
    devices: str = "auto",
) -> None:
    """Learn a prior for a trained model, so that its draws decode to crystals (`torchrun` for several processes).

    Writes a run of its own, OUT, with the model's networks as they are and the prior beside them; evaluate, export and
    sample from it as from the model's. Ctrl-C stops after the current step with a checkpoint; the same command with
    --resume goes on from it, on a CPU exactly.

    Args:
        model: folder of a training run, or the name of a released model; a prior that it has is left out.
        out: folder of the new run; must be new or empty, unless --resume.
        data: crystals that draws shall be like: "prototypes", a Parquet file, or a folder.
        start: training run or released model, maybe the same, whose prior to begin with in place of new weights, at the
            full learning rate.
        seed: of the prior's first weights, the order of crystals, where cubes are cut, and the noise.
        max_steps: stop after so many steps in all; by default 10,000, or 40,000 for a prior of unit cells.
        minutes: stop so many minutes after the start, with the last validation done; a resumed run counts the minutes
            before it, too.
        resume: go on from OUT/checkpoints/last.ckpt.
        devices: how many GPUs of this machine, or "auto" for all; without a GPU, the CPU. `torchrun` overrides it.
    """
    check_positive(max_steps=max_steps, minutes=minutes)
    require("matplotlib", "train")
    with importing():
        from ..training.processes import run_in_processes
        from ..training.train_prior import train_prior
    run_in_processes(
        devices,
        train_prior,
        model=model,
        out=out,
        data=data,
        start=start,
        seed=seed,
        max_steps=max_steps,
        minutes=minutes,
        resume=resume,
    )


COMMAND = prior
