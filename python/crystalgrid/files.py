"""Where files are found and how they are written: whole or not at all."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import InputError


def shipped(folder: str) -> Path:
    """A folder that travels with the package (`models`, `export`, `cpp`): inside it, or the checkout's."""
    package = Path(__file__).parent
    installed = package / "share" / folder
    return installed if installed.is_dir() else package.parents[1] / folder


def as_path(name: str, value: Any) -> Path:
    """`value`, if it can be one. Raises InputError that calls it `name`."""
    try:
        return Path(value)
    except TypeError:
        raise InputError(f"{name}: wanted a path, got {value!r:.60}") from None


def check_output(path: Path) -> None:
    """Raise InputError where no file can be written under that name."""
    if path.is_dir() or not path.name:
        raise InputError(f"{path}: wanted a file to write to, but a folder has that name")
    if not path.parent.is_dir():
        raise InputError(f"{path}: its folder {path.parent} does not exist")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"{path}: its folder {path.parent} may not be written to")


@contextmanager
def written_whole(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it takes the name only if the block succeeds, else it is removed."""
    path = Path(path)
    check_output(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise InputError(f"{path}: no space left to write it") from error
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def new_folder(path: Path | str) -> Path:
    """Make an output folder; one that exists with content is refused rather than written over."""
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: wanted a folder to write to, but a file has that name")
    if path.is_dir() and any(path.iterdir()):
        raise InputError(f"{path}: the output folder exists and is not empty; choose another or remove it")
    path.mkdir(parents=True, exist_ok=True)
    return path
