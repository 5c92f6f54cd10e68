"""Files that come with the package, and output that is written completely or not at all."""

import errno
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import InputError


def shipped(folder: str) -> Path:
    """Return a folder that comes with the package (`models`, `export`, `cpp`), installed or in the checkout."""
    package = Path(__file__).parent
    installed = package / "share" / folder
    return installed if installed.is_dir() else package.parents[1] / folder


def as_path(name: str, value: Any) -> Path:
    """Return `value` as a path; raise InputError that calls it `name` if it is not one."""
    try:
        return Path(value)
    except TypeError:
        raise InputError(f"{name}: wanted a path, got {value!r:.60}") from None


def check_output(path: Path, inputs: Iterable[Path | str] = ()) -> None:
    """Raise InputError if no file can be written under that name, or one would take the place of an input."""
    if path.is_file() and any(os.path.exists(other) and path.samefile(other) for other in inputs):
        raise InputError(f"{path}: is an input, too; give the output another name")
    if path.is_dir() or not path.name:
        raise InputError(f"{path}: wanted a file to write to, but a folder has that name")
    if not path.parent.is_dir():
        raise InputError(f"{path}: its folder {path.parent} does not exist")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"{path}: its folder {path.parent} may not be written to")


def replaced_note(path: Path) -> str:
    """Return what to add to the line about an output file that is about to be written: that an earlier one is lost."""
    return ", in place of an earlier file" if path.exists() else ""


@contextmanager
def full_disk_named(path: Path) -> Iterator[None]:
    """Raise InputError that names `path` if the block finds no space left."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise InputError(f"{path}: no space left to write it") from error


@contextmanager
def written_whole(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it takes its name if the block succeeds and is removed otherwise."""
    path = Path(path)
    check_output(path)
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    temporary.touch(exist_ok=False)  # with the permissions that the user's new files have, unlike tempfile's
    try:
        with full_disk_named(path):
            yield temporary
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def folder_written_whole(path: Path | str) -> Iterator[Path]:
    """Yield a new temporary folder beside `path`; it takes its name if the block succeeds and is removed otherwise.

    Raises InputError if `path` exists and is not an empty folder.
    """
    path = Path(path).absolute()
    is_new = not path.exists()
    new_folder(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    temporary.mkdir()
    try:
        with full_disk_named(path):
            yield temporary
            path.rmdir()
            temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if is_new and path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def new_folder(path: Path | str) -> Path:
    """Make an output folder; raise InputError if one exists that is not empty, rather than write into it."""
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: wanted a folder to write to, but a file has that name")
    if path.is_dir() and any(path.iterdir()):
        raise InputError(f"{path}: the output folder exists and is not empty; choose another or remove it")
    path.mkdir(parents=True, exist_ok=True)
    return path
