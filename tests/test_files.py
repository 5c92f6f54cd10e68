"""Files are written whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from crystalgrid.errors import InputError
from crystalgrid.files import check_output, written_whole


def write_on_a_full_disk(path: Path) -> None:
    with written_whole(path) as temporary:
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_names_the_file_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"model\.pt: no space left"):
        write_on_a_full_disk(tmp_path / "model.pt")
    assert list(tmp_path.iterdir()) == []


def test_names_that_cannot_be_written_to_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="wanted a file to write to, but a folder has that name"):
        check_output(tmp_path)
    with pytest.raises(InputError, match=r"its folder .*/nowhere does not exist"):
        check_output(tmp_path / "nowhere" / "a.json")
    monkeypatch.setattr(os, "access", lambda *_: False)  # who runs the tests may be allowed everything
    with pytest.raises(InputError, match=r"a\.json: its folder .* may not be written to"):
        check_output(tmp_path / "a.json")
