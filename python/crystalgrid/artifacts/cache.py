"""The cache: files that are made on first use, such as the sampler, by one process at a time."""

from __future__ import annotations

import fcntl
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from ..errors import InputError

NAME = "crystalgrid"


def cache_folders() -> list[Path]:
    """Return the folders that cached files are looked for in; they are made in the first that can be written to.

    They are $XDG_CACHE_HOME/crystalgrid, or ~/.cache/crystalgrid, and then, for a user whose home is read-only or
    missing, a temporary folder of this user alone.
    """
    temporary = Path(tempfile.gettempdir()) / f"{NAME}-{os.getuid()}"
    folders = [] if temporary.exists() and temporary.stat().st_uid != os.getuid() else [temporary]
    try:
        return [Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / NAME, *folders]
    except RuntimeError:  # neither $HOME nor an entry in passwd
        return folders


def cached(name: str, message: str, make: Callable[[Path], object]) -> Path:
    """Return the cached file of that name; where there is none, print `message` and call `make(path)` first.

    Of the processes that start together, the first makes the file; the others wait and find it.
    """
    for folder in cache_folders():
        if (folder / name).exists():  # in a folder that may be read-only
            return folder / name
    path = _first_writable(tuple(cache_folders())) / name
    with (path.parent / f".{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another process that makes {path} …", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            print(message, file=sys.stderr, flush=True)
            make(path)
    return path


@lru_cache  # so that it is said once
def _first_writable(folders: tuple[Path, ...]) -> Path:
    """Return the first folder that can be made and written to, and print it where that is the temporary one."""
    for folder in folders:
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK | os.X_OK):
            if folder.name != NAME:
                line = f"the home folder cannot be written to, so that {folder} is used; XDG_CACHE_HOME names a cache"
                print(line, file=sys.stderr, flush=True)
            return folder
    raise InputError("cache: wanted a folder to write to; XDG_CACHE_HOME=FOLDER names one")
