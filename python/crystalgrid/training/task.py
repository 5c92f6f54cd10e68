"""The interface between the training loop and the thing that is trained."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch import Tensor, nn

from ..artifacts.generator_info import Info
from ..artifacts.recipe import Optimizer


class Task(Protocol):
    """A task of the training loop: networks, with the losses of a step, a validation and a picture."""

    @property
    def net(self) -> nn.Module:
        """The networks that are trained."""

    formulas: np.ndarray
    """Hashes of the reduced formulas that the networks are and were trained on, [F] uint64."""

    @property
    def options(self) -> Optimizer:
        """The optimiser, its batch size, and the steps between validations."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return parameter groups for the optimiser, each with its `share` of the learning rate."""

    def losses(self, batch: int) -> dict[str, Tensor]:
        """Return the losses of the training batch of this index; `loss` is minimised."""

    def validate(self, held_out: Any) -> dict[str, Tensor]:
        """Return the losses of one batch of held-out data."""

    def draw(self, path: Path, held_out: Any) -> None:
        """Draw what the networks make of held-out data after the last step."""

    def describe(self, step: int, seconds: float, decay_ends: int) -> Info:
        """Return the description of the run after a step, for a checkpoint."""
