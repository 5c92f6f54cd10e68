"""The files of a source, which is a file or a folder, and the names of their crystals."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ..errors import InputError
from ..files import as_path
from .formats import format_of
from .formats.entry import without_ending

ENDINGS = (".gz", ".cif", ".mcif", ".vasp", ".poscar", ".json", ".jsonl", ".csv", ".extxyz", ".xyz")
"""The endings that are not part of a crystal's name, in the order in which they are removed."""
TABLE, ALL_IN_ONE = "crystals.csv", ("crystals.parquet", "crystals.xyz")
"""The table in folders that the sampler and other commands write, and the files there that hold all crystals."""


class SourceFile(NamedTuple):
    """A file of a source."""

    path: Path
    name: str
    """The file's path within the source, without its ending; ids of its crystals begin with it."""


def find_files(source: str | Path) -> list[SourceFile]:
    """Return the files of a file or folder in order of their paths, without hidden ones.

    Broken links, pipes and sockets are among them, so that they are reported as files that cannot be read. Of a folder
    that a command has written, which has each crystal in several files, only the file that holds all of them is
    returned, and so it is of such folders within the source.
    """
    source = all_in_one(as_path("path", source))
    if source.is_file():
        return [SourceFile(source, _name(source, source.parent))]
    if not source.exists():
        raise InputError(f"{source}: no such file or folder")
    if not source.is_dir():
        raise InputError(f"{source}: wanted a file or a folder, got neither")
    inside = (path.relative_to(source) for path in source.rglob("*") if not path.is_dir() or path.is_symlink())
    paths = [source / path for path in sorted(inside) if not any(part.startswith(".") for part in path.parts)]
    whole_of = {table.parent: all_in_one(table.parent) for table in paths if table.name == TABLE}
    written = {folder: file for folder, file in whole_of.items() if file != folder}
    paths = [path for path in paths if all(written.get(folder, path) == path for folder in path.parents)]
    if not paths:
        raise InputError(f"{source}: wanted a folder with files of crystals, got an empty one")
    return [SourceFile(path, _name(path, source)) for path in paths]


def all_in_one(source: Path) -> Path:
    """Return the file with all crystals of a folder that a command has written, or else the source itself."""
    files = [source / name for name in ALL_IN_ONE if (source / TABLE).is_file() and (source / name).is_file()]
    return files[0] if files else source


def of_known_format(files: list[SourceFile]) -> list[SourceFile]:
    """Return the files of a format that is read; if there are none the first file, for an error that names it."""
    return [file for file in files if format_of(file.path)] or files[:1]


def _name(path: Path, folder: Path) -> str:
    # Names that are not valid Unicode cannot be written to a table: their bytes are escaped.
    name = path.relative_to(folder).as_posix().encode(errors="backslashreplace").decode()
    for ending in ENDINGS:
        name = without_ending(ending, name)
    return name
