"""Files are written whole or not at all."""

import errno
import os

import pytest

from crystalgrid.errors import InputError
from crystalgrid.files import written_whole


def test_a_full_disk_names_the_file_and_leaves_nothing(tmp_path):
    path = tmp_path / "model.pt"
    with pytest.raises(InputError, match=r"model\.pt: no space left"), written_whole(path) as temporary:
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert list(tmp_path.iterdir()) == []
