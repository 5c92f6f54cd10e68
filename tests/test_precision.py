"""Precision: bfloat16 only where a machine has it."""

import pytest

from crystalgrid.training.precision import precision_here


@pytest.mark.parametrize(("wanted", "there", "used"), [
    ("bf16-mixed", True, "bf16-mixed"), ("bf16-mixed", False, "32-true"), ("32-true", False, "32-true"),
])  # fmt: skip
def test_what_a_recipe_wants_becomes_what_the_machine_has(
    wanted: str, there: bool, used: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr("crystalgrid.training.precision.has_bf16", lambda: there)
    assert precision_here(wanted) == used
    assert capsys.readouterr().err.count("\n") == (wanted != used)
