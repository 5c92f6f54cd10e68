"""Released models: folders of `models/` that travel with the package, with weights that say what they are."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ..errors import InputError
from ..files import shipped, written_whole
from ..nets.network import CrystalNet
from .checkpoint import load_run, untrained
from .state_names import state_for_file, state_from_file

FORMAT = 1
WEIGHTS = "weights.safetensors"


def released() -> dict[str, Path]:
    """The folders of the models that come with the package, by name."""
    return {file.parent.name: file.parent for file in sorted(shipped("models").glob(f"*/{WEIGHTS}"))}


def write_weights(run: Path, folder: Path) -> None:
    """Write the weights of a training run in half precision, and what they are."""
    network, about = load_run(run)
    about = {**named(about), "format": FORMAT}
    tensors = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in state_for_file(network).items()
    }
    with written_whole(folder / WEIGHTS) as temporary:
        save_file(tensors, temporary, {"crystalgrid": json.dumps(about)})


def named(about: dict[str, Any]) -> dict[str, Any]:
    """The account of a run, its prior, and what these began with, with files of crystals by their names alone."""
    parts = {part: named(about[part]) for part in about.keys() & {"prior", "start"}}
    return {**about, **parts, "data": {**about["data"], "source": Path(about["data"]["source"]).name}}


def load_released(folder: Path) -> tuple[CrystalNet, dict[str, Any]]:
    """The networks of a released model, in evaluation mode on the CPU, and what it says about itself.

    Raises InputError for a folder without weights, and for weights that are damaged or of another format.
    """
    path = folder / WEIGHTS
    if not path.is_file():
        raise InputError(f"{folder}: holds no {WEIGHTS}")
    try:
        with safe_open(path, "pt") as file:
            about = json.loads((file.metadata() or {}).get("crystalgrid", "{}"))
            if about.get("format") != FORMAT:
                raise InputError(f"{path}: release format {about.get('format')}, this version reads format {FORMAT}")
            network = untrained(about, path)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            network.load_state_dict(state_from_file(network, tensors))
    except (SafetensorError, RuntimeError) as error:
        reason = str(error).partition("\n")[0][:80]
        raise InputError(f"{path}: damaged, or not the weights of a crystalgrid model ({reason})") from None
    return network.eval(), about
