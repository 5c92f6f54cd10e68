"""Precision: a step of training computes in bfloat16 where the recipe asks for it and the machine has it."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from crystalgrid.artifacts.recipe import Optimizer
from crystalgrid.training.clock import Clock
from crystalgrid.training.log import Log
from crystalgrid.training.loop import Loop


class Line:
    """The smallest task: a line through one point, whose values are kept to see their type."""

    def __init__(self, precision: str) -> None:
        self.net = nn.Linear(1, 1)
        self.options = Optimizer(learning_rate=0.1, batch_size=1, steps=1, precision=precision)

    def parameter_groups(self) -> list[dict]:
        return [{"params": self.net.parameters(), "share": 1.0}]

    def losses(self, batch: int) -> dict[str, Tensor]:
        self.value = self.net(torch.ones(1, 1))
        return {"loss": self.value.float().square().sum()}


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize(("precision", "has_bf16", "dtype"), [
    ("bf16-mixed", True, torch.bfloat16), ("bf16-mixed", False, torch.float32), ("32-true", True, torch.float32),
])  # fmt: skip
def test_a_step_has_the_precision_of_recipe_and_machine(
    precision: str,
    has_bf16: bool,
    dtype: torch.dtype,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.setattr("crystalgrid.training.precision.has_bf16", lambda: has_bf16)
    task = Line(precision)
    before = task.net.weight.detach().clone()
    Loop(task, Log(tmp_path), [], Clock())._train_step()
    assert task.value.dtype == dtype
    assert task.net.weight.dtype == torch.float32
    assert not torch.equal(task.net.weight, before)
    assert ("training in float32" in capsys.readouterr().err) == (precision == "bf16-mixed" and not has_bf16)
