"""Files are written whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from crystalgrid.errors import InputError
from crystalgrid.files import written_whole


def write_on_a_full_disk(path: Path) -> None:
    with written_whole(path) as temporary:
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_names_the_file_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"model\.pt: no space left"):
        write_on_a_full_disk(tmp_path / "model.pt")
    assert list(tmp_path.iterdir()) == []
