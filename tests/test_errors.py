"""Commands end with an exit code and one line, and on request with where an error came from."""

from collections.abc import Callable

import pytest
import torch

from crystalgrid.errors import InputError, run_command


def raises(error: BaseException) -> Callable[[], None]:
    """Return a command that raises `error`."""

    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("a.cif: wanted\n  a crystal"), 1, "error: a.cif: wanted a crystal\n"),
        (PermissionError(13, "Permission denied", "a.pt"), 1, "error: [Errno 13] Permission denied: 'a.pt'\n"),
        (torch.OutOfMemoryError("tried to allocate 1 GiB"), 1, "error: tried to allocate 1 GiB\n"),
        (KeyboardInterrupt(), 130, "error: interrupted\n"),
    ],
)
def test_errors_of_users_and_machines_are_one_line(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit:
        run_command(raises(error))
    assert (exit.value.code, capsys.readouterr().err) == (code, line)


def test_a_traceback_can_be_had(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run_command(raises(FileNotFoundError(2, "No such file", "a.pt")), verbose=True)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "error: [Errno 2] No such file: 'a.pt'"


def test_bugs_are_not_hidden() -> None:
    with pytest.raises(RuntimeError, match="a bug"):
        run_command(raises(RuntimeError("a bug")))


def test_success_is_0() -> None:
    with pytest.raises(SystemExit) as exit:
        run_command(lambda: None)
    assert exit.value.code == 0
