"""Released models: folders of `models/` that come with the package, with weights and their metadata."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ..errors import InputError
from ..files import shipped, written_whole
from .checkpoint import checkpoint_of, load_run, read_checkpoint
from .generator_info import GeneratorInfo, Info, Networks, info_from_dict
from .metadata import FORMAT
from .state_names import state_for_file, state_from_file

WEIGHTS = "weights.safetensors"
FORMULAS = "formulas.npy"
"""The file of the hashes of the reduced formulas that were trained on (see `data.formulas`), [F] uint64."""
DROPPED_BITS = 4
"""The last bits of a number in half precision that are zero in the matrices of released generators."""
KEY = "crystalgrid"
"""The key of the run's description in the file's metadata."""


def released_models() -> dict[str, Path]:
    """Return the folders of the models that come with the package, by name."""
    return {file.parent.name: file.parent for file in sorted(shipped("models").glob(f"*/{WEIGHTS}"))}


def write_weights(run: Path, folder: Path) -> None:
    """Write the weights of a training run in half precision, with its description, to a released model's folder."""
    network, info = load_run(run)
    write_networks(network, info, folder)
    formulas = read_checkpoint(checkpoint_of(run)).formulas
    if formulas is not None:
        write_formulas(folder, formulas)


def write_networks(network: Networks, info: Info, folder: Path) -> None:
    """Write weights in half precision, with the description of their run, to a released model's folder.

    Those of generators, which are the largest, have fewer bits.
    """
    keep = rounded if isinstance(info, GeneratorInfo) else half
    tensors = {name: keep(value).contiguous() for name, value in state_for_file(network).items()}
    with written_whole(folder / WEIGHTS) as temporary:
        metadata = {KEY: json.dumps(info.with_file_names().to_dict())}
        temporary.write_bytes(save(tensors, metadata))  # others may read it: `save_file` would leave it to its owner


def half(value: torch.Tensor) -> torch.Tensor:
    """Return a tensor of real numbers in half precision, any other as it is."""
    return value.half() if value.is_floating_point() else value


def rounded(value: torch.Tensor) -> torch.Tensor:
    """Return a tensor as `half` does, but matrices with 7 significant bits, which take less room in a wheel."""
    if not value.is_floating_point() or value.dim() < 2:
        return half(value)
    bits = value.half().view(torch.int16).int()
    bits = (bits + (1 << (DROPPED_BITS - 1))) >> DROPPED_BITS << DROPPED_BITS
    return bits.to(torch.int16).view(torch.float16)


def write_formulas(folder: Path, formulas: np.ndarray) -> None:
    """Write the hashes of the formulas that a released model was trained on to its folder."""
    with written_whole(folder / FORMULAS) as temporary:
        np.save(temporary, formulas)


def load_released(folder: Path) -> tuple[Networks, Info]:
    """Return the networks of a released model, in evaluation mode on the CPU, and the description of their run.

    Raises InputError for a folder without weights, and for weights that are damaged or of another format.
    """
    path = folder / WEIGHTS
    if not path.is_file():
        raise InputError(f"{folder}: holds no {WEIGHTS}")
    try:
        with safe_open(path, "pt") as file:
            info = read_description(file, path)
            network: Networks = info.build()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            network.load_state_dict(state_from_file(network, tensors))
    except (SafetensorError, RuntimeError) as error:
        reason = str(error).partition("\n")[0][:80]
        raise InputError(f"{path}: damaged, or not the weights of a crystalgrid model ({reason})") from None
    return network.eval(), info


def read_description(file: Any, path: Path) -> Info:
    """Return the description of a released model's run, from its weights opened by safetensors."""
    description = json.loads((file.metadata() or {}).get(KEY, "{}"))
    version = description.get("format")
    if version != FORMAT:
        raise InputError(f"{path}: release format {version}, this version reads format {FORMAT}")
    return info_from_dict(description, str(path))


def released_info(folder: Path) -> Info:
    """Return the description of a released model's run, without its weights."""
    with safe_open(folder / WEIGHTS, "pt") as file:
        return read_description(file, folder / WEIGHTS)
