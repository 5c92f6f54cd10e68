"""`crystalgrid prior`: learn the distribution of crystals, so that draws decode to crystals."""

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

    Writes a new run, OUT, with the model's networks unchanged and the prior beside them; evaluate, export and sample
    from it as from the model. Ctrl-C stops after the current step with a checkpoint; the same command with
    --resume goes on from it, on a CPU exactly.

    Args:
        model: folder of a training run, or the name of a released model; its own prior, if any, is replaced.
        out: folder of the new run; must be new or empty, unless --resume.
        data: crystals whose distribution is learned: "prototypes", a Parquet file, or a folder.
        start: training run or released model, perhaps the same, whose prior to start from in place of new weights, at
            the full learning rate.
        seed: seed of the prior's first weights, the order of crystals, the positions of cubes, and the noise.
        max_steps: stop after this many steps in total; by default 10,000, or 40,000 for a prior of unit cells.
        minutes: stop this many minutes after the start, with the last validation done; a resumed run counts the minutes
            before it, too.
        resume: go on from OUT/checkpoints/last.ckpt.
        devices: number of GPUs of this machine, or "auto" for all; without a GPU, the CPU. `torchrun` overrides it.
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
