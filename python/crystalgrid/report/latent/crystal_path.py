"""The line between the latent vectors of two crystals: the crystals on it, as files, a picture and a film."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import Tensor

from ...data.crystalset import CrystalSet
from ...data.reader import read
from ...errors import InputError, require
from ...files import folder_written_whole
from ...generation.latent_model import LatentModel
from ...latents import line
from .crystal_folder import SYMPREC, XYZ, write_crystals, write_xyz
from .decode_file import TOO_CLOSE, decode_all
from .film import aligned_cells, draw_film, draw_strip

MOST_STEPS = 101
FRAMES_PER_STEP = 4
"""The frames of the film from one crystal of the table to the next."""


def write_crystal_path(model: LatentModel, name: str, a: Path, b: Path, out: Path, steps: int) -> None:
    """Write the crystals on the line between two, evenly spaced, with a picture and a film; `name`: of the model.

    Raises InputError for a file without a crystal that can be encoded, and if no crystal on the line can be decoded.
    """
    require("matplotlib", "plot")
    if not 2 <= steps <= MOST_STEPS:
        raise InputError(f"--steps: wanted 2 to {MOST_STEPS}, as both ends count, got {steps}")
    with folder_written_whole(out) as folder:
        start, end = (encode_first(path, model) for path in (a, b))
        fractions = np.linspace(0, 1, FRAMES_PER_STEP * (steps - 1) + 1)
        z = line(start, end, len(fractions))
        decoded = dict(enumerate(decode_all(model, z)))
        crystals = {i: crystal for i, crystal in decoded.items() if crystal is not None}
        steps_with_crystal = [i for i in range(0, len(z), FRAMES_PER_STEP) if i in crystals]
        if not steps_with_crystal:
            raise InputError(f"{a}, {b}: no crystal on the line between them; {TOO_CLOSE}")
        np.save(folder / "latents.npy", z[::FRAMES_PER_STEP].numpy())
        cells = dict(zip(crystals, aligned_cells(list(crystals.values()), SYMPREC), strict=True))
        frames = {i: (cells[i], crystals[i].symmetry(SYMPREC), f"{100 * fractions[i]:.0f} %") for i in crystals}
        draw_film(folder / "path.gif", list(frames.values()))
        draw_strip(folder / "path.png", [frames[i] for i in steps_with_crystal])
        ids = [i // FRAMES_PER_STEP for i in steps_with_crystal]
        columns = {"fraction": [round(float(fractions[i]), 4) for i in steps_with_crystal]}
        left_out = [(str(i), TOO_CLOSE) for i in range(steps) if i not in ids]
        on_line = CrystalSet.from_crystals([crystals[i] for i in steps_with_crystal], ids)
        write_crystals(folder, on_line, name, columns, left_out)
        write_xyz(folder / XYZ, [cells[i] for i in steps_with_crystal])
    print(f"{out}: {len(ids)} crystals of {steps} steps, path.png and path.gif")


def encode_first(path: Path, model: LatentModel) -> Tensor:
    """Return the latent vector [latent_dim] of the first crystal in a file that the model can encode."""
    reason = "no crystal in it"
    for crystal in read(path):
        mu, _, reasons = model.encode_some([crystal])
        if not reasons:
            return mu[0]
        reason = reasons[0]
    raise InputError(f"{path}: {reason}")
