"""The interface between the training loop and the thing that is trained."""

from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from ..artifacts.metadata import RunInfo
from ..artifacts.recipe import Optimizer
from ..nets.network import CrystalNet


class Task(Protocol):
    """The thing that is trained: networks, and what one step, a validation and a picture of them are."""

    net: CrystalNet

    @property
    def options(self) -> Optimizer:
        """Optimiser, batch size, and how often to validate."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return groups for the optimiser, each with the `share` of the learning rate that it gets."""

    def losses(self, batch: int) -> dict[str, Tensor]:
        """Return the losses of the training batch of this index; `loss` is descended."""

    def validate(self, held_out: Any) -> dict[str, Tensor]:
        """Return the losses of one batch of held-out data."""

    def draw(self, path: Path, held_out: Any) -> None:
        """Draw what the networks do now."""

    def describe(self, step: int, seconds: float, decay_ends: int) -> RunInfo:
        """Return the description of the run after a step, for a checkpoint."""
