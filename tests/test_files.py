"""Files are written completely or not at all."""

import errno
import os
import stat
from pathlib import Path

import pytest

from crystalgrid.errors import InputError
from crystalgrid.files import check_output, new_folder, written_whole


def write_on_a_full_disk(path: Path) -> None:
    with written_whole(path) as temporary:
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def fail_after_half(path: Path) -> None:
    with written_whole(path) as temporary:
        temporary.write_text("half")
        raise KeyError


def test_a_full_disk_names_the_file_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"model\.pt: no space left"):
        write_on_a_full_disk(tmp_path / "model.pt")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_only_when_the_new_one_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyError):
        fail_after_half(path)
    assert path.read_text() == "old"
    with written_whole(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_permissions_are_those_of_any_new_file(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        with written_whole(tmp_path / "a.txt") as temporary:
            temporary.write_text("text")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o666 & ~mask


def test_names_that_cannot_be_written_to_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="wanted a file to write to, but a folder has that name"):
        check_output(tmp_path)
    with pytest.raises(InputError, match=r"its folder .*/nowhere does not exist"):
        check_output(tmp_path / "nowhere" / "a.json")
    monkeypatch.setattr(os, "access", lambda *_: False)  # root, who may run the tests, can write everywhere
    with pytest.raises(InputError, match=r"a\.json: its folder .* may not be written to"):
        check_output(tmp_path / "a.json")


def test_no_input_is_written_over(tmp_path: Path) -> None:
    path, link = tmp_path / "a.cif", tmp_path / "b.cif"
    path.write_text("data_a")
    link.symlink_to(path)
    check_output(path, [tmp_path / "other.cif"])
    for inputs in ([path], [tmp_path / "other.cif", str(link)]):
        with pytest.raises(InputError, match=r"a\.cif: is an input, too"):
            check_output(path, inputs)


def test_an_output_folder_is_made_but_none_with_content_is_used(tmp_path: Path) -> None:
    folder = new_folder(tmp_path / "a" / "b")
    assert new_folder(folder) == folder
    (folder / "c.txt").write_text("mine")
    with pytest.raises(InputError, match="the output folder exists and is not empty"):
        new_folder(folder)
    with pytest.raises(InputError, match="wanted a folder to write to, but a file has that name"):
        new_folder(folder / "c.txt")
