"""The folder of a training run: made for a new run, checked and tidied for one that is resumed."""

from pathlib import Path
from typing import Any

from ..artifacts.recipe import recipe_from
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


def check_same_run(now: dict[str, Any], then: dict[str, Any], out: Path) -> None:
    """Raise InputError unless a run resumed as `now` is the run that `then`, in its folder, says it was."""
    then = {**then, "recipe": recipe_from(then["recipe"], str(out)).to_dict()}  # which may be of an earlier version
    if now["processes"] != then.get("processes", 1):  # which runs of one process once did not say
        raise InputError(f"{out}: was trained by {then.get('processes', 1)} processes; resume with as many")
    for key, name in (("mode", "--mode"), ("start", "--start"), ("recipe", "--recipe"), ("seed", "--seed")):
        if now.get(key) != then.get(key):
            raise InputError(f"{out}: was trained with another {name}; give the same to resume")
    if now["data"]["checksum"] != then["data"]["checksum"]:
        raise InputError(
            f"{out}: was trained on other crystals ({then['data']['source']}); give the same --data to resume"
        )
