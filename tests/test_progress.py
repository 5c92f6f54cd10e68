"""Progress in a log: lines with how much is done, how fast, and how much time is left."""

import itertools

import pytest

from crystalgrid import progress as module
from crystalgrid.progress import progress


@pytest.fixture(autouse=True)
def _a_clock_of_seven_seconds_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.time, "monotonic", itertools.count(0.0, 7.0).__next__)


def test_a_log_says_how_much_time_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(range(5), "reading")) == [0, 1, 2, 3, 4]
    assert capsys.readouterr().err.splitlines() == [
        "reading: 2 of 5, 0.1/s, 00:21 left",
        "reading: 4 of 5, 0.1/s, 00:07 left",
        "reading: 5 done in 42.0 s",
    ]


def test_a_log_of_an_unknown_number(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(iter("abc"), "reading")) == ["a", "b", "c"]
    assert capsys.readouterr().err.splitlines() == ["reading: 2 done, 0.1/s", "reading: 3 done in 28.0 s"]
