"""The folder of a training run, which is made for a new run, and checked and tidied for a resumed one."""

from pathlib import Path

from ..artifacts.generator_info import Info
from ..errors import InputError
from ..files import new_folder
from .processes import first_process


def prepare_folder(out: Path, resume: bool) -> None:
    """Make a run's folder, or clear a resumed one of checkpoints that were being written when the run was killed."""
    if not first_process():
        return
    if not resume:
        new_folder(out)
        (out / "checkpoints").mkdir()
    for unfinished in (out / "checkpoints").glob(".*.ckpt"):
        unfinished.unlink()


def check_same_run(now: Info, before: Info, out: Path) -> None:
    """Raise InputError unless a run that is resumed as `now` is the run that its folder describes as `before`."""
    if now.processes != before.processes:
        raise InputError(f"{out}: was trained by {before.processes} processes; resume with as many")
    for same, option in (
        (now.mode == before.mode, "--mode"),
        (now.start == before.start, "--start"),
        (now.recipe == before.recipe, "--recipe"),
        (now.seed == before.seed, "--seed"),
    ):
        if not same:
            raise InputError(f"{out}: was trained with another {option}; give the same to resume")
    if now.data.checksum != before.data.checksum:
        raise InputError(f"{out}: was trained on other crystals ({before.data.source}); give the same --data to resume")
